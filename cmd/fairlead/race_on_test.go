//go:build race

package main

// raceFlag builds fairlead as the tests themselves are built: with the race detector.
const raceFlag = "-race=true"
