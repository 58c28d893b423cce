package ctrd

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strconv"
	"strings"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/errdefs"

	"github.com/fairlead-dev/fairlead/executor/manifest"
	"github.com/fairlead-dev/fairlead/executor/registry"
	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

// imager makes the calls that have to do with images. A lease is on the context of each call.
type imager struct {
	client *containerd.Client
	hosts  *registry.Hosts
	locks  string // directory of the locks of records
}

// imageOf reads an image record. What fairlead's labels say counts only on a record that is fairlead's.
func imageOf(rec images.Image) *planner.LiveImage {
	li := &planner.LiveImage{
		Live:   planner.Live{Kind: spec.KindImage, ID: rec.Name, Owner: ownerOf(rec.Labels, rec.Name), Seen: seenImage(rec), CreatedAt: rec.CreatedAt},
		Digest: rec.Target.Digest.String(),
	}
	if li.Owner == nil {
		return li
	}
	li.Protected = rec.Labels[labelProtect] == "true"
	if li.Sizes = platformSizes(rec.Labels[labelPlatforms]); li.Sizes != nil {
		li.Platforms = slices.Sorted(maps.Keys(li.Sizes))
	}
	li.Source = rec.Labels[labelSource]
	li.Inputs = rec.Labels[labelInputs]
	li.TagOf = rec.Labels[labelTagOf]
	for _, k := range sortedLabels(rec.Labels) {
		if strings.HasPrefix(k, labelTag) {
			li.Tags = append(li.Tags, rec.Labels[k])
		}
		if digest, ref, ok := strings.Cut(rec.Labels[k], " "); ok && strings.HasPrefix(k, labelPushed) {
			if li.Pushed == nil {
				li.Pushed = map[string]string{}
			}
			li.Pushed[ref] = digest
		}
	}
	return li
}

// seenImage changes whenever a record says something else, but not by what it says of its other names.
func seenImage(rec images.Image) string {
	h := sha256.New()
	for _, k := range sortedLabels(rec.Labels) {
		if !strings.HasPrefix(k, labelTag) {
			fmt.Fprintf(h, "%d %s %d %s ", len(k), k, len(rec.Labels[k]), rec.Labels[k])
		}
	}
	return rec.Target.Digest.String() + " " + hex.EncodeToString(h.Sum(nil)[:16])
}

// platformSizes reads the label of the platforms whose content is whole, as linux/amd64=1234,linux/arm/v7=1234, with bytes; writePlatforms
// writes it.
func platformSizes(label string) map[string]int64 {
	if label == "" {
		return nil
	}
	out := map[string]int64{}
	for _, word := range strings.Split(label, ",") {
		p, size, _ := strings.Cut(word, "=")
		out[p], _ = strconv.ParseInt(size, 10, 64)
	}
	return out
}

func writePlatforms(sizes map[string]int64) string {
	var words []string
	for _, p := range slices.Sorted(maps.Keys(sizes)) {
		words = append(words, p+"="+strconv.FormatInt(sizes[p], 10))
	}
	return strings.Join(words, ",")
}

func sortedLabels(m map[string]string) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

// pushedLabel is the label that says what was pushed to ref.
func pushedLabel(ref string) string {
	return labelPushed + shortHash(ref)
}

func shortHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])[:16]
}

// mark is what fairlead writes on an image record.
type mark struct {
	owner     planner.Owner
	protect   bool
	platforms map[string]int64 // whose content is whole, with its bytes
	source    string
	inputs    string // digest of what it was made from
	tagOf     string // the record of the same owner that this name was made from
	sole      bool   // it was built or imported: others' content is no less others' for being the same
}

// labels gives a record's labels anew: others' stay, and so does what fairlead knows of the same content.
func (m mark) labels(name string, old images.Image, same bool) map[string]string {
	out := map[string]string{}
	owned := ownerOf(old.Labels, name) != nil
	if m.owner == (planner.Owner{}) {
		return m.shared(old, owned, same)
	}
	for k, v := range old.Labels {
		if k == gcRefInputs && owned {
			continue
		}
		if !strings.HasPrefix(k, "fairlead/") || owned && (strings.HasPrefix(k, labelPushed) || strings.HasPrefix(k, labelTag)) {
			out[k] = v
		}
	}
	for k, v := range ownLabels(m.owner, name, m.protect) {
		out[k] = v
	}
	if whole := m.whole(old, owned && same); len(whole) > 0 {
		out[labelPlatforms] = writePlatforms(whole)
	}
	if m.source != "" {
		out[labelSource] = m.source
	}
	if m.tagOf != "" {
		out[labelTagOf] = m.tagOf
	}
	if m.inputs != "" {
		out[labelInputs], out[gcRefInputs] = m.inputs, m.inputs
	}
	return out
}

