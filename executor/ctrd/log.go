package ctrd

import (
	"time"

	"github.com/fairlead-dev/fairlead/executor/machine"
)

// logTail gives the last lines of a log whose process has just ended. What it wrote may still be on its way: the shim closes the file when it has written all.
func logTail(path string) []string {
	for tries := 0; tries < 60 && machine.IsOpen(path); tries++ {
		time.Sleep(50 * time.Millisecond)
	}
	return machine.Tail(path, logLines)
}
