# See README.md for what this program does. A system call that fails sets a3.
	.set	noreorder
	.globl __start
__start:
	ld	$8, 0($sp)		# argc
	li	$9, 3
	beq	$8, $9, parent
	li	$4, 21
	li	$9, 2
	beq	$8, $9, exit
	nop
	li	$4, 22
exit:	li	$2, 5058		# exit
	syscall

parent:	li	$2, 5056		# fork
	syscall
	bnez	$7, failed
	nop
	bnez	$2, wait
	nop
	sd	$0, 24($sp)		# argv[2]
	ld	$4, 16($sp)		# path: argv[1]
	daddiu	$5, $sp, 8		# argv
	daddiu	$6, $sp, 24		# envp: empty
	li	$2, 5057		# execve
	syscall
failed:	b	exit
	li	$4, 23

wait:	li	$4, -1
	daddiu	$5, $sp, 24		# status
	li	$6, 0
	li	$7, 0
	li	$2, 5059		# wait4
	syscall
	lw	$8, 24($sp)
	li	$9, 21 << 8
	bne	$8, $9, failed
	nop
	b	exit
	li	$4, 42
