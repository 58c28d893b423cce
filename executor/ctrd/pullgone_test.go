package ctrd

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/fairlead-dev/fairlead/executor/ctrd/ctrdtest"
	"github.com/fairlead-dev/fairlead/executor/registry/registrytest"
	"github.com/fairlead-dev/fairlead/planner"
)

// When the daemon goes away, the error is about the daemon, and comes at once.
func TestPullWithoutADaemon(t *testing.T) {
	ctrdtest.Each(t, func(t *testing.T, d *ctrdtest.Daemon) {
		t.Setenv("DOCKER_CONFIG", t.TempDir())
		shop := registrytest.New(t, false, nil)
		content := shop.Push(t, "app:1", registrytest.Image(t, "amd64", 64<<10, 1))
		w, err := OpenWriter(t.Context(), Options{Address: d.Address, Namespace: ctrdtest.Namespace, DataRoot: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		d.Stop(9)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		ref := shop.Host + "/app:1"
		err = w.Run(ctx, &planner.PullImage{Name: ref, Ref: ref, Digest: content, Platforms: []string{"linux/amd64"}}, nil)
		for _, part := range []string{"containerd at " + d.Address, "went away while pulling", "run the command again"} {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Fatalf("error is %v; want %q in it", err, part)
			}
		}
		if strings.Contains(err.Error(), "registry "+shop.Host+":") {
			t.Errorf("the registry is blamed: %v", err)
		}
		if ctx.Err() != nil {
			t.Error("it took 20 s to notice")
		}
	})
}
