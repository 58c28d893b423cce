package sources

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

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
		Build: &spec.Build{Inline: "FROM scratch\nADD " + server.URL + "/f /\n", Platforms: []string{"linux/amd64"}}}
	cfg := &spec.Config{Resources: []spec.Resource{im}, Lock: spec.Lock{}}
	o := Options{Platform: "linux/amd64", CacheDir: t.TempDir()}
	read := func(inputs string) *planner.Source {
		images := map[string]*planner.LiveImage{}
		if inputs != "" {
			images[im.Name] = &planner.LiveImage{Inputs: inputs}
		}
		found, err := Read(t.Context(), cfg, images, noHost{}, o)
		if err != nil || found.Of(im).Err != "" {
			t.Fatal(err, found.Of(im).Err)
		}
		return found.Of(im)
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
