# See README.md for what this program does. Debian 12 has no assembler for LoongArch: these macros write the few instructions
# that are needed, and the ELF header, with any assembler of a little-endian machine.
	.set	zero, 0
	.set	sp, 3
	.set	a0, 4
	.set	a1, 5
	.set	a2, 6
	.set	a3, 7
	.set	a4, 8
	.set	a7, 11
	.set	t0, 12
	.set	t1, 13

	.macro	memory opcode, rd, rj, offset
	.long	\opcode | (\offset & 0xfff) << 10 | \rj << 5 | \rd
	.endm
	.macro	ld_d rd, rj, offset
	memory	0x28c00000, \rd, \rj, \offset
	.endm
	.macro	ld_w rd, rj, offset
	memory	0x28800000, \rd, \rj, \offset
	.endm
	.macro	st_d rd, rj, offset
	memory	0x29c00000, \rd, \rj, \offset
	.endm
	.macro	addi_d rd, rj, value
	memory	0x02c00000, \rd, \rj, \value
	.endm
	.macro	li rd, value
	addi_d	\rd, zero, \value
	.endm
	.macro	lui rd, value			# value << 12
	.long	0x14000000 | \value << 5 | \rd
	.endm
	.macro	ori rd, rj, value
	memory	0x03800000, \rd, \rj, \value
	.endm
	.macro	branch opcode, rj, rd, to
	.long	\opcode + (((\to - .) >> 2) & 0xffff) * 0x400 + (\rj << 5) + \rd
	.endm
	.macro	beq rj, rd, to
	branch	0x58000000, \rj, \rd, \to
	.endm
	.macro	bne rj, rd, to
	branch	0x5c000000, \rj, \rd, \to
	.endm
	.macro	blt rj, rd, to
	branch	0x60000000, \rj, \rd, \to
	.endm
	.macro	b to				# always, as zero is zero
	beq	zero, zero, \to
	.endm
	.macro	syscall
	.long	0x002b0000
	.endm

	.set	base, 0x120000000
file:	.byte	0x7f, 'E', 'L', 'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0
	.word	2, 258				# ET_EXEC, EM_LOONGARCH
	.long	1
	.quad	base + (_start - file)		# entry
	.quad	segment - file, 0		# program headers, section headers
	.long	0x3				# flags: double-precision floating point
	.word	64, 56, 1, 64, 0, 0		# sizes and numbers
segment:
	.long	1, 5				# PT_LOAD, readable and executable
	.quad	0, base, base
	.quad	end - file, end - file
	.quad	0x10000

_start:	ld_d	t0, sp, 0			# argc
	li	t1, 3
	beq	t0, t1, parent
	li	a0, 21
	li	t1, 2
	beq	t0, t1, exit
	li	a0, 22
exit:	li	a7, 93				# exit
	syscall

parent:	li	a0, 17				# SIGCHLD
	li	a1, 0
	li	a2, 0
	li	a3, 0
	li	a4, 0
	li	a7, 220				# clone
	syscall
	blt	zero, a0, wait
	blt	a0, zero, failed
	st_d	zero, sp, 24			# argv[2]
	ld_d	a0, sp, 16			# path: argv[1]
	addi_d	a1, sp, 8			# argv
	addi_d	a2, sp, 24			# envp: empty
	li	a7, 221				# execve
	syscall
failed:	li	a0, 23
	b	exit

wait:	li	a0, -1
	addi_d	a1, sp, 24			# status
	li	a2, 0
	li	a3, 0
	li	a7, 260				# wait4
	syscall
	ld_w	t0, sp, 24
	lui	t1, 1				# 21 << 8
	ori	t1, t1, 0x500
	bne	t0, t1, failed
	li	a0, 42
	b	exit
end:
