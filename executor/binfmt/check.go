package binfmt

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
)

// State is what a host can do for a platform.
type State string

// The states. Missing asks for Register; what Broken, Unfixed and Disabled ask for depends on whose the handler is.
const (
	Native   State = "native"   // the processor and the kernel run its programs
	Works    State = "works"    // a handler does, in any root
	Missing  State = "missing"  // nothing does
	Disabled State = "disabled" // a handler would, and is switched off
	Unfixed  State = "unfixed"  // a handler does, only where its interpreter is: it has no F
	Broken   State = "broken"   // a handler is there, and the probe fails
)

// Status is a State with what it was told by.
type Status struct {
	Platform string
	State    State
	Handler  Handler // zero if native or missing
	Problem  string  // a sentence with what to do, where the handler is there and does not serve
}

// Check finds out whether programs of a platform run in containers, by running one. It changes nothing.
func (h Host) Check(ctx context.Context, platform string) (Status, error) {
	s := Status{Platform: platform, State: Missing}
	m, known := machineOf(platform)
	if !known {
		return s, nil
	}
	all, err := h.Handlers()
	if err != nil {
		return s, err
	}
	handler, registered := handlerOf(all, m)
	file := filepath.Join(h.Mount, handler.Name)
	if registered && handler.Enabled && !handler.Fixed() {
		s.State, s.Handler = Unfixed, handler
		s.Problem = fmt.Sprintf("%s: the handler for %s has no flag F, so containers don't find its interpreter %s. "+
			"Register it with F, or take it away: echo -1 > %[1]s", file, platform, handler.Interpreter)
		return s, nil
	}
	err = m.probe(ctx)
	if ctx.Err() != nil {
		return s, ctx.Err()
	}
	switch {
	case err == nil && registered && handler.Enabled:
		s.State, s.Handler = Works, handler
	case err == nil:
		s.State = Native
	case registered && !handler.Enabled && errors.Is(err, ErrNoHandler):
		s.State, s.Handler = Disabled, handler
		s.Problem = fmt.Sprintf("%s: the handler for %s is switched off. Switch it on: echo 1 > %[1]s, and the same for %[3]s",
			file, platform, filepath.Join(h.Mount, "status"))
	case registered:
		s.State, s.Handler = Broken, handler
		s.Problem = fmt.Sprintf("%s: the handler for %s does not serve: %v. Take it away: echo -1 > %[1]s, and apply again", file, platform, err)
	case !errors.Is(err, ErrNoHandler):
		return s, fmt.Errorf("platform %s: %w", platform, err)
	}
	return s, nil
}
