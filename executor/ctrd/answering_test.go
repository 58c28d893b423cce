package ctrd

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

// A call may take as long as it needs while the daemon answers something; one that answers nothing is named, and the call is ended.
func TestCallsEndWhereTheDaemonHangs(t *testing.T) {
	answers := make(chan struct{}, 100)
	d := daemon{address: "/c.sock", hang: 60 * time.Millisecond}
	d.ask = func(ctx context.Context) error { answers <- struct{}{}; return nil }
	err := d.whileAnswering(context.Background(), "pulling x", func(ctx context.Context) error {
		for range 20 { // for more than twice the time
			select {
			case <-answers:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	if err != nil {
		t.Errorf("a slow call was ended: %v", err)
	}
	d.ask = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	forever := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	if err := d.whileAnswering(context.Background(), "pulling x", forever); !errors.Is(err, errHangs) || !strings.Contains(err.Error(), "/c.sock") || errors.Is(err, context.Canceled) {
		t.Errorf("a daemon that hangs: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := d.whileAnswering(ctx, "pulling x", forever); !errors.Is(err, context.Canceled) {
		t.Errorf("an interrupt: %v", err)
	}
}

func TestVersions(t *testing.T) {
	for version, want := range map[string]bool{"1.6.20~ds1": false, "v1.7.2": false, "2.3.9": false, "2.4.0-rc.1": true, "2.4.2+unknown": true, "3.0": true, "unknown": true} {
		if got := atLeast(version, 2, 4); got != want {
			t.Errorf("%s: %v", version, got)
		}
	}
}
