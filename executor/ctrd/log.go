package ctrd

import (
	"slices"
	"time"

	"github.com/fairlead-dev/fairlead/executor/machine"
)

// settledTail gives the last lines of a log whose writer has just ended: what it wrote may still be on its way through the shim.
func settledTail(path string) []string {
	last := machine.Tail(path, logLines)
	for still, tries := 0, 0; still < 8 && tries < 40; tries++ {
		time.Sleep(50 * time.Millisecond)
		now := machine.Tail(path, logLines)
		if still++; len(now) == 0 || !slices.Equal(now, last) {
			still = 0
		}
		last = now
	}
	return last
}
