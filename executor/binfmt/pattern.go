package binfmt

import "debug/elf"

// headSize is how much of a program the kernel compares (BINPRM_BUF_SIZE).
const headSize = 256

// Pattern tells programs of one kind by their first bytes.
type Pattern struct {
	Offset int    // bytes from the start of the file
	Magic  []byte // what is there
	Mask   []byte // bits of it that count; nil: all
}

// matches tells whether the pattern stands for programs of a machine: those at fixed addresses, and those that may be anywhere.
func (p Pattern) matches(m machine) bool {
	return len(p.Magic) > 0 && p.matchesHead(m.header(elf.ET_EXEC)) && p.matchesHead(m.header(elf.ET_DYN))
}

func (p Pattern) matchesHead(head []byte) bool {
	if p.Offset+len(p.Magic) > len(head) {
		return false
	}
	for i, want := range p.Magic {
		mask := byte(0xff)
		if p.Mask != nil {
			mask = p.Mask[i]
		}
		if (head[p.Offset+i]^want)&mask != 0 {
			return false
		}
	}
	return true
}
