package harness

import (
	"context"
	"syscall"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/containerd/v2/core/images"
)

// CTR does by hand what people do with ctr and nerdctl, behind fairlead's back.
type CTR struct {
	Daemon    *Daemon
	Namespace string
}

func (c CTR) task(id string, f func(context.Context, containerd.Task) error) error {
	return c.Daemon.with(c.Namespace, func(ctx context.Context, client *containerd.Client) error {
		container, err := client.LoadContainer(ctx, id)
		if err != nil {
			return err
		}
		task, err := container.Task(ctx, nil)
		if err != nil {
			return err
		}
		return f(ctx, task)
	})
}

// Containers gives the IDs of the namespace's containers.
func (c CTR) Containers() (ids []string, err error) {
	err = c.Daemon.with(c.Namespace, func(ctx context.Context, client *containerd.Client) error {
		all, err := client.ContainerService().List(ctx)
		for _, r := range all {
			ids = append(ids, r.ID)
		}
		return err
	})
	return ids, err
}

// Kill ends the process by SIGKILL, and waits until it has.
func (c CTR) Kill(id string) error {
	return c.task(id, func(ctx context.Context, t containerd.Task) error {
		ended, err := t.Wait(ctx)
		if err != nil {
			return err
		}
		if err := t.Kill(ctx, syscall.SIGKILL); err != nil {
			return err
		}
		<-ended
		return nil
	})
}

// RemoveTask ends the process and takes its task away.
func (c CTR) RemoveTask(id string) error {
	return c.task(id, func(ctx context.Context, t containerd.Task) error {
		_, err := t.Delete(ctx, containerd.WithProcessKill)
		return err
	})
}

// Remove takes a container away, with all that is its.
func (c CTR) Remove(id string) error {
	_ = c.RemoveTask(id) // it may have none
	return c.Daemon.with(c.Namespace, func(ctx context.Context, client *containerd.Client) error {
		container, err := client.LoadContainer(ctx, id)
		if err != nil {
			return err
		}
		return container.Delete(ctx, containerd.WithSnapshotCleanup)
	})
}

// Pause freezes the process.
func (c CTR) Pause(id string) error {
	return c.task(id, func(ctx context.Context, t containerd.Task) error { return t.Pause(ctx) })
}

// Stop does what nerdctl stop does: it tells the restart monitor, and then ends the process.
func (c CTR) Stop(id string) error {
	if err := c.Label(id, "containerd.io/restart.explicitly-stopped", "true"); err != nil {
		return err
	}
	return c.Kill(id)
}

// Label sets a label of a container.
func (c CTR) Label(id, key, value string) error {
	return c.Daemon.with(c.Namespace, func(ctx context.Context, client *containerd.Client) error {
		_, err := client.ContainerService().Update(ctx, containers.Container{ID: id, Labels: map[string]string{key: value}}, "labels."+key)
		return err
	})
}

// Untag takes an image record away.
func (c CTR) Untag(name string) error {
	return c.Daemon.with(c.Namespace, func(ctx context.Context, client *containerd.Client) error {
		return client.ImageService().Delete(ctx, name, images.SynchronousDelete())
	})
}
