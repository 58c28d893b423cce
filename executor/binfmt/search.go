package binfmt

import (
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// RuleFor gives the distribution's rule for a platform: of those that match its programs and name a static interpreter, the one that
// systemd-binfmt(8) would register last, so that it would get the programs. False: none matches. An error: one does, and its
// interpreter is of no use. Rules that fairlead wrote don't count.
func (h Host) RuleFor(platform string) (Rule, bool, error) {
	m, known := machineOf(platform)
	if !known {
		return Rule{}, false, nil
	}
	rules, err := h.rules()
	if err != nil {
		return Rule{}, false, err
	}
	var unusable error
	for _, r := range slices.Backward(rules) {
		if Owned(r.Name) || !r.matches(m) {
			continue
		}
		err := checkStatic(r.Interpreter)
		if err == nil {
			return r, true, nil
		}
		if unusable == nil {
			unusable = fmt.Errorf("%s: the rule for programs of %s cannot be used: %w", r.File, platform, err)
		}
	}
	return Rule{}, false, unusable
}

// rules reads binfmt.d, in the order that systemd-binfmt(8) registers in: files by name, then lines.
func (h Host) rules() ([]Rule, error) {
	paths := map[string]string{}
	for _, dir := range h.RuleDirs {
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		for _, e := range entries {
			if _, hidden := paths[e.Name()]; !hidden && strings.HasSuffix(e.Name(), ".conf") {
				paths[e.Name()] = filepath.Join(dir, e.Name())
			}
		}
	}
	var out []Rule
	for _, name := range slices.Sorted(maps.Keys(paths)) {
		in, err := readRules(paths[name])
		if err != nil {
			return nil, err
		}
		out = append(out, in...)
	}
	return out, nil
}

// readRules leaves out lines that are no rules: systemd-binfmt(8) warns of them and goes on, and they concern no emulator.
func readRules(path string) ([]Rule, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var out []Rule
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.ContainsAny(line[:1], "#;") {
			continue
		}
		if r, err := ParseRule(line); err == nil {
			r.File = path
			out = append(out, r)
		}
	}
	return out, nil
}

// checkStatic tells whether an interpreter is all that it needs: a container's root has no other part of it.
func checkStatic(path string) error {
	f, err := elf.Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("its interpreter %s is not there. Install %s again", path, Package)
	case err != nil:
		return fmt.Errorf("its interpreter %s is no program that the kernel can load anywhere (%w). Install %s", path, err, Package)
	}
	defer f.Close()
	if slices.ContainsFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }) {
		return fmt.Errorf("its interpreter %s needs libraries of the host, which containers don't have. Install %s", path, Package)
	}
	return nil
}
