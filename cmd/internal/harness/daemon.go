package harness

import (
	"context"
	"path/filepath"
	"strings"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/containerd/v2/pkg/namespaces"

	"github.com/fairlead-dev/fairlead/executor/ctrd/ctrdtest"
)

// Daemon is a private containerd that tests disturb, and in which they look for what was left behind.
type Daemon struct{ *ctrdtest.Daemon }

// Daemons prepares all supported versions in dir, which must have a short path: sockets are in it.
func Daemons(dir string) []*Daemon {
	var all []*Daemon
	for _, v := range ctrdtest.Versions {
		all = append(all, &Daemon{ctrdtest.New(v, filepath.Join(dir, strings.ReplaceAll(v, ".", "")))})
	}
	return all
}

// with calls f with a connection to the daemon, in a namespace.
func (d *Daemon) with(ns string, f func(context.Context, *containerd.Client) error) error {
	client, err := d.Connect()
	if err != nil {
		return err
	}
	defer client.Close()
	return f(namespaces.WithNamespace(context.Background(), ns), client)
}

// records are what a namespace lists.
type records struct {
	containers []containers.Container
	images     []images.Image
	leases     []leases.Lease
}

func recordsOf(ctx context.Context, client *containerd.Client) (r records, err error) {
	if r.containers, err = client.ContainerService().List(ctx); err != nil {
		return r, err
	}
	if r.images, err = client.ImageService().List(ctx); err != nil {
		return r, err
	}
	r.leases, err = client.LeasesService().List(ctx)
	return r, err
}
