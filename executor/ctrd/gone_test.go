package ctrd

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	remoteerrors "github.com/containerd/containerd/v2/core/remotes/errors"
	"github.com/containerd/errdefs"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/fairlead-dev/fairlead/executor/build"
	"github.com/fairlead-dev/fairlead/executor/buildkit"
	"github.com/fairlead-dev/fairlead/executor/registry"
	"github.com/fairlead-dev/fairlead/spec"
)

// Each error names its own culprit: what a registry, a server or a builder did is never told as containerd that went away.
func TestErrorsNameTheirCulprit(t *testing.T) {
	stop := make(chan struct{})
	hangs := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-stop }))
	defer hangs.Close()
	defer close(stop)
	strange := httptest.NewTLSServer(http.NotFoundHandler())
	defer strange.Close()
	hosts := registry.NewHosts(nil)
	const soon, patient = 300 * time.Millisecond, time.Minute // soon: no answer is to come
	resolve := func(server string, within time.Duration) error {
		ctx, cancel := context.WithTimeout(t.Context(), within)
		defer cancel()
		_, err := registry.Resolve(ctx, hosts, strings.TrimPrefix(strings.TrimPrefix(server, "https://"), "http://")+"/a:1")
		return err
	}
	read := func(at string, within time.Duration) error {
		ctx, cancel := context.WithTimeout(t.Context(), within)
		defer cancel()
		_, err := build.Read(ctx, &spec.Build{Context: at}, build.Options{Host: "linux/amd64"})
		return notContainerd(err)
	}
	busy := remoteerrors.ErrUnexpectedStatus{Status: "503 Service Unavailable", StatusCode: 503, RequestURL: "https://example.com/v2/a/manifests/1"}
	unavailable := status.Error(codes.Unavailable, "error reading from server: EOF")
	for _, tt := range []struct {
		name string
		err  error
		want string
	}{
		{"registry down", resolve("127.0.0.1:1", patient), "registry 127.0.0.1:1: connection refused"},
		{"registry hangs", resolve(hangs.URL, soon), "registry 127.0.0.1"},
		{"registry with a strange certificate", resolve(strange.URL, patient), "its certificate is not to be trusted"},
		{"registry that DNS doesn't know", resolve("nosuch.invalid", soon), "registry nosuch.invalid"},
		{"registry busy", hosts.Explain("example.com/a:1", busy), `registry example.com: it answers "503 Service Unavailable"`},
		{"registry, by a timeout of gRPC's kind", hosts.Explain("example.com/a:1", fmt.Errorf("token: %w", context.DeadlineExceeded)), "registry example.com: no answer in time"},
		{"server of a context down", read("http://127.0.0.1:1/x.tar", patient), "http://127.0.0.1:1/x.tar: it cannot be reached"},
		{"server of a context hangs", read(hangs.URL+"/x.tar", soon), "/x.tar: it cannot be reached"},
		{"repository hangs", read(hangs.URL+"/x.git", soon), "/x.git: git ls-remote gave no answer"},
		{"step of a build", &buildkit.StepError{Dockerfile: "Dockerfile", Line: 3, Reason: "its registry cannot be reached", Err: unavailable}, "Dockerfile:3: its registry"},
	} {
		for _, err := range []error{tt.err, fmt.Errorf("image a: %w", tt.err)} {
			got := daemon{address: "/run/x.sock"}.gone("building a", err)
			if got == nil || !strings.Contains(got.Error(), tt.want) || strings.Contains(got.Error(), "containerd at") {
				t.Errorf("%s: %v; want %s", tt.name, got, tt.want)
			}
		}
	}
	for _, tt := range []struct {
		err  error
		want string
	}{
		{unavailable, "containerd at /run/x.sock went away while building a"},
		{fmt.Errorf("write: %w", errdefs.ErrUnavailable), "containerd at /run/x.sock went away"},
		{fmt.Errorf("builder x: %w", unavailable), "containerd at /run/x.sock went away"},
		{status.Error(codes.DeadlineExceeded, "context deadline exceeded"), "containerd at /run/x.sock: no answer in time"},
		{hosts.Explain("example.com/a:1", context.Canceled), "interrupted"},
		{errors.New("no space left on device"), "The disk is full"},
		{&buildkit.StepError{Dockerfile: "Dockerfile", Line: 3, Reason: "write /a: no space left on device", Err: unavailable}, "Dockerfile:3: write /a: no space left on device. The disk is full"},
	} {
		if got := (daemon{address: "/run/x.sock"}).gone("building a", tt.err); got == nil || !strings.Contains(got.Error(), tt.want) {
			t.Errorf("%v: %v; want %s", tt.err, got, tt.want)
		}
	}
}
