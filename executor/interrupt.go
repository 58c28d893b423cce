package executor

import "context"

type interruptKey struct{}

// withInterrupt gives a context that an interrupt doesn't end, so that what was begun ends in order, but that tells of it.
func withInterrupt(ctx context.Context) context.Context {
	return context.WithValue(context.WithoutCancel(ctx), interruptKey{}, ctx.Done())
}

// Interrupted is closed at an interrupt, for a call that waits and has begun nothing yet. It is nil, and never closed, for what is to be
// done all the same, such as the rest of a replacement.
func Interrupted(ctx context.Context) <-chan struct{} {
	done, _ := ctx.Value(interruptKey{}).(<-chan struct{})
	return done
}
