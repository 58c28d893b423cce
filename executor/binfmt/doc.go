// Package binfmt makes a host run programs of other architectures, by QEMU's user-mode emulators: it reads which handlers the kernel
// has (binfmt_misc), finds the distribution's rule for a platform (binfmt.d), registers it, tells by running a program of that
// platform whether it works, and writes it down for the next boot.
//
// A rule is binfmt.d(5)'s line, which is also what the kernel's file register takes:
//
//	:NAME:M:OFFSET:MAGIC:MASK:INTERPRETER:FLAGS
//
// The flags, by the kernel's Documentation/admin-guide/binfmt-misc.rst: F opens the interpreter when the rule is registered, so
// that it serves in any root; P keeps the program's argv[0] as one more argument of the interpreter; O hands it the program as an
// open file; C takes credentials from the program, and has O in it.
package binfmt
