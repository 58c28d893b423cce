package ctrd

import (
	containersapi "github.com/containerd/containerd/api/services/containers/v1"
	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/typeurl/v2"
)

// containerRecord is a record as containerd's own packages know it.
func containerRecord(c *containersapi.Container) *containers.Container {
	out := &containers.Container{ID: c.ID, Labels: c.Labels, Image: c.Image, Snapshotter: c.Snapshotter, SnapshotKey: c.SnapshotKey,
		CreatedAt: c.CreatedAt.AsTime(), Extensions: make(map[string]typeurl.Any, len(c.Extensions))}
	out.Runtime.Name = c.GetRuntime().GetName()
	if o := c.GetRuntime().GetOptions(); o != nil {
		out.Runtime.Options = o
	}
	if c.Spec != nil {
		out.Spec = c.Spec
	}
	for k, x := range c.Extensions {
		out.Extensions[k] = x
	}
	return out
}
