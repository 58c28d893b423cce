package binfmt

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Handler is a rule that the kernel has.
type Handler struct {
	Name    string
	Enabled bool // it, and binfmt_misc as a whole
	Pattern
	Interpreter string
	Flags       string
}

// Fixed tells whether the handler serves in any root.
func (h Handler) Fixed() bool { return strings.Contains(h.Flags, "F") }

// Owned tells whether fairlead registered the handler.
func (h Handler) Owned() bool { return Owned(h.Name) }

// Handlers gives what is registered, in the kernel's order: the first that matches a program gets it. Without binfmt_misc there are
// none.
func (h Host) Handlers() ([]Handler, error) {
	if !h.Mounted() {
		return nil, nil
	}
	// The kernel lists what came last first, which is the order that it searches in as well.
	dir, err := os.Open(h.Mount)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	status, err := os.ReadFile(filepath.Join(h.Mount, "status"))
	if err != nil {
		return nil, err
	}
	var out []Handler
	for _, name := range names {
		if name == "register" || name == "status" {
			continue
		}
		text, err := os.ReadFile(filepath.Join(h.Mount, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue // it went meanwhile
		}
		if err != nil {
			return nil, err
		}
		handler, err := parseHandler(name, string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Join(h.Mount, name), err)
		}
		handler.Enabled = handler.Enabled && strings.TrimSpace(string(status)) == "enabled"
		out = append(out, handler)
	}
	return out, nil
}

// parseHandler reads the kernel's file of a handler.
func parseHandler(name, text string) (Handler, error) {
	h := Handler{Name: name}
	var err error
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		switch key {
		case "enabled":
			h.Enabled = true
		case "interpreter":
			h.Interpreter = value
		case "flags:":
			h.Flags = strings.TrimSpace(value)
		case "offset":
			h.Offset, err = strconv.Atoi(value)
		case "magic":
			h.Magic, err = hex.DecodeString(value)
		case "mask":
			h.Mask, err = hex.DecodeString(value)
		}
		if err != nil {
			return h, fmt.Errorf("%s: %w", key, err)
		}
	}
	if h.Mask != nil && len(h.Mask) != len(h.Magic) {
		return h, fmt.Errorf("the mask has %d bytes, and the magic %d", len(h.Mask), len(h.Magic))
	}
	return h, nil
}

// handlerOf gives the handler that takes a machine's programs; one that is disabled only if no other would.
func handlerOf(all []Handler, m machine) (Handler, bool) {
	takes := func(h Handler) bool { return h.matches(m) }
	i := slices.IndexFunc(all, func(h Handler) bool { return h.Enabled && takes(h) })
	if i < 0 {
		i = slices.IndexFunc(all, takes)
	}
	if i < 0 {
		return Handler{}, false
	}
	return all[i], true
}
