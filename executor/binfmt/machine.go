package binfmt

import (
	"debug/elf"
	"encoding/binary"
	"slices"
	"strings"
)

// machine is what programs of a platform have in their ELF header.
type machine struct {
	platform string // without variant; the name of its probe program is the architecture
	class    elf.Class
	data     elf.Data
	number   elf.Machine
}

var machines = []machine{
	{"linux/amd64", elf.ELFCLASS64, elf.ELFDATA2LSB, elf.EM_X86_64},
	{"linux/386", elf.ELFCLASS32, elf.ELFDATA2LSB, elf.EM_386},
	{"linux/arm64", elf.ELFCLASS64, elf.ELFDATA2LSB, elf.EM_AARCH64},
	{"linux/arm", elf.ELFCLASS32, elf.ELFDATA2LSB, elf.EM_ARM},
	{"linux/riscv64", elf.ELFCLASS64, elf.ELFDATA2LSB, elf.EM_RISCV},
	{"linux/s390x", elf.ELFCLASS64, elf.ELFDATA2MSB, elf.EM_S390},
	{"linux/ppc64le", elf.ELFCLASS64, elf.ELFDATA2LSB, elf.EM_PPC64},
	{"linux/loong64", elf.ELFCLASS64, elf.ELFDATA2LSB, elf.EM_LOONGARCH},
	{"linux/mips64le", elf.ELFCLASS64, elf.ELFDATA2LSB, elf.EM_MIPS},
	{"linux/mips64", elf.ELFCLASS64, elf.ELFDATA2MSB, elf.EM_MIPS},
	{"linux/mipsle", elf.ELFCLASS32, elf.ELFDATA2LSB, elf.EM_MIPS},
	{"linux/mips", elf.ELFCLASS32, elf.ELFDATA2MSB, elf.EM_MIPS},
}

// machineOf finds a platform's machine; a variant, as v7 of linux/arm/v7, is no other one.
func machineOf(platform string) (machine, bool) {
	i := slices.IndexFunc(machines, func(m machine) bool {
		return platform == m.platform || strings.HasPrefix(platform, m.platform+"/")
	})
	if i < 0 {
		return machine{}, false
	}
	return machines[i], true
}

// arch is the platform's architecture, as Go names it.
func (m machine) arch() string {
	return strings.TrimPrefix(m.platform, "linux/")
}

// header gives the first bytes of a program, as many as the kernel looks at. The flags of the ELF header are 0, as rules look at
// none but those of MIPS that tell an ABI which no platform has (n32).
func (m machine) header(kind elf.Type) []byte {
	order := binary.ByteOrder(binary.LittleEndian)
	if m.data == elf.ELFDATA2MSB {
		order = binary.BigEndian
	}
	head := make([]byte, headSize)
	copy(head, elf.ELFMAG)
	head[elf.EI_CLASS], head[elf.EI_DATA], head[elf.EI_VERSION] = byte(m.class), byte(m.data), byte(elf.EV_CURRENT)
	order.PutUint16(head[16:], uint16(kind))
	order.PutUint16(head[18:], uint16(m.number))
	order.PutUint32(head[20:], uint32(elf.EV_CURRENT))
	return head
}
