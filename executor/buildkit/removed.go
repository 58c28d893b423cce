package buildkit

import (
	"os"
	"path/filepath"
	"strings"
	"time"
)

// A killed buildkitd may have asked for a task that containerd creates only after sweep removed the container. Nobody knows the task's shim then, so the
// IDs of removed containers are kept in a file below the root, and later runs look for their shims again.
const removedName = "removed"

// removedLife bounds how long after the last removal containerd may still carry out what a killed buildkitd asked for.
const removedLife = 5 * time.Minute

// noteRemoved passes the ID of a removed container on, and keeps it for later runs. The root's lock must be held.
func (b *Builder) noteRemoved(id string) error {
	if b.o.Removed != nil {
		b.o.Removed(id)
	}
	f, err := os.OpenFile(b.removedFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString(id + "\n")
	return err
}

// recallRemoved passes on the IDs that earlier runs kept.
func (b *Builder) recallRemoved() {
	path := b.removedFile()
	text, err := os.ReadFile(path)
	if err != nil || b.o.Removed == nil {
		return // there is none
	}
	for id := range strings.Lines(string(text)) {
		b.o.Removed(strings.TrimSpace(id))
	}
	if info, err := os.Stat(path); err == nil && time.Since(info.ModTime()) > removedLife {
		_ = os.Remove(path) // one that stays is read again
	}
}

func (b *Builder) removedFile() string { return filepath.Join(b.root(), removedName) }
