package ctrd

import (
	"context"

	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/errdefs"

	"github.com/fairlead-dev/fairlead/executor/image"
	"github.com/fairlead-dev/fairlead/executor/mark"
	"github.com/fairlead-dev/fairlead/executor/ocispec"
	"github.com/fairlead-dev/fairlead/planner"
)

// relabelContainer rewrites what a container's record says of itself, in one call. One that is not fairlead's becomes so by it.
func (w *Writer) relabelContainer(ctx context.Context, op *planner.RelabelContainer) error {
	c, err := w.get(ctx, op.ID)
	if err != nil {
		return err
	}
	if nameOf(c.Labels) != op.Want.Name {
		all, err := within(ctx, listTimeout, w.listContainers)
		if err != nil {
			return err
		}
		if err := w.nameHeld(ctx, op.ID, nameClaim{name: op.Want.Name, owner: op.Owner, known: op.Holders}, all); err != nil {
			return err
		}
	}
	a, err := w.appliedTo(ctx, c)
	if err != nil {
		return err
	}
	a.Spec = op.Want
	img, err := w.client.ImageService().Get(ctx, op.Want.Image.Name)
	if err != nil && !errdefs.IsNotFound(err) {
		return image.RecordError(op.Want.Image.Name, err)
	}
	if err := w.signApplied(&a, op.ID, op.Owner, img); err != nil {
		return err
	}
	x, err := extensionOf(a)
	if err != nil {
		return err
	}
	m := mark.Container{ID: op.ID, Want: w.withDefaults(op.Want), Owner: op.Owner, Image: a.Image, Namespace: w.opts.Namespace}
	s, err := ocispec.Parse(&c)
	if err != nil {
		return err
	}
	m.Hostname = s.Hostname
	m.Dir = w.paths.Container(op.Owner.Stack, op.ID)
	m.LogURI = mark.LogURI(m.Dir, s.Process.Terminal)
	live := c.Labels
	if c.Extensions[mark.Extension] == nil {
		live = mark.WithoutForged(live, a.Image.Labels)
	}
	labels := m.Relabel(live)
	for k := range c.Labels {
		if _, set := labels[k]; !set && live[k] == "" {
			labels[k] = ""
		}
	}
	next := containers.Container{ID: op.ID, Image: op.Want.Image.Name, Labels: labels, Extensions: x}
	paths := append(labelPaths(labels), "extensions."+mark.Extension)
	if next.Image != "" && next.Image != c.Image {
		paths = append(paths, "image")
	}
	return w.update(ctx, next, paths...)
}

// appliedTo is what was last asked of a container, or for one that is not fairlead's, what a reading of it shows.
func (w *Writer) appliedTo(ctx context.Context, c containers.Container) (mark.Applied, error) {
	if mark.OwnerOf(c.Labels, c.ID) != nil {
		if a, err := mark.DecodeApplied(c.Extensions); err == nil && a != nil {
			return *a, nil
		}
	}
	a, err := ocispec.Infer(&c)
	if err != nil {
		return a, err
	}
	if img, err := w.client.ImageService().Get(ctx, c.Image); err == nil {
		a.Image, _ = w.foreignImage(ctx, &c, img.Target)
	}
	return a, nil
}
