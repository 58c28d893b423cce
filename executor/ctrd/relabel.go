package ctrd

import (
	"context"
	"maps"
	"path/filepath"

	"github.com/containerd/containerd/v2/core/containers"
	ptypes "github.com/containerd/containerd/v2/pkg/protobuf/types"
	"github.com/containerd/errdefs"
	"github.com/containerd/typeurl/v2"

	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

// relabelContainer rewrites what a container's record says of itself, in one call. One that is not fairlead's becomes so by it.
func (w *Writer) relabelContainer(ctx context.Context, op *planner.RelabelContainer) error {
	c, err := w.get(ctx, op.ID)
	if err != nil {
		return err
	}
	if nameOf(c.Labels) != op.Want.Name {
		all, err := within(ctx, listPatience, w.listContainers)
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
		return recordError(op.Want.Image.Name, err)
	}
	if err := w.claim(&a, op.ID, op.Owner, img); err != nil {
		return err
	}
	x, err := a.encode()
	if err != nil {
		return err
	}
	m := marking{id: op.ID, want: w.settled(op.Want), owner: op.Owner, image: a.Image, namespace: w.opts.Namespace}
	s, err := specOf(c)
	if err != nil {
		return err
	}
	m.hostname = s.Hostname
	m.dir = filepath.Join(w.stackDir(op.Owner.Stack), op.ID)
	m.logURI = logURI(m.dir, s.Process.Terminal)
	live := c.Labels
	if c.Extensions[extension] == nil {
		live = withoutForged(live, a.Image.Labels)
	}
	labels := m.relabelled(live)
	for k := range c.Labels {
		if _, set := labels[k]; !set && live[k] == "" {
			labels[k] = ""
		}
	}
	next := containers.Container{ID: op.ID, Image: op.Want.Image.Name, Labels: labels, Extensions: map[string]typeurl.Any{extension: x}}
	paths := append(labelPaths(labels), "extensions."+extension)
	if next.Image != "" && next.Image != c.Image {
		paths = append(paths, "image")
	}
	_, err = within(ctx, callPatience, func(ctx context.Context) (containers.Container, error) {
		return w.client.ContainerService().Update(ctx, next, paths...)
	})
	return explainLabels(err)
}

// withoutForged gives the labels of a container that is not fairlead's without what its image said there in the name of fairlead, nerdctl or containerd:
// where its log goes, which may be a program that is run on the host, or that it has completed.
func withoutForged(live, image map[string]string) map[string]string {
	out := maps.Clone(live)
	maps.DeleteFunc(out, func(k, v string) bool { return reservedLabel(k) && image[k] == v })
	return out
}

// relabelled gives the labels to change, and those to take away as empty.
func (m marking) relabelled(live map[string]string) map[string]string {
	wanted := imageLabels(m.image)
	for k, v := range m.want.Labels {
		wanted[k] = v
	}
	for k, v := range m.nerdctl() {
		if live[k] == "" { // what another tool wrote of its own files stays true
			wanted[k] = v
		}
	}
	if uri := live[nerdctlLogURI]; uri != "" {
		m.logURI = uri
	}
	for k, v := range m.changing() {
		wanted[k] = v
	}
	for k, v := range ownLabels(m.owner, m.id, m.want.Lifecycle.PreventDestroy) {
		wanted[k] = v
	}
	if m.want.Image.Digest != "" {
		wanted[labelDigest] = m.want.Image.Digest
	}
	m.monitor(live, wanted)
	out := map[string]string{}
	for k, v := range wanted {
		if live[k] != v {
			out[k] = v
		}
	}
	for k := range live {
		if _, stays := wanted[k]; !stays && (!reservedLabel(k) || k == labelProtect) {
			out[k] = ""
		}
	}
	return out
}

// runs tells whether a container's process is to run.
func runs(c *spec.Container) bool { return c.State == spec.StateRunning || c.State == "" }

// monitor has the restart monitor look after the container, or leave it alone, as its policy and its state ask for.
func (m marking) monitor(live, wanted map[string]string) {
	policy := wanted[restartPolicy] != ""
	on := policy && runs(m.want) && live[labelPending] == ""
	if on {
		wanted[restartStatus] = "running"
		wanted[restartStopped] = ""
		return
	}
	wanted[restartStatus] = ""
	if !policy {
		wanted[restartPolicy], wanted[restartLog], wanted[restartCount], wanted[restartStopped] = "", "", "", ""
	}
}

// appliedTo is what was last asked of a container, or for one that is not fairlead's, what a reading of it shows.
func (w *Writer) appliedTo(ctx context.Context, c containers.Container) (applied, error) {
	if x := c.Extensions[extension]; x != nil && ownerOf(c.Labels, c.ID) != nil {
		a, err := decodeApplied(map[string]*ptypes.Any{extension: {TypeUrl: x.GetTypeUrl(), Value: x.GetValue()}})
		if err == nil && a != nil {
			return *a, nil
		}
	}
	s, err := specOf(c)
	if err != nil {
		return applied{}, err
	}
	a := applied{User: s.Process.User}
	for _, m := range s.Mounts {
		if _, ok := readMount(m); ok && madeByDefault(m) {
			a.Mounts = append(a.Mounts, filepath.Clean(m.Destination))
		}
	}
	if a.Written, err = writtenOf(containerRecord(c)); err != nil {
		return applied{}, err
	}
	if img, err := w.client.ImageService().Get(ctx, c.Image); err == nil {
		a.Image, _ = w.foreignImage(ctx, containerRecord(c), img.Target)
	}
	return a, nil
}
