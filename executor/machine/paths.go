package machine

import (
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"
)

// DefaultDataRoot is where fairlead keeps its files.
const DefaultDataRoot = "/var/lib/fairlead"

// lockRoot is where locks are. It is empty after a reboot, as they would be.
const lockRoot = "/run/fairlead/locks"

// Paths says where everything is that fairlead keeps on a machine, for one namespace of one daemon. An upgrade must find what is there, so
// no path ever changes.
type Paths struct {
	Root      string // the data root, absolute
	Socket    string // of the daemon, absolute
	Namespace string
}

// Key is the file of the host's key.
func (p Paths) Key() string { return filepath.Join(p.Root, "key") }

// Cache is the directory of what files were when they were last read.
func (p Paths) Cache() string { return filepath.Join(p.Root, "seen") }

// Engine is the directory of a private containerd.
func (p Paths) Engine() string { return filepath.Join(p.Root, "engine") }

// LostOutput is the directory of outputs that nobody read.
func (p Paths) LostOutput() string { return filepath.Join(p.Root, "output") }

// Builder is the directory of the own buildkitd.
func (p Paths) Builder() string {
	return filepath.Join(p.Root, "buildkit", hash(realPath(p.Socket) + "\x00" + p.Namespace)[:8])
}

// Objects is the directory of the files of all containers, by stack and ID.
func (p Paths) Objects() string {
	return filepath.Join(p.Root, hash(realPath(p.Socket))[:8], p.Namespace)
}

// Container is the directory of a container's files, in the stack's, which "" as its ID gives.
func (p Paths) Container(stack, id string) string { return filepath.Join(p.Objects(), stack, id) }

// StackLock is the lock of a stack.
func (p Paths) StackLock(stack string) string { return p.lock("", stack) }

// HandLock is the lock of a run by hand, which has an ID.
func (p Paths) HandLock(id string) string { return p.lock("by-hand", id) }

// ImageLock is the lock of an image record.
func (p Paths) ImageLock(name string) string { return p.lock("images", hash(name)[:32]) }

func (p Paths) lock(dir, name string) string {
	return filepath.Join(lockRoot, hash(realPath(p.Socket))[:16], p.Namespace, dir, name+".lock")
}

func realPath(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return path
}

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
