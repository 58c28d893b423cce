package ctrd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/containerd/errdefs"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/fairlead-dev/fairlead/executor/image"
)

// culprit is an error that names what failed, which isn't containerd: a registry, a builder, a server.
type culprit interface{ Culprit() string }

// elsewhere marks an error of a question to somebody else than containerd.
type elsewhere struct{ error }

func (e *elsewhere) Unwrap() error   { return e.error }
func (e *elsewhere) Culprit() string { return "another server" }

// notContainerd marks an error that names its culprit.
func notContainerd(err error) error {
	if err == nil {
		return nil
	}
	return &elsewhere{err}
}

// ofRegistry tells of an error that a registry's answer caused: the disk that is full is not this host's.
func ofRegistry(err error) bool {
	var named culprit
	return errors.As(err, &named) && named.Culprit() == "registry"
}

// gone says of a call that the daemon didn't answer what that means; other errors stay as they are.
func (d daemon) gone(doing string, err error) error {
	code := status.Code(err)
	var named culprit
	var request *url.Error // containerd's client makes none of these two
	var network *net.OpError
	switch {
	case err == nil:
		return nil
	case strings.Contains(err.Error(), "no space left on device") && !ofRegistry(err): // it comes from the daemon, or from a build, as text
		return fmt.Errorf("%w. The disk is full: make room, then run the command again; `fairlead doctor` says how much is free, and where", err)
	case (errors.As(err, &named) || errors.As(err, &request) || errors.As(err, &network)) && !errors.Is(err, context.Canceled):
		return err
	case image.IsUnanswered(err):
		return fmt.Errorf("containerd at %s went away while %s. See its log, start it again, then run the command again: it carries on from what is there (%w)", d.address, doing, err)
	case code == codes.Canceled || errors.Is(err, context.Canceled) || errdefs.IsCanceled(err):
		return fmt.Errorf("%s: interrupted: %w", doing, context.Canceled)
	case code == codes.DeadlineExceeded || errors.Is(err, context.DeadlineExceeded) || errdefs.IsDeadlineExceeded(err):
		return fmt.Errorf("containerd at %s: no answer in time while %s; see its log (%w)", d.address, doing, err)
	case code == codes.Unimplemented:
		return fmt.Errorf("containerd at %s: %s: %s. A plugin that fairlead needs is disabled in its configuration", d.address, doing, status.Convert(err).Message())
	}
	return err
}
