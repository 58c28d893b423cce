package image

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/errdefs"

	"github.com/fairlead-dev/fairlead/executor/machine"
	"github.com/fairlead-dev/fairlead/executor/manifest"
	"github.com/fairlead-dev/fairlead/executor/mark"
	"github.com/fairlead-dev/fairlead/executor/registry"
	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

// Store makes the calls that have to do with images. The context of each call has a lease on it.
type Store struct {
	Client   *containerd.Client
	Hosts    *registry.Hosts
	Paths    machine.Paths // of the locks of records
	Platform string        // the host's own, normalised
}

// Live reads an image record. Fairlead's labels count only on a record that is fairlead's.
func Live(rec images.Image) *planner.LiveImage {
	li := &planner.LiveImage{
		Live:   planner.Live{Kind: spec.KindImage, ID: rec.Name, Owner: mark.OwnerOf(rec.Labels, rec.Name), Seen: fingerprint(rec), CreatedAt: rec.CreatedAt},
		Digest: rec.Target.Digest.String(),
	}
	if li.Owner == nil {
		return li
	}
	li.Protected = rec.Labels[mark.LabelProtect] == "true"
	if li.Sizes = mark.ParsePlatforms(rec.Labels[mark.LabelPlatforms]); li.Sizes != nil {
		li.Platforms = slices.Sorted(maps.Keys(li.Sizes))
	}
	li.Source = rec.Labels[mark.LabelSource]
	li.Inputs = rec.Labels[mark.LabelInputs]
	li.TagOf = rec.Labels[mark.LabelTagOf]
	for _, k := range slices.Sorted(maps.Keys(rec.Labels)) {
		if strings.HasPrefix(k, mark.LabelTag) {
			li.Tags = append(li.Tags, rec.Labels[k])
		}
		if digest, ref, ok := strings.Cut(rec.Labels[k], " "); ok && strings.HasPrefix(k, mark.LabelPushed) {
			if li.Pushed == nil {
				li.Pushed = map[string]string{}
			}
			li.Pushed[ref] = digest
		}
	}
	return li
}

// fingerprint changes whenever a record says something else, but not by what it says of its other names.
func fingerprint(rec images.Image) string {
	h := sha256.New()
	for _, k := range slices.Sorted(maps.Keys(rec.Labels)) {
		if !strings.HasPrefix(k, mark.LabelTag) {
			fmt.Fprintf(h, "%d %s %d %s ", len(k), k, len(rec.Labels[k]), rec.Labels[k])
		}
	}
	return rec.Target.Digest.String() + " " + hex.EncodeToString(h.Sum(nil)[:16])
}

// Tag points one more record at the content of another.
func (s *Store) Tag(ctx context.Context, op *planner.TagImage) error {
	from, err := s.planned(ctx, op.From, op.Digest, op.Name+" was to be the same")
	if err != nil {
		return err
	}
	m := mark.Image{Owner: op.Owner, Protect: op.Protect}
	its := mark.OwnerOf(from.Labels, op.From)
	if its != nil {
		m.Platforms = mark.ParsePlatforms(from.Labels[mark.LabelPlatforms])
	}
	if its == nil || its.Stack != op.Owner.Stack {
		return s.SetRecord(ctx, op.Name, from.Target, op.Before, m)
	}
	m.TagOf = op.From
	if err := s.SetRecord(ctx, op.Name, from.Target, op.Before, m); err != nil {
		return err
	}
	return s.noteTag(ctx, op.From, op.Name, op.Name)
}

// planned gives a record that must be at the digest that the plan saw. lost says what its loss prevents.
func (s *Store) planned(ctx context.Context, name, digest, lost string) (images.Image, error) {
	rec, err := s.Client.ImageService().Get(ctx, name)
	if errdefs.IsNotFound(err) {
		return rec, fmt.Errorf("image %s: it is gone, and %s. Plan again", name, lost)
	}
	if err == nil && rec.Target.Digest.String() != digest {
		return rec, fmt.Errorf("image %s: it is %s now, and was planned to be %s. Plan again", name, rec.Target.Digest, digest)
	}
	return rec, RecordError(name, err)
}

// noteTag writes on a record that another name was made from it, so that a plan knows whose that was if another tool moves it; "" forgets
// it.
func (s *Store) noteTag(ctx context.Context, of, name, note string) error {
	label := mark.TagLabel(name)
	return s.locked(ctx, of, func() error {
		_, err := s.Client.ImageService().Update(ctx, images.Image{Name: of, Labels: map[string]string{label: note}}, "labels."+label)
		if errdefs.IsNotFound(err) {
			return nil
		}
		return RecordError(of, err)
	})
}

// Relabel writes fairlead's labels anew; the target stays.
func (s *Store) Relabel(ctx context.Context, op *planner.RelabelImage) error {
	return s.locked(ctx, op.Name, func() error {
		store := s.Client.ImageService()
		old, err := store.Get(ctx, op.Name)
		if errdefs.IsNotFound(err) {
			return fmt.Errorf("image %s: it is gone. Plan again", op.Name)
		}
		if err != nil {
			return RecordError(op.Name, err)
		}
		if err := unmoved(old, op.Before); err != nil {
			return err
		}
		m := mark.Image{Owner: op.Owner, Protect: op.Protect}
		if mark.OwnerOf(old.Labels, op.Name) != nil {
			m.Source, m.Inputs, m.TagOf = old.Labels[mark.LabelSource], old.Labels[mark.LabelInputs], old.Labels[mark.LabelTagOf]
		} else {
			whole, err := manifest.Complete(ctx, s.Client.ContentStore(), old.Target)
			if err != nil {
				return RecordError(op.Name, err)
			}
			m.Platforms = whole
		}
		_, err = store.Update(ctx, images.Image{Name: op.Name, Labels: m.Labels(op.Name, old.Labels, true)}, "labels")
		return RecordError(op.Name, err)
	})
}

// Untag deletes a record, and waits until content that nothing else names is gone.
func (s *Store) Untag(ctx context.Context, op *planner.UntagImage) error {
	users, err := s.Client.ContainerService().List(ctx, fmt.Sprintf("image==%q", op.Name))
	if err != nil {
		return RecordError(op.Name, err)
	}
	if len(users) > 0 {
		return fmt.Errorf("image %s: the container %s uses it, which came since the plan was made. Plan again", op.Name, mark.ShortID(users[0].ID))
	}
	return s.locked(ctx, op.Name, func() error {
		old, err := s.Client.ImageService().Get(ctx, op.Name)
		if err == nil {
			if err := unmoved(old, op.Before); err != nil {
				return err
			}
			err = s.Client.ImageService().Delete(ctx, op.Name, images.SynchronousDelete(), images.DeleteTarget(&old.Target))
		}
		if of := old.Labels[mark.LabelTagOf]; err == nil && of != "" && mark.OwnerOf(old.Labels, op.Name) != nil {
			err = s.noteTag(ctx, of, op.Name, "")
		}
		if errdefs.IsNotFound(err) {
			return nil
		}
		return RecordError(op.Name, err)
	})
}
