# See README.md for what this program does. A system call that fails sets cr0.so.
	.abiversion 2
	.globl _start
_start:	ld	4, 0(1)			# argc
	li	3, 21
	cmpdi	4, 3
	beq	parent
	cmpdi	4, 2
	beq	exit
	li	3, 22
exit:	li	0, 1			# exit
	sc

parent:	li	0, 2			# fork
	sc
	bso	failed
	cmpdi	3, 0
	bgt	wait
	li	4, 0
	std	4, 24(1)		# argv[2]
	ld	3, 16(1)		# path: argv[1]
	addi	4, 1, 8			# argv
	addi	5, 1, 24		# envp: empty
	li	0, 11			# execve
	sc
failed:	li	3, 23
	b	exit

wait:	li	3, -1
	addi	4, 1, 24		# status
	li	5, 0
	li	6, 0
	li	0, 114			# wait4
	sc
	lwz	4, 24(1)
	cmpwi	4, 21 << 8
	bne	failed
	li	3, 42
	b	exit
