package binfmt

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/fairlead-dev/fairlead/spec"
)

// Persist writes a rule that Own made to NAME.conf in PersistDir, from where systemd-binfmt(8) registers it at each boot, and whenever
// it is restarted, as when packages with rules are installed. What a killed one leaves has a name that systemd doesn't read.
func (h Host) Persist(r Rule) error {
	if !Owned(r.Name) {
		return notOwned(r.Name)
	}
	text := "# Written by fairlead, for an emulator block with persist = true. See binfmt.d(5).\n" + r.Line() + "\n"
	err := os.MkdirAll(h.PersistDir, 0o755)
	if err == nil {
		err = spec.ReplaceFile(h.persistFile(r.Name), 0o644, spec.Content([]byte(text)))
	}
	if err != nil {
		return fmt.Errorf("binfmt handler %s: writing it down for the next boot: %w", r.Name, err)
	}
	return nil
}

// Persisted gives the rule that Persist wrote under a name; false: there is none.
func (h Host) Persisted(name string) (Rule, bool, error) {
	rules, err := readRules(h.persistFile(name))
	if errors.Is(err, fs.ErrNotExist) {
		return Rule{}, false, nil
	}
	if err != nil || len(rules) == 0 {
		return Rule{}, false, err
	}
	return rules[0], true, nil
}

func (h Host) persistFile(name string) string {
	return filepath.Join(h.PersistDir, name+".conf")
}