// shared gives the labels of a record that stays whose it is. What is known of its content is noted where that is noted at all, and
// forgotten where other content comes, so that its owner's next plan sees that.
func (m mark) shared(old images.Image, owned, same bool) map[string]string {
	out := maps.Clone(old.Labels)
	if !owned {
		return out
	}
	if !same {
		for _, known := range []string{labelSource, labelPlatforms, labelInputs, gcRefInputs} {
			delete(out, known)
		}
	}
	if whole := m.whole(old, same); len(whole) > 0 {
		out[labelPlatforms] = writePlatforms(whole)
	}
	return out
}

// whole gives the platforms that are whole now, with those that were before, if they are of the same content.
func (m mark) whole(old images.Image, same bool) map[string]int64 {
	out := map[string]int64{}
	if same {
		maps.Copy(out, platformSizes(old.Labels[labelPlatforms]))
	}
	maps.Copy(out, m.platforms)
	return out
}

func recordError(name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("image %s: %w", name, err)
}

// tagImage points one more record at what another points at.
func (w *imager) tagImage(ctx context.Context, op *planner.TagImage) error {
	from, err := w.client.ImageService().Get(ctx, op.From)
	if errdefs.IsNotFound(err) {
		return fmt.Errorf("image %s: it is gone, and %s was to be the same. Plan again", op.From, op.Name)
	}
	if err != nil {
		return recordError(op.From, err)
	}
	if from.Target.Digest.String() != op.Digest {
		return fmt.Errorf("image %s: it is %s now, and was planned to be %s. Plan again", op.From, from.Target.Digest, op.Digest)
	}
	m := mark{owner: op.Owner, protect: op.Protect}
	if ownerOf(from.Labels, op.From) != nil {
		m.platforms = platformSizes(from.Labels[labelPlatforms])
	}
	its := ownerOf(from.Labels, op.From)
	if its == nil || its.Stack != op.Owner.Stack {
		return w.point(ctx, op.Name, from.Target, op.Before, m)
	}
	m.tagOf = op.From
	if err := w.point(ctx, op.Name, from.Target, op.Before, m); err != nil {
		return err
	}
	return w.noteTag(ctx, op.From, op.Name, op.Name)
}

// noteTag writes on a record that another name was made from it, so that a plan knows whose that was if another tool moves it; "" forgets it.
func (w *imager) noteTag(ctx context.Context, of, name, note string) error {
	label := labelTag + shortHash(name)
	return w.locked(ctx, of, func() error {
		_, err := w.client.ImageService().Update(ctx, images.Image{Name: of, Labels: map[string]string{label: note}}, "labels."+label)
		if errdefs.IsNotFound(err) {
			return nil
		}
		return recordError(of, err)
	})
}

// relabelImage writes fairlead's marks anew; the target stays.
func (w *imager) relabelImage(ctx context.Context, op *planner.RelabelImage) error {
	return w.locked(ctx, op.Name, func() error {
		store := w.client.ImageService()
		old, err := store.Get(ctx, op.Name)
		if errdefs.IsNotFound(err) {
			return fmt.Errorf("image %s: it is gone. Plan again", op.Name)
		}
		if err != nil {
			return recordError(op.Name, err)
		}
		if err := unmoved(old, op.Before); err != nil {
			return err
		}
		m := mark{owner: op.Owner, protect: op.Protect}
		if ownerOf(old.Labels, op.Name) != nil {
			m.source, m.inputs, m.tagOf = old.Labels[labelSource], old.Labels[labelInputs], old.Labels[labelTagOf]
		} else {
			whole, err := manifest.Complete(ctx, w.client.ContentStore(), old.Target)
			if err != nil {
				return recordError(op.Name, err)
			}
			m.platforms = whole
		}
		_, err = store.Update(ctx, images.Image{Name: op.Name, Labels: m.labels(op.Name, old, true)}, "labels")
		return recordError(op.Name, err)
	})
}

// untagImage deletes a record, and waits until content that nothing else names is gone.
func (w *imager) untagImage(ctx context.Context, op *planner.UntagImage) error {
	users, err := w.client.ContainerService().List(ctx, fmt.Sprintf("image==%q", op.Name))
	if err != nil {
		return recordError(op.Name, err)
	}
	if len(users) > 0 {
		return fmt.Errorf("image %s: the container %s uses it, which came since the plan was made. Plan again", op.Name, shortID(users[0].ID))
	}
	return w.locked(ctx, op.Name, func() error {
		old, err := w.client.ImageService().Get(ctx, op.Name)
		if err == nil {
			if err := unmoved(old, op.Before); err != nil {
				return err
			}
			err = w.client.ImageService().Delete(ctx, op.Name, images.SynchronousDelete(), images.DeleteTarget(&old.Target))
		}
		if of := old.Labels[labelTagOf]; err == nil && of != "" && ownerOf(old.Labels, op.Name) != nil {
			err = w.noteTag(ctx, of, op.Name, "")
		}
		if errdefs.IsNotFound(err) {
			return nil
		}
		return recordError(op.Name, err)
	})
}
