package image

import (
	"context"
	"fmt"

	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/errdefs"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/fairlead-dev/fairlead/executor/machine"
	"github.com/fairlead-dev/fairlead/executor/mark"
	"github.com/fairlead-dev/fairlead/planner"
)

// locked calls f while no other process of fairlead writes the record. containerd updates a record without a comparison, so without the
// lock two of them would overwrite each other. Another tool can still write between f's reading and its writing.
func (s *Store) locked(ctx context.Context, name string, f func() error) error {
	l, err := machine.WaitLockFile(ctx, s.Paths.ImageLock(name))
	if err != nil {
		return fmt.Errorf("image %s: lock of its record: %w", name, err)
	}
	defer l.Release()
	return f()
}

// SetRecord makes the record name refer to target, and labels it. It is the last thing that a step on an image does: a record never names
// what isn't whole. before is the digest that the plan saw there; "": no record. A record that came in between is not overwritten.
func (s *Store) SetRecord(ctx context.Context, name string, target ocispec.Descriptor, before string, m mark.Image) error {
	return s.locked(ctx, name, func() error {
		store := s.Client.ImageService()
		old, err := store.Get(ctx, name)
		switch {
		case errdefs.IsNotFound(err):
			_, err = store.Create(ctx, images.Image{Name: name, Target: target, Labels: m.Labels(name, nil, false)})
			if errdefs.IsAlreadyExists(err) {
				if old, err = store.Get(ctx, name); err == nil {
					return errTaken(old)
				}
			}
		case err != nil:
		default:
			same := old.Target.Digest == target.Digest
			if conflicts(m, old, before, same) {
				return errTaken(old)
			}
			if same && ofOtherStack(m, old) && before != target.Digest.String() {
				m.Owner = planner.Owner{} // the same content has come in the meantime: it is used, and stays whose it is
			}
			_, err = store.Update(ctx, images.Image{Name: name, Target: target, Labels: m.Labels(name, old.Labels, same)}, "target", "labels")
		}
		if err != nil {
			return RecordError(name, err)
		}
		now, err := store.Get(ctx, name)
		if err == nil && now.Target.Digest != target.Digest {
			return errTaken(now)
		}
		return RecordError(name, err)
	})
}

// conflicts tells whether a record is not the one that was planned to be written: it came or was moved since, or became another stack's.
func conflicts(m mark.Image, old images.Image, before string, same bool) bool {
	if m.Owner == (planner.Owner{}) {
		return !same && old.Target.Digest.String() != before
	}
	if same {
		return m.Sole && ofOtherStack(m, old) && old.Target.Digest.String() != before
	}
	its := mark.OwnerOf(old.Labels, old.Name)
	return old.Target.Digest.String() != before || its != nil && its.Stack != m.Owner.Stack
}

// ofOtherStack tells whether a record isn't of the stack that is to own it.
func ofOtherStack(m mark.Image, old images.Image) bool {
	its := mark.OwnerOf(old.Labels, old.Name)
	return its == nil || its.Stack != m.Owner.Stack
}

// errTaken is the error of a record that isn't the one that was planned to be written.
func errTaken(now images.Image) error {
	return fmt.Errorf("image %s: this name was taken since the plan was made: it is %s now, and %s. It was left as it is. Plan again",
		now.Name, now.Target.Digest, mark.DescribeOwner(mark.OwnerOf(now.Labels, now.Name)))
}

// unmoved fails unless a record is at the digest that the plan saw; "": nobody looked.
func unmoved(old images.Image, before string) error {
	if before == "" || old.Target.Digest.String() == before {
		return nil
	}
	return fmt.Errorf("image %s: it is %s now, and was %s when the plan was made. Plan again", old.Name, old.Target.Digest, before)
}
