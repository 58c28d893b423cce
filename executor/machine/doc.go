// Package machine does what only the machine can. It finds processes by /proc and signals just those that were found, unmounts what is
// below a directory, takes locks that the kernel holds, and says where fairlead's own files are and who may lead their paths elsewhere. It
// is small enough for a hook or a logger that runs beside a container.
package machine
