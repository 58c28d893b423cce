//go:build !race

package main

// raceFlag builds fairlead as the tests themselves are built: without the race detector.
const raceFlag = "-race=false"
