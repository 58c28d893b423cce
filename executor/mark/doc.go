// Package mark has the names and contracts on live objects: which labels fairlead, nerdctl and containerd's restart monitor read, whose an
// object is, and what was last asked of a container. It is pure but for the host's key.
package mark
