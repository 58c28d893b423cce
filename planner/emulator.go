package planner

import (
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/fairlead-dev/fairlead/spec"
)

// emulatorPackage has the rules of the emulators, in Debian and those that come from it.
const emulatorPackage = "qemu-user-static"

// emulate decides, once, on the emulator of a platform that who needs; at is where its block says so. It gives nil where the platform's
// programs run without a step.
func (pb *planBuilder) emulate(platform string, who string, at hcl.Range) *decision {
	h, a, persist := pb.have.Host, spec.EmulatorAddr(platform), pb.persists(platform)
	runs := slices.Contains(h.Runs, platform)
	if len(h.Runs) == 0 || runs && !persist {
		return nil
	}
	if d := pb.decisions[a]; d != nil {
		return d
	}
	e, d := h.Emulators[platform], &decision{}
	pb.decisions[a] = d
	switch {
	case e.Rule == "" && runs:
		pb.fail(fault(at, "No rule to keep", "Programs of %s run here, by the handler %s, and no rule for them is in binfmt.d to be kept for the next boot. Install the package %s, or take persist out.", platform, e.Handler, emulatorPackage))
		return d
	case e.Rule == "":
		why := "nothing is registered for it"
		if e.Handler != "" {
			why = "the handler " + e.Handler + " does not work"
		}
		pb.fail(fault(at, "No emulator", "%s needs programs of %s to run, and this host runs %s: %s, and no rule for it is in binfmt.d. Install the package %s, or choose another platform.", who, platform, strings.Join(h.Runs, ", "), why, emulatorPackage))
		return d
	case !runs && e.Handler != "" && !e.Owned:
		pb.fail(fault(at, "Emulator does not work", "%s needs programs of %s to run. %s", who, platform, e.Trouble))
		return d
	}
	if !persist {
		for other, x := range h.Emulators { // one emulator runs several platforms
			if registers := pb.decisionOf(spec.EmulatorAddr(other)).created; x.Rule == e.Rule && registers != nil {
				registers.give(ready(a))
				return d
			}
		}
	}
	action, reason := Create, "programs of "+platform+" do not run here, and "+who+" needs them"
	switch {
	case runs:
		action, reason = Update, "it is to be registered again at each boot"
	case e.Handler != "":
		action, reason = Update, "the handler "+e.Handler+" does not work any more"
	}
	var decl *hcl.Range
	for _, b := range spec.Of[*spec.Emulator](pb.want) {
		if b.Addr == a {
			decl = &b.DeclAt
		}
	}
	w := pb.add(a, action, "register", decl, reason)
	d.created = w.step(&RegisterEmulator{Platform: platform, Persist: persist}).give(ready(a))
	return d
}

// persists tells whether a block asks for a platform's emulator to be registered at each boot, and it isn't yet.
func (pb *planBuilder) persists(platform string) bool {
	b, ok := pb.want.Get(spec.EmulatorAddr(platform)).(*spec.Emulator)
	return ok && b.Persist && !pb.have.Host.Emulators[platform].Persisted
}

// decideEmulators sees to the emulator blocks.
func (pb *planBuilder) decideEmulators() {
	for _, b := range spec.Of[*spec.Emulator](pb.want) {
		if pb.scope.has(b.Addr) {
			pb.emulate(b.Platform, b.Addr.String(), b.DeclAt)
		}
	}
}

// emulatorsOf decides on the emulators that a build's RUN instructions need, and gives the facts that the build needs for that.
func (pb *planBuilder) emulatorsOf(im *spec.Image, src *Source) []fact {
	runs := src.Emulated
	if src.Opaque { // any RUN may be in it
		runs = []RunInstruction{{Platforms: pb.buildPlatforms(im)}}
	}
	var out []fact
	for _, r := range runs {
		for _, p := range r.Platforms {
			pb.emulate(p, im.Addr.String(), pb.sourceRange(im))
			out = append(out, ready(spec.EmulatorAddr(p)))
		}
	}
	return out
}
