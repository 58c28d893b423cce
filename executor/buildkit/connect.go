package buildkit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/moby/buildkit/client"
	_ "github.com/moby/buildkit/client/connhelper/dockercontainer" // docker-container://
	_ "github.com/moby/buildkit/client/connhelper/ssh"             // ssh://
	"github.com/moby/buildkit/util/grpcerrors"
	"github.com/moby/buildkit/worker/label"
	"google.golang.org/grpc/codes"
)

// namedTimeout bounds the first answer of a buildkitd that the user named.
const namedTimeout = 10 * time.Second

// probeTimeout bounds the first answer of one at a usual socket: without it, the next socket is tried.
const probeTimeout = 2 * time.Second

// conn is a connection to a buildkitd that has answered.
type conn struct {
	client *client.Client
	host   string
	log    string // file with what the own buildkitd says; "": it is another's
	local  bool   // it works on the containerd and in the namespace that get the images
	built  atomic.Bool
}

// connect gives the connection, and makes it first where there is none or the own buildkitd has ended.
func (b *Builder) connect(ctx context.Context, note func(string)) (*conn, error) {
	select {
	case <-b.turn:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	defer func() { b.turn <- struct{}{} }()
	if b.own != nil && b.own.ended() {
		_ = b.conn.client.Close()
		own := b.own
		b.conn, b.own = nil, nil
		if err := b.endDaemon(ctx, own); err != nil {
			return nil, err
		}
	}
	if b.conn != nil {
		return b.conn, nil
	}
	c, err := b.find(ctx)
	if err == nil && c == nil {
		c, err = b.start(ctx, note)
	}
	if err != nil {
		return nil, err
	}
	b.conn = c
	return c, nil
}

// find connects to the buildkitd that the options name, or to one at the usual sockets; nil: there is none.
func (b *Builder) find(ctx context.Context) (*conn, error) {
	switch b.o.Host {
	case Own:
		return nil, nil
	case "":
		for _, socket := range usualSockets(b.o.Namespace) {
			if c, err := b.dial(ctx, "unix://"+socket, probeTimeout); err == nil {
				return c, nil
			}
		}
		return nil, context.Cause(ctx)
	}
	c, err := b.dial(ctx, b.o.Host, namedTimeout)
	if err != nil && ctx.Err() == nil {
		return nil, fmt.Errorf("builder %s: %s. Check --builder or BUILDKIT_HOST; without either, fairlead starts its own", b.o.Host, unreachableReason(err))
	}
	return c, err
}

// usualSockets is where nerdctl, too, looks for a namespace's buildkitd.
func usualSockets(namespace string) []string {
	sockets := []string{"/run/buildkit-" + namespace + "/buildkitd.sock", "/run/buildkit-default/buildkitd.sock", "/run/buildkit/buildkitd.sock"}
	return slices.Compact(sockets)
}

// dial connects to a buildkitd, and asks what it works on.
func (b *Builder) dial(ctx context.Context, host string, timeout time.Duration) (*conn, error) {
	address, opts := host, []client.ClientOpt(nil)
	if path, ok := strings.CutPrefix(host, "unix://"); ok {
		// The client would try a socket without a listener again and again.
		probe, err := net.DialTimeout("unix", path, timeout)
		if err != nil {
			return nil, err
		}
		probe.Close()
		// The client reads an address as a URL, where a path may have no space, %, # or ?.
		address = "unix:///"
		opts = append(opts, client.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", path)
		}))
	}
	cl, err := client.New(ctx, address, opts...)
	if err != nil {
		return nil, err
	}
	asking, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	workers, err := cl.ListWorkers(asking)
	if err == nil && len(workers) == 0 {
		err = errors.New("it has no worker")
	}
	var local bool
	if err == nil {
		local, err = b.sameContainerd(asking, workers[0].Labels) // the first is the one that builds
	}
	if err != nil {
		cl.Close()
		if ctx.Err() != nil {
			err = context.Cause(ctx) // the interrupt, and not the question that it cut off
		}
		return nil, err
	}
	return &conn{client: cl, host: host, local: local}, nil
}

// sameContainerd tells by a worker's labels whether what it exports is at once where the images are wanted.
func (b *Builder) sameContainerd(ctx context.Context, labels map[string]string) (bool, error) {
	if labels[label.Executor] != "containerd" || labels[label.ContainerdNamespace] != b.o.Namespace {
		return false, nil
	}
	server, err := b.o.Client.IntrospectionService().Server(ctx)
	if err != nil {
		return false, fmt.Errorf("containerd: %w", err)
	}
	return server.UUID == labels[label.ContainerdUUID], nil
}

// unreachableReason says in a few words why a buildkitd wasn't reached.
func unreachableReason(err error) string {
	switch text := err.Error(); {
	case errors.Is(err, fs.ErrNotExist):
		return "no such socket: nothing listens there"
	case strings.Contains(text, "connection refused"):
		return "connection refused: nothing listens there"
	case errors.Is(err, context.DeadlineExceeded), grpcerrors.Code(err) == codes.DeadlineExceeded:
		return fmt.Sprintf("no answer within %s: it hangs, or what listens there is no buildkitd", namedTimeout)
	default:
		return strings.TrimPrefix(text, "failed to list workers: ")
	}
}
