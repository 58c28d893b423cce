# See README.md for what this program does.
	.globl _start
_start:	mov	(%esp), %eax		# argc
	cmp	$3, %eax
	je	parent
	mov	$21, %ebx
	cmp	$2, %eax
	je	exit
	mov	$22, %ebx
exit:	mov	$1, %eax		# exit
	int	$0x80

parent:	mov	$2, %eax		# fork
	int	$0x80
	test	%eax, %eax
	jg	wait
	jl	failed
	movl	$0, 12(%esp)		# argv[2]
	mov	8(%esp), %ebx		# path: argv[1]
	lea	4(%esp), %ecx		# argv
	lea	12(%esp), %edx		# envp: empty
	mov	$11, %eax		# execve
	int	$0x80
failed:	mov	$23, %ebx
	jmp	exit

wait:	mov	$-1, %ebx
	lea	12(%esp), %ecx		# status
	xor	%edx, %edx
	xor	%esi, %esi
	mov	$114, %eax		# wait4
	int	$0x80
	cmpl	$21 << 8, 12(%esp)
	jne	failed
	mov	$42, %ebx
	jmp	exit
