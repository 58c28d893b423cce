// Package machine does what only the machine can: it finds processes by /proc and signals just those that were found, unmounts what is
// below a directory, takes locks, and tells who a directory's owner is.
package machine
