package planner

import (
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/fairlead-dev/fairlead/spec"
)

// emulatorPackage has the rules of the emulators, in Debian and those that come from it.
const emulatorPackage = "qemu-user-static"

// emulate sees to it that programs of a platform run here: nil, if they do. at is where it is asked for, who by whom.
func (m *maker) emulate(platform string, who string, at hcl.Range) *draft {
	h := m.have.Host
	if len(h.Runs) == 0 || slices.Contains(h.Runs, platform) && !m.persists(platform) {
		return nil
	}
	if d, done := m.emulators[platform]; done {
		return d
	}
	e := h.Emulators[platform]
	switch {
	case e.Rule == "" && slices.Contains(h.Runs, platform):
		m.emulators[platform] = nil
		m.fail(fault(at, "No rule to keep", "Programs of %s run here, by the handler %s, and no rule for them is in binfmt.d to be kept for the next boot. Install the package %s, or take persist out.", platform, e.Handler, emulatorPackage))
		return nil
	case e.Rule == "":
		m.emulators[platform] = nil
		why := "nothing is registered for it"
		if e.Handler != "" {
			why = "the handler " + e.Handler + " does not work"
		}
		m.fail(fault(at, "No emulator", "%s needs programs of %s to run, and this host runs %s: %s, and no rule for it is in binfmt.d. Install the package %s, or choose another platform.", who, platform, strings.Join(h.Runs, ", "), why, emulatorPackage))
		return nil
	case !slices.Contains(h.Runs, platform) && e.Handler != "" && !e.Owned:
		m.emulators[platform] = nil
		m.fail(fault(at, "Emulator does not work", "%s needs programs of %s to run. %s", who, platform, e.Trouble))
		return nil
	}
	for other, d := range m.emulators {
		if d != nil && h.Emulators[other].Rule == e.Rule && !m.persists(platform) { // one emulator runs several platforms
			m.emulators[platform] = d
			return d
		}
	}
	reason := "programs of " + platform + " do not run here, and " + who + " needs them"
	var decl *hcl.Range
	persist := m.persists(platform)
	for _, b := range m.want.Emulators {
		if b.Platform == platform {
			decl = &b.DeclAt
		}
	}
	action := Create
	switch {
	case slices.Contains(h.Runs, platform):
		action, reason = Update, "it is to be registered again at each boot"
	case e.Handler != "":
		action, reason = Update, "the handler "+e.Handler+" does not work any more"
	}
	w := m.add(spec.EmulatorAddr(platform), action, "register", decl, reason)
	d := w.step(&RegisterEmulator{Platform: platform, Persist: persist})
	m.emulators[platform] = d
	return d
}

// persists tells whether a block wants a platform's emulator to be registered at each boot, and it isn't yet.
func (m *maker) persists(platform string) bool {
	return slices.ContainsFunc(m.want.Emulators, func(e *spec.Emulator) bool { return e.Platform == platform && e.Persist }) &&
		!m.have.Host.Emulators[platform].Persisted
}

// decideEmulators sees to the emulator blocks.
func (m *maker) decideEmulators() {
	for _, b := range m.want.Emulators {
		if m.scope.has(b.Addr) {
			m.emulate(b.Platform, b.Addr.String(), b.DeclAt)
		}
	}
}

// emulatorsOf gives the steps that a build's RUN instructions wait for.
func (m *maker) emulatorsOf(im *spec.Image, src *Source) []*draft {
	runs := src.Emulated
	if src.Opaque { // it may run programs of any
		runs = []RunInstruction{{Platforms: m.madeFor(im)}}
	}
	var out []*draft
	for _, r := range runs {
		for _, p := range r.Platforms {
			if d := m.emulate(p, im.Addr.String(), m.imageAt(im)); d != nil {
				out = append(out, d)
			}
		}
	}
	return out
}
