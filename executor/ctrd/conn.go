package ctrd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	versionapi "github.com/containerd/containerd/api/services/version/v1"
	"github.com/containerd/containerd/v2/defaults"
	ptypes "github.com/containerd/containerd/v2/pkg/protobuf/types"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
)

// versionTimeout is how long a daemon may take to say who it is.
const versionTimeout = 10 * time.Second

// daemon is what is known of the other end of a connection.
type daemon struct {
	address string
	version string
	pid     int // 0: not known

	ask  func(context.Context) error // any question, to see whether it answers
	hang time.Duration               // how long it may not; hangTimeout but in tests
}

// dial connects to the daemon, and makes sure that it is one that fairlead can work with.
func dial(ctx context.Context, o *Options) (*grpc.ClientConn, daemon, error) {
	o.Address = strings.TrimPrefix(o.Address, "unix://")
	if path, err := filepath.Abs(o.Address); err == nil {
		o.Address = path // the lock and the files of a stack are found by it
	}
	d := daemon{address: o.Address}
	first, err := connect(ctx, o.Address)
	if err != nil {
		return nil, d, explainDial(o.Address, err)
	}
	d.pid = peerPID(first)
	var spare atomic.Pointer[net.Conn]
	spare.Store(&first)
	opts := append([]grpc.DialOption{
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDisableServiceConfig(),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			if c := spare.Swap(nil); c != nil {
				return *c, nil
			}
			return connect(ctx, o.Address)
		}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(4*defaults.DefaultMaxRecvMsgSize), grpc.MaxCallSendMsgSize(defaults.DefaultMaxSendMsgSize)),
	}, o.DialOptions...)
	cc, err := grpc.NewClient("passthrough:///containerd", opts...)
	if err != nil {
		first.Close()
		return nil, d, fmt.Errorf("containerd at %s: %w", o.Address, err)
	}
	if d.version, err = askVersion(ctx, cc, d); err != nil {
		cc.Close()
		if c := spare.Swap(nil); c != nil {
			(*c).Close()
		}
		return nil, d, err
	}
	d.hang = hangTimeout
	d.ask = func(ctx context.Context) error {
		_, err := versionapi.NewVersionClient(cc).Version(ctx, &ptypes.Empty{})
		return err
	}
	return cc, d, nil
}

func connect(ctx context.Context, address string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "unix", address)
}

// peerPID asks the kernel which process listens; 0: not known.
func peerPID(c net.Conn) int {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return 0
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return 0
	}
	pid := 0
	_ = raw.Control(func(fd uintptr) {
		if cred, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			pid = int(cred.Pid)
		}
	})
	return pid
}

// explainDial says what to do about a socket that takes no connection.
func explainDial(address string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("containerd at %s: no such socket. Is containerd running? Start it, name another with --address, or get a private one with `fairlead engine start`. `fairlead doctor` checks the host", address)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("containerd at %s: permission denied: the socket is root's. Run fairlead as root, as in `sudo fairlead plan`", address)
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ENOTSOCK), errors.Is(err, syscall.EPROTOTYPE):
		what := "nothing listens on this socket: containerd has ended or was killed"
		if i, serr := os.Stat(address); serr == nil && i.Mode()&fs.ModeSocket == 0 {
			what = "this is not a socket"
		}
		return fmt.Errorf("containerd at %s: %s. Start it, name another with --address, or get a private one with `fairlead engine start`. `fairlead doctor` checks the host", address, what)
	}
	return fmt.Errorf("containerd at %s: %w", address, err)
}

// Hangs is the error of a socket that takes a connection, behind which nobody answers.
type Hangs struct {
	Address string
	PID     int // of who listens, as the kernel says; 0: not known
}

// Error says what is known, and what to do.
func (h *Hangs) Error() string {
	who := ""
	if h.PID > 0 {
		who = fmt.Sprintf(" from process %d", h.PID)
	}
	return fmt.Sprintf("containerd at %s: no answer within %s%s: it hangs, or what listens there is no containerd. See its log, or name another with --address", h.Address, versionTimeout, who)
}

// askVersion refuses what is no containerd, and what is too old.
func askVersion(ctx context.Context, cc *grpc.ClientConn, d daemon) (string, error) {
	address := d.address
	ctx, cancel := context.WithTimeout(ctx, versionTimeout)
	defer cancel()
	r, err := versionapi.NewVersionClient(cc).Version(ctx, &ptypes.Empty{})
	switch {
	case err == nil:
	case errors.Is(context.Cause(ctx), context.Canceled):
		return "", context.Canceled
	case status.Code(err) == codes.DeadlineExceeded:
		return "", &Hangs{Address: address, PID: d.pid}
	default:
		return "", fmt.Errorf("containerd at %s: what listens there is no containerd, or it ended just now. Name another with --address (%s)", address, status.Convert(err).Message())
	}
	if !atLeast(r.Version, 1, 6) {
		return "", fmt.Errorf("containerd at %s: it is version %s, and fairlead needs 1.6 or newer. Upgrade it, or get a private one with `fairlead engine start`", address, r.Version)
	}
	return r.Version, nil
}
