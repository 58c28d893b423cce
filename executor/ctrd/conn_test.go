package ctrd

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	versionapi "github.com/containerd/containerd/api/services/version/v1"
	ptypes "github.com/containerd/containerd/v2/pkg/protobuf/types"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc"
)

// versioned is a daemon that does nothing but say its version.
type versioned struct {
	versionapi.UnimplementedVersionServer
	version string
}

func (v versioned) Version(context.Context, *ptypes.Empty) (*versionapi.VersionResponse, error) {
	return &versionapi.VersionResponse{Version: v.version}, nil
}

func serve(t *testing.T, version string) string {
	t.Helper()
	path, l := listen(t)
	s := grpc.NewServer()
	versionapi.RegisterVersionServer(s, versioned{version: version})
	go func() { _ = s.Serve(l) }()
	t.Cleanup(s.Stop)
	return path
}

func listen(t *testing.T) (string, *net.UnixListener) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	return path, l
}

// What keeps fairlead from a daemon is said with the socket, the cause, and what to do.
func TestOpeningNoContainerd(t *testing.T) {
	for _, c := range []struct {
		name string
		path func(t *testing.T) string
		want []string
	}{
		{"no socket", func(t *testing.T) string { return filepath.Join(t.TempDir(), "s") },
			[]string{"no such socket", "--address", "fairlead engine start"}},
		{"a file", func(t *testing.T) string {
			path := filepath.Join(t.TempDir(), "s")
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			return path
		}, []string{"this is not a socket"}},
		{"nobody listens", func(t *testing.T) string {
			path, l := listen(t)
			l.SetUnlinkOnClose(false)
			_ = l.Close()
			return path
		}, []string{"nothing listens on this socket", "ended or was killed"}},
		{"another server", func(t *testing.T) string {
			path, l := listen(t)
			t.Cleanup(func() { _ = l.Close() })
			go func() {
				for {
					c, err := l.Accept()
					if err != nil {
						return
					}
					fmt.Fprint(c, "220 mail.example.com ready\r\n")
					_ = c.Close()
				}
			}()
			return path
		}, []string{"is no containerd", "--address"}},
		{"too old", func(t *testing.T) string { return serve(t, "v1.5.18") },
			[]string{"version v1.5.18", "needs 1.6 or newer"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := c.path(t)
			r, err := OpenReader(t.Context(), Options{Address: path, Namespace: "x"})
			if err == nil {
				r.Close()
				t.Fatal("no error")
			}
			for _, w := range append(c.want, "containerd at "+path) {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("error is %q; want %q in it", err, w)
				}
			}
		})
	}
}

func TestOpeningSupportedVersions(t *testing.T) {
	for _, v := range []string{"1.6.20~ds1", "v1.7.0", "v2.4.2", "2.5.0-rc.1", "a build of one's own"} {
		r, err := OpenReader(t.Context(), Options{Address: serve(t, v), Namespace: "x"})
		if err != nil {
			t.Errorf("%s: %v", v, err)
			continue
		}
		if r.version != v {
			t.Errorf("version is %q; want %q", r.version, v)
		}
		r.Close()
	}
}

// A socket that is root's is said to be that.
func TestOpeningWithoutPermission(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("it takes root to become somebody else")
	}
	path := serve(t, "v2.4.2")
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	for dir := filepath.Dir(path); dir != os.TempDir(); dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	failed := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine, as it is nobody's now
		const nobody = 65534
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, nobody, nobody, nobody); errno != 0 {
			failed <- errno
			return
		}
		_, err := connect(context.Background(), path)
		failed <- explainDial(path, err)
	}()
	err := <-failed
	if want := "permission denied: the socket is root's. Run fairlead as root"; !strings.Contains(err.Error(), want) {
		t.Errorf("error is %q; want %q in it", err, want)
	}
}
