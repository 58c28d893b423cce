package ctrd

import (
	"testing"

	"github.com/fairlead-dev/fairlead/executor/mark"
)

// TestStopSignalsOfImages: one that is none is the usual one.
func TestStopSignalsOfImages(t *testing.T) {
	for signal, want := range map[string]string{"": "SIGTERM", "SIGFOO": "SIGTERM", "15": "SIGTERM", "INT": "SIGINT", "RTMIN+3": "SIGRTMIN+3", "0": "SIGTERM", "99": "SIGTERM", "sigquit": "SIGQUIT"} {
		if got := mark.StopSignal("", signal); got != want {
			t.Errorf("stop signal %q of an image: %s, want %s", signal, got, want)
		}
	}
	if _, err := signalNumber("SIGRTMIN+3"); err != nil {
		t.Error(err)
	}
}
