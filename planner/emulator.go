package planner

import (
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/fairlead-dev/fairlead/spec"
)

// emulatorPackage has the rules of the emulators, in Debian and those that come from it.
const emulatorPackage = "qemu-user-static"

// emulatorKind has no live objects: a handler is the host's, whichever stacks need it.
var emulatorKind = &resourceKind{
	kind:        spec.KindEmulator,
	notCompared: map[string]string{"persist": "what the host has registered is looked at: see persists"},
	decide: func(pb *planBuilder, r spec.Resource) *decision {
		e := r.(*spec.Emulator)
		if pb.scope.has(e.Addr) {
			pb.emulate(e.Platform, e.Addr.String(), e.DeclAt)
		}
		return nil
	},
}

// emulate decides, once, on the emulator of a platform that who needs; at is where its block says so. Where the platform's programs run without
// a step, there is nothing to decide.
func (pb *planBuilder) emulate(platform string, who string, at hcl.Range) {
	h, a, persist := pb.have.Host, spec.EmulatorAddr(platform), pb.persists(platform)
	runs := slices.Contains(h.Runs, platform)
	if len(h.Runs) == 0 || runs && !persist || pb.decisions[a] != nil {
		return
	}
	e, d := h.Emulators[platform], &decision{}
	pb.decisions[a] = d
	switch {
	case e.Rule == "" && runs:
		pb.fail(fault(at, "No rule to keep", "Programs of %s run here, by the handler %s, and no rule for them is in binfmt.d to be kept for the next boot. Install the package %s, or take persist out.", platform, e.Handler, emulatorPackage))
		return
	case e.Rule == "":
		why := "nothing is registered for it"
		if e.Handler != "" {
			why = "the handler " + e.Handler + " does not work"
		}
		pb.fail(fault(at, "No emulator", "%s needs programs of %s to run, and this host runs %s: %s, and no rule for it is in binfmt.d. Install the package %s, or choose another platform.", who, platform, strings.Join(h.Runs, ", "), why, emulatorPackage))
		return
	case !runs && e.Handler != "" && !e.Owned:
		pb.fail(fault(at, "Emulator does not work", "%s needs programs of %s to run. %s", who, platform, e.Trouble))
		return
	}
	if !persist {
		for other, x := range h.Emulators { // one emulator runs several platforms
			if registers := pb.decisionOf(spec.EmulatorAddr(other)).created; x.Rule == e.Rule && registers != nil {
				registers.give(ready(a))
				return
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
	w := pb.add(a, action, "register", pb.declarationOf(a), reason)
	d.created = w.step(&RegisterEmulator{Platform: platform, Persist: persist}).give(ready(a))
}

// persists tells whether a block asks for a platform's emulator to be registered at each boot, and it isn't yet.
func (pb *planBuilder) persists(platform string) bool {
	e := spec.As[*spec.Emulator](pb.blocks[spec.EmulatorAddr(platform)])
	return e != nil && e.Persist && !pb.have.Host.Emulators[platform].Persisted
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
