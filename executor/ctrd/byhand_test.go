package ctrd

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/opencontainers/go-digest"

	"github.com/fairlead-dev/fairlead/executor/ctrd/ctrdtest"
	"github.com/fairlead-dev/fairlead/executor/registry/registrytest"
	"github.com/fairlead-dev/fairlead/planner"
)

// A run by hand has a lease while it goes on, whatever others begin, and what a killed one left goes with the next run, by hand or not.
func TestByHand(t *testing.T) {
	ctrdtest.Each(t, func(t *testing.T, d *ctrdtest.Daemon) {
		t.Setenv("DOCKER_CONFIG", t.TempDir())
		client, shop := d.Client(t), registrytest.New(t, false, nil)
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		has := func(dgst string) bool {
			_, err := client.ContentStore().Info(namespaces.WithNamespace(t.Context(), ctrdtest.Namespace), digest.Digest(dgst))
			return err == nil
		}
		free := namespaces.WithNamespace(context.Background(), ctrdtest.Namespace)
		w, err := OpenWriter(free, Options{Address: d.Address, Namespace: ctrdtest.Namespace, DataRoot: t.TempDir()})
		must(err)
		defer w.Close()
		held := func() map[string]bool {
			all, err := client.LeasesService().List(free, `labels."fairlead/by-hand"==true`)
			must(err)
			out := map[string]bool{}
			for _, l := range all {
				out[l.ID] = true
			}
			return out
		}
		locks := func() int {
			files, _ := os.ReadDir(filepath.Dir(w.paths.HandLock("")))
			return len(files)
		}
		first, endFirst, err := w.ByHand(free)
		must(err)
		content := shop.Push(t, "app:1", registrytest.Image(t, "amd64", 64<<10, 1))
		ref := shop.Host + "/app:1"
		must(w.Run(first, &planner.PullImage{Name: ref, Ref: ref, Digest: content, Platforms: []string{"linux/amd64"}}, nil))
		must(client.ImageService().Delete(free, ref))

		// Killed: the kernel lets go of the lock, and the lease stays. One was killed before it had a lease.
		killed := "fairlead-killed"
		_, err = client.LeasesService().Create(free, leases.WithID(killed), leases.WithLabel(labelByHand, "true"))
		must(err)
		must(os.WriteFile(w.paths.HandLock(killed), nil, 0o600))
		must(os.WriteFile(w.paths.HandLock("fairlead-early"), nil, 0o600))
		_, endSecond, err := w.ByHand(free)
		must(err)
		if h := held(); len(h) != 2 || h[killed] || locks() != 2 {
			t.Errorf("two runs go on, and there are the leases %v and %d locks", h, locks())
		}
		must(endSecond(free))
		if !has(content) {
			t.Error("the end of one run took away what another holds")
		}
		_, err = client.LeasesService().Create(free, leases.WithID(killed), leases.WithLabel(labelByHand, "true"))
		must(err)
		_, endStack, err := w.Begin(free, "shop")
		must(err)
		if h := held(); len(h) != 1 || h[killed] {
			t.Errorf("an apply began, and there are the leases %v", h)
		}
		must(endStack(free))
		must(endFirst(free))
		if h := held(); len(h) != 0 || locks() != 0 || has(content) {
			t.Errorf("all ended, and there are the leases %v, %d locks, and the content is there: %v", h, locks(), has(content))
		}
	})
}
