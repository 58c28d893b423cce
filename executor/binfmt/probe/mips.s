# See README.md for what this program does. A system call that fails sets a3.
	.set	noreorder
	.globl __start
__start:
	lw	$8, 0($sp)		# argc
	li	$9, 3
	beq	$8, $9, parent
	li	$4, 21
	li	$9, 2
	beq	$8, $9, exit
	nop
	li	$4, 22
exit:	li	$2, 4001		# exit
	syscall

parent:	li	$2, 4002		# fork
	syscall
	bnez	$7, failed
	nop
	bnez	$2, wait
	nop
	sw	$0, 12($sp)		# argv[2]
	lw	$4, 8($sp)		# path: argv[1]
	addiu	$5, $sp, 4		# argv
	addiu	$6, $sp, 12		# envp: empty
	li	$2, 4011		# execve
	syscall
failed:	b	exit
	li	$4, 23

wait:	li	$4, -1
	addiu	$5, $sp, 12		# status
	li	$6, 0
	li	$7, 0
	li	$2, 4114		# wait4
	syscall
	lw	$8, 12($sp)
	li	$9, 21 << 8
	bne	$8, $9, failed
	nop
	b	exit
	li	$4, 42
