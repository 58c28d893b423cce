package binfmt

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Register gives a rule to the kernel, in place of one of the same name. The rule is one that Own made: it is fairlead's by its name,
// and has F. binfmt_misc is mounted if it isn't. Of all handlers that match, the last that was registered gets the programs.
func (h Host) Register(r Rule) error {
	if !strings.Contains(r.Flags, "F") {
		return fmt.Errorf("binfmt handler %s: it has no flag F, so that containers would not find its interpreter", r.Name)
	}
	if err := h.mount(); err != nil {
		return err
	}
	if err := h.Unregister(r.Name); err != nil {
		return err
	}
	err := writeOnce(filepath.Join(h.Mount, "register"), r.Line())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("binfmt handler %s: its interpreter %s is not there. Install %s (%w)", r.Name, r.Interpreter, Package, err)
	case err != nil:
		return fmt.Errorf("binfmt handler %s: registering it: %w", r.Name, err)
	}
	return nil
}

// Unregister takes a handler of fairlead's from the kernel, if it is there. Programs that run go on.
func (h Host) Unregister(name string) error {
	if !Owned(name) {
		return notOwned(name)
	}
	err := writeOnce(filepath.Join(h.Mount, name), "-1")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("binfmt handler %s: taking it away: %w", name, err)
	}
	return nil
}

func notOwned(name string) error {
	return fmt.Errorf("binfmt handler %s: it is not fairlead's, whose names begin with %s", name, ownPrefix)
}

// writeOnce writes a text in one call: the kernel's files take each write for a whole command.
func writeOnce(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}
