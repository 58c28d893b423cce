// Package executor runs any plan with any runner: it orders, bounds, interrupts and collects, and decides nothing else.
package executor
