package ctrd

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	contentapi "github.com/containerd/containerd/api/services/content/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/fairlead-dev/fairlead/executor/registry"
	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

// emptyStore is a content store that has nothing.
type emptyStore struct{ contentReads }

func (emptyStore) Read(context.Context, *contentapi.ReadContentRequest, ...grpc.CallOption) (contentapi.Content_ReadClient, error) {
	return nil, status.Error(codes.NotFound, "it has nothing")
}

// What the lock file pins is not asked for. What an earlier version built without pins is not built again, and nobody is asked either, until
// there are pins.
func TestAddsAreAskedForOnce(t *testing.T) {
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		_, _ = w.Write([]byte("content"))
	}))
	defer server.Close()
	im := &spec.Image{Block: spec.Block{Addr: spec.Addr{Kind: spec.KindImage, Name: "a"}}, Name: "docker.io/s/a:latest",
		Build: &spec.Build{Inline: "FROM scratch\nADD " + server.URL + "/f /\n", Platforms: []string{nativePlatform()}}}
	cfg := &spec.Config{Images: []*spec.Image{im}, Lock: spec.Lock{}}
	r := &Reader{platform: nativePlatform(), opts: Options{DataRoot: t.TempDir()}, content: emptyStore{}}
	read := func(inputs string) *planner.Source {
		s := &planner.State{Images: map[string]*planner.LiveImage{}}
		if inputs != "" {
			s.Images[im.Name] = &planner.LiveImage{Inputs: inputs}
		}
		src := r.buildSource(t.Context(), im, cfg, s, nil, func() *registry.Hosts { return nil })
		if src.Err != "" {
			t.Fatal(src.Err)
		}
		return src
	}
	first := read("")
	if asked.Load() != 1 || len(first.Remotes) != 1 || first.Remotes[0].Digest == "" {
		t.Fatalf("asked %d times: %+v", asked.Load(), first.Remotes)
	}
	legacy := planner.Inputs{}
	for _, i := range first.Inputs {
		if i.Kind != planner.InputSource {
			legacy = append(legacy, i)
		}
	}
	if got := read(legacy.Digest()); asked.Load() != 1 || got.Inputs.Digest() != legacy.Digest() || len(got.Remotes) != 0 {
		t.Errorf("asked %d times about what an earlier version built: %+v", asked.Load(), got.Inputs)
	}
	cfg.Lock[server.URL+"/f"] = spec.Pin{Digest: first.Remotes[0].Digest}
	for _, inputs := range []string{"", legacy.Digest(), first.Inputs.Digest()} {
		if got := read(inputs); asked.Load() != 1 || got.Inputs.Digest() != first.Inputs.Digest() {
			t.Errorf("asked %d times about what is pinned: %+v", asked.Load(), got.Inputs)
		}
	}
}
