package harness

import (
	"context"

	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/containerd/v2/pkg/namespaces"
)

// DropBuilderCache takes a buildkitd's cache away, which leases hold; no buildkitd may run on the namespace then. It gives how many there were.
func (d *Daemon) DropBuilderCache(ns string) (int, error) {
	client, err := d.Client()
	if err != nil {
		return 0, err
	}
	defer client.Close()
	ctx := namespaces.WithNamespace(context.Background(), ns)
	held, err := client.LeasesService().List(ctx)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, l := range held {
		if _, ours := l.Labels["fairlead/stack"]; ours {
			continue
		}
		if err := client.LeasesService().Delete(ctx, leases.Lease{ID: l.ID}); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}
