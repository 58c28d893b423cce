# See README.md for what this program does.
	.globl _start
_start:	mov	(%rsp), %eax		# argc
	cmp	$3, %eax
	je	parent
	mov	$21, %edi
	cmp	$2, %eax
	je	exit
	mov	$22, %edi
exit:	mov	$60, %eax		# exit
	syscall

parent:	mov	$57, %eax		# fork
	syscall
	test	%eax, %eax
	jg	wait
	jl	failed
	movq	$0, 24(%rsp)		# argv[2]
	mov	16(%rsp), %rdi		# path: argv[1]
	lea	8(%rsp), %rsi		# argv
	lea	24(%rsp), %rdx		# envp: empty
	mov	$59, %eax		# execve
	syscall
failed:	mov	$23, %edi
	jmp	exit

wait:	mov	$-1, %rdi
	lea	24(%rsp), %rsi		# status
	xor	%edx, %edx
	xor	%r10d, %r10d
	mov	$61, %eax		# wait4
	syscall
	cmpl	$21 << 8, 24(%rsp)
	jne	failed
	mov	$42, %edi
	jmp	exit
