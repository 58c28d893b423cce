// Package planner compares what is wanted with what is there and says what must happen: changes for people, and a graph of
// steps for the machine. It is pure: no I/O, no clock, no randomness but what its caller hands in.
package planner
