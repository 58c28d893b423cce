// Package buildkit builds images with BuildKit: in a buildkitd that is there already, or in one of its own that it starts for as
// long as it is needed. What it makes is in containerd's content store; whose it is and what it is called, the caller decides.
package buildkit
