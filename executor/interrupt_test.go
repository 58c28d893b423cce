package executor

import (
	"context"
	"testing"
)

func TestInterruptedIsHeardAndEndsNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	with := withInterrupt(ctx)
	select {
	case <-Interrupted(with):
		t.Fatal("it is heard before there is one")
	default:
	}
	cancel()
	<-Interrupted(with)
	if with.Err() != nil {
		t.Error("it ends what was begun")
	}
	if Interrupted(context.Background()) != nil {
		t.Error("who was not told to hear it hears it")
	}
}
