@ See README.md for what this program does. ARM mode, for any processor since v5.
	.arch	armv5t
	.arm
	.globl _start
_start:	ldr	r1, [sp]		@ argc
	cmp	r1, #3
	beq	parent
	mov	r0, #21
	cmp	r1, #2
	beq	exit
	mov	r0, #22
exit:	mov	r7, #1			@ exit
	svc	#0

parent:	mov	r7, #2			@ fork
	svc	#0
	cmp	r0, #0
	bgt	wait
	blt	failed
	mov	r1, #0
	str	r1, [sp, #12]		@ argv[2]
	ldr	r0, [sp, #8]		@ path: argv[1]
	add	r1, sp, #4		@ argv
	add	r2, sp, #12		@ envp: empty
	mov	r7, #11			@ execve
	svc	#0
failed:	mov	r0, #23
	b	exit

wait:	mvn	r0, #0			@ -1
	add	r1, sp, #12		@ status
	mov	r2, #0
	mov	r3, #0
	mov	r7, #114		@ wait4
	svc	#0
	ldr	r1, [sp, #12]
	cmp	r1, #21 << 8
	bne	failed
	mov	r0, #42
	b	exit
