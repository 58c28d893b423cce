package spec

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// Emulator is an emulator block: programs of another architecture are to run on the host.
type Emulator struct {
	Block
	Platform string // that it runs, normalised, as linux/arm64
	Persist  bool   // registered again when the host boots
}

var emulatorKind = &kind{
	name: KindEmulator, label: blockLabel{name: "platform", sample: "arm64", parse: parseEmulatorLabel}, schema: emulatorSchema,
	empty: func(b Block) Resource { return &Emulator{Block: b} },
}

var emulatorSchema = newSchema(schema{
	optional: []string{"persist"},
	exposed:  exposedOnHost,
	hints:    map[string]string{"for_each": onePlatform, "count": onePlatform},
})

const onePlatform = "An emulator is for one platform: write a block for each."

// commonPlatforms are those that people emulate.
var commonPlatforms = []string{"arm64", "arm/v7", "arm/v6", "riscv64", "s390x", "ppc64le", "386", "amd64"}

// EmulatorAddr is the address of the emulator for a platform in normal form, whether a block has it or not. Its name is the platform
// without the operating system: emulator.arm64.
func EmulatorAddr(platform string) Addr {
	return Addr{Kind: KindEmulator, Name: strings.TrimPrefix(platform, "linux/")}
}

func parseEmulatorLabel(s string) (string, error) {
	platform, err := ParsePlatform(s)
	if err != nil {
		return "", fmt.Errorf("%s Emulators are mostly for %s", sentenceOf(err), quotedList(commonPlatforms, "and"))
	}
	return EmulatorAddr(platform).Name, nil
}

func (m *Emulator) decode(d *decoder, content *hcl.BodyContent) {
	m.Platform, _ = ParsePlatform(m.Addr.Name)
	m.Persist = d.boolean(content.Attributes, "persist", false)
	d.mustKnow(content.Attributes, "persist")
}

// reference is unknown, since nothing refers to an emulator.
func (m *Emulator) reference() cty.Value { return cty.DynamicVal }
