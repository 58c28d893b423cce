package buildkit

import (
	"errors"
	"strings"
	"testing"

	"github.com/moby/buildkit/solver/errdefs"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/fairlead-dev/fairlead/spec"
)

// A builder that ends is named; a step that fails with the code of one that ended, as a registry gives it, is told as a step.
func TestFailuresNameTheBuilder(t *testing.T) {
	gone := status.Error(codes.Unavailable, "error reading from server: EOF")
	c := &conn{host: "unix:///run/buildkit/buildkitd.sock"}
	r := Request{Build: &spec.Build{Inline: "FROM a"}}
	for _, tt := range []struct {
		err  error
		want string
	}{
		{gone, "builder unix:///run/buildkit/buildkitd.sock: it ended in the middle of the build. Build again"},
		{status.Error(codes.Canceled, "grpc: the client connection is closing"), "it ended in the middle of the build"},
		{errdefs.WrapVertex(status.Error(codes.Unavailable, "a:1: failed to resolve source metadata for a:1: 503 Service Unavailable"), "sha256:1"), "inline Dockerfile: "},
	} {
		err := explain(t.Context(), tt.err, r, c, newView(nil))
		var named interface{ Culprit() string }
		if !strings.HasPrefix(err.Error(), tt.want) && !strings.Contains(err.Error(), tt.want) || !errors.As(err, &named) {
			t.Errorf("%v: %v; want %s", tt.err, err, tt.want)
		}
	}
}
