# See README.md for what this program does.
	.globl _start
_start:	lg	%r1, 0(%r15)		# argc
	lghi	%r2, 21
	cghi	%r1, 3
	je	parent
	cghi	%r1, 2
	je	exit
	lghi	%r2, 22
exit:	svc	1			# exit

parent:	svc	2			# fork
	cghi	%r2, 0
	jh	wait
	jl	failed
	lghi	%r1, 0
	stg	%r1, 24(%r15)		# argv[2]
	lg	%r2, 16(%r15)		# path: argv[1]
	la	%r3, 8(%r15)		# argv
	la	%r4, 24(%r15)		# envp: empty
	svc	11			# execve
failed:	lghi	%r2, 23
	j	exit

wait:	lghi	%r2, -1
	la	%r3, 24(%r15)		# status
	lghi	%r4, 0
	lghi	%r5, 0
	svc	114			# wait4
	l	%r1, 24(%r15)
	chi	%r1, 21 << 8
	jne	failed
	lghi	%r2, 42
	j	exit
