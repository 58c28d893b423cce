// Package ctrd is the host: Reader reads a containerd into planner.State, and Writer makes the calls that a plan's steps ask for.
// A Reader's type has no mutating call. Neither decides anything: what is to be done is in the op.
package ctrd
