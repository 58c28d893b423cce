package registry

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"syscall"
	"time"

	remoteerrors "github.com/containerd/containerd/v2/core/remotes/errors"
)

// Tries is how often what may pass by itself is tried.
const Tries = 4

// firstPause is the wait after the first failure; each is three times the one before, give or take a quarter.
const firstPause = 300 * time.Millisecond

// Retry runs try until it succeeds, or fails for good, or has failed Tries times.
func Retry(ctx context.Context, try func() error) error {
	pause := firstPause
	for n := 1; ; n++ {
		err := try()
		if err == nil || n == Tries || !Transient(err) || ctx.Err() != nil {
			return err
		}
		jitter := time.Duration(rand.Int64N(int64(pause / 2)))
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause*3/4 + jitter):
		}
		pause *= 3
	}
}

// Transient tells whether another try may succeed: the registry is busy, or the connection broke.
func Transient(err error) bool {
	if status, ok := errors.AsType[remoteerrors.ErrUnexpectedStatus](err); ok {
		switch status.StatusCode {
		case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError,
			http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			return true
		}
		return false
	}
	var known *explained // what is wrong on this side, such as a file of docker's that ends too early
	if errors.Is(err, context.Canceled) || errors.As(err, &known) {
		return false
	}
	if errors.Is(err, errStalled) || brokenOff(err) {
		return true
	}
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// brokenOff tells whether a connection ended before its time.
func brokenOff(err error) bool {
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// RefusesRange tells whether the registry gives no part of a blob, so that one that broke off must begin anew.
func RefusesRange(err error) bool {
	var status remoteerrors.ErrUnexpectedStatus
	return errors.As(err, &status) && status.StatusCode == http.StatusRequestedRangeNotSatisfiable
}
