package spec

import (
	"sort"
	"strings"
)

var emulatorSchema = newSchema(append(optional("persist"), repeatAttributes...), nil)

// commonPlatforms are those that people emulate.
var commonPlatforms = []string{"arm64", "arm/v7", "arm/v6", "riscv64", "s390x", "ppc64le", "386", "amd64"}

// EmulatorAddr is the address of the emulator for a platform in normal form, whether a block has it or not. Its name is the platform
// without the operating system: emulator.arm64.
func EmulatorAddr(platform string) Addr {
	return Addr{Kind: KindEmulator, Name: strings.TrimPrefix(platform, "linux/")}
}

func (e *evaluator) readEmulators() {
	seen := map[string]*Emulator{}
	for _, b := range e.emulators {
		d := e.plain(&node{name: name{"emulator", b.Labels[0]}, at: b.DefRange(), block: b})
		attrs := d.split(b.Body, emulatorSchema).Attributes
		for _, a := range repeatAttributes {
			if x := attrs[a.Name]; x != nil {
				d.fail(fault(x.NameRange, "Not for emulators", "An emulator is for one platform, so it has no %s. Write a block for each.", a.Name))
			}
		}
		m := &Emulator{DeclAt: b.DefRange(), Persist: d.flag(attrs, "persist", false)}
		d.mustKnow(attrs, "persist")
		platform, err := ParsePlatform(b.Labels[0])
		first := seen[platform]
		switch {
		case err != nil:
			d.fail(fault(b.LabelRanges[0], "Bad platform", "%s Emulators are mostly for %s.", sentence(err.Error()), list(commonPlatforms, "and")))
		case first != nil:
			d.fail(fault(b.LabelRanges[0], "Duplicate name", "An emulator for %s is declared at %s already. Take one out.", platform, place(first.DeclAt)))
		default:
			m.Addr, m.Platform = EmulatorAddr(platform), platform
			seen[platform] = m
			e.cfg.Emulators = append(e.cfg.Emulators, m)
		}
		e.fail(d.diags...)
	}
	sort.Slice(e.cfg.Emulators, func(i, j int) bool { return less(e.cfg.Emulators[i].Addr, e.cfg.Emulators[j].Addr) })
}
