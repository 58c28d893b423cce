package ctrd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/mount"
	"github.com/containerd/containerd/v2/pkg/oci"
	ptypes "github.com/containerd/containerd/v2/pkg/protobuf/types"
	kernel "github.com/containerd/containerd/v2/pkg/seccomp"
	"github.com/containerd/errdefs"
	"github.com/containerd/platforms"
	"github.com/containerd/typeurl/v2"
	"github.com/opencontainers/image-spec/identity"
	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/fairlead-dev/fairlead/executor"
	"github.com/fairlead-dev/fairlead/executor/image"
	"github.com/fairlead-dev/fairlead/executor/imageconfig"
	"github.com/fairlead-dev/fairlead/executor/machine"
	"github.com/fairlead-dev/fairlead/executor/manifest"
	"github.com/fairlead-dev/fairlead/executor/mark"
	"github.com/fairlead-dev/fairlead/executor/ocispec"
	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

// imageParts are what a container takes from an image's content for one platform.
type imageParts struct {
	config imageconfig.Config
	chain  string // name of the snapshot with all layers
}

// unpackTimeout bounds the unpacking of an image of many gigabytes.
const unpackTimeout = time.Hour

// createContainer makes a container with its snapshot, marked as pending.
func (w *Writer) createContainer(ctx context.Context, op *planner.CreateContainer, report func(executor.Progress)) error {
	want := w.withDefaults(op.Want)
	got, err := w.get(ctx, op.ID)
	if err == nil {
		if mark.OwnerOf(got.Labels, op.ID) == nil || got.Extensions[mark.Extension] == nil {
			return fmt.Errorf("there is a container %s that isn't fairlead's", op.ID)
		}
		w.names.claim(op)
		return nil // an earlier try got as far as this
	}
	if !errors.Is(err, errGone) {
		return err
	}
	if err := checkMounts(want); err != nil {
		return err
	}
	img, err := w.imageFor(ctx, want)
	if err != nil {
		return err
	}
	parts, err := w.imagePartsOf(ctx, img, want.Platform)
	if err != nil {
		return err
	}
	c := containers.Container{ID: op.ID, Image: want.Image.Name, Snapshotter: want.Snapshotter, SnapshotKey: op.ID}
	c.Runtime.Name = want.Runtime
	if err := w.prepareSnapshot(ctx, &c, img, parts, want.Platform, report); err != nil {
		return err
	}
	if err := w.fillRecord(ctx, &c, op, want, img, parts); err != nil {
		return err
	}
	_, err = within(ctx, callTimeout, func(ctx context.Context) (containers.Container, error) {
		return w.client.ContainerService().Create(ctx, c)
	})
	if err != nil {
		return explainLabels(err)
	}
	w.down.Store(op.ID, true)
	w.names.claim(op)
	return nil
}

// withDefaults fills in what an unset attribute means here.
func (w *Writer) withDefaults(c *spec.Container) *spec.Container {
	n := *c
	n.Platform, n.Runtime = cmp.Or(n.Platform, w.platform), cmp.Or(n.Runtime, spec.DefaultRuntime)
	return &n
}

// imageFor finds the image record, which must be what the plan saw.
func (w *Writer) imageFor(ctx context.Context, want *spec.Container) (images.Image, error) {
	img, err := w.client.ImageService().Get(ctx, want.Image.Name)
	if errdefs.IsNotFound(err) {
		return img, fmt.Errorf("its image %s is gone; plan again", want.Image.Name)
	}
	if err == nil && want.Image.Digest != "" && img.Target.Digest.String() != want.Image.Digest {
		return img, fmt.Errorf("its image %s is %s now, and was planned to be %s; plan again", want.Image.Name, img.Target.Digest, want.Image.Digest)
	}
	return img, err
}

// imagePartsOf reads an image's manifest and config for a platform, once.
func (w *Writer) imagePartsOf(ctx context.Context, img images.Image, platform string) (imageParts, error) {
	key := img.Target.Digest.String() + " " + platform
	if p, ok := w.imageConfigs.Load(key); ok {
		return p.(imageParts), nil
	}
	view := w.manifests()
	manifests, err := manifest.List(ctx, view, img.Target)
	if err != nil {
		return imageParts{}, fmt.Errorf("its image %s: %w", img.Name, err)
	}
	desc, ok := manifests[platform]
	if !ok {
		return imageParts{}, fmt.Errorf("its image %s has no %s: it has %s", img.Name, platform, orNone(slices.Sorted(maps.Keys(manifests))))
	}
	cfg, err := manifest.Config(ctx, view, desc)
	if errdefs.IsNotFound(err) {
		return imageParts{}, fmt.Errorf("its image %s: the content for %s is not here whole; pull or load it again (%w)", img.Name, platform, err)
	}
	if err != nil {
		return imageParts{}, fmt.Errorf("its image %s: %w", img.Name, err)
	}
	config, err := imageconfig.Of(cfg.Config)
	if err != nil {
		return imageParts{}, fmt.Errorf("its image %s: %w", img.Name, err)
	}
	p := imageParts{config: config, chain: identity.ChainID(cfg.RootFS.DiffIDs).String()}
	w.imageConfigs.Store(key, p)
	return p, nil
}

func orNone(words []string) string {
	if len(words) == 0 {
		return "none"
	}
	return strings.Join(words, ", ")
}

// prepareSnapshot makes the container's file system. One that is there under the container's ID was made by a try that was cut off
// before the container was, so nothing has used it.
func (w *Writer) prepareSnapshot(ctx context.Context, c *containers.Container, img images.Image, p imageParts, platform string, report func(executor.Progress)) error {
	if c.Snapshotter == "" {
		name, err := w.defaultSnapshotter(ctx)
		if err != nil {
			return err
		}
		c.Snapshotter = name
	}
	sn := w.client.SnapshotService(c.Snapshotter)
	var err error
	for range 3 {
		_, err = within(ctx, taskTimeout, func(ctx context.Context) ([]mount.Mount, error) {
			return sn.Prepare(ctx, c.SnapshotKey, p.chain)
		})
		switch {
		case err == nil:
			return nil
		case errdefs.IsAlreadyExists(err):
			if err := sn.Remove(ctx, c.SnapshotKey); err != nil && !errdefs.IsNotFound(err) {
				return fmt.Errorf("snapshot of an earlier try: %w", err)
			}
		case errdefs.IsNotFound(err):
			report(executor.Progress{Note: "unpacking " + img.Name})
			if err := w.unpackFor(ctx, img, p, platform, c.Snapshotter); err != nil {
				return err
			}
		default:
			return fmt.Errorf("snapshot: %w", err)
		}
	}
	return fmt.Errorf("snapshot: %w", err)
}

func (w *Writer) unpackFor(ctx context.Context, img images.Image, p imageParts, platform, snapshotter string) error {
	pl, err := platforms.Parse(platform)
	if err != nil {
		return err
	}
	_, err, _ = w.unpacking.Do(p.chain+" "+snapshotter, func() (any, error) {
		ctx, cancel := context.WithTimeout(ctx, unpackTimeout)
		defer cancel()
		return nil, containerd.NewImageWithPlatform(w.client, img, platforms.OnlyStrict(pl)).Unpack(ctx, snapshotter)
	})
	if err != nil {
		return fmt.Errorf("unpack its image %s: %w", img.Name, err)
	}
	return nil
}

// fillRecord writes the record: OCI spec, labels and extension; and makes the directory of its files.
func (w *Writer) fillRecord(ctx context.Context, c *containers.Container, op *planner.CreateContainer, want *spec.Container, img images.Image, p imageParts) error {
	user, err := w.userOf(ctx, c, want, p)
	if err != nil {
		return err
	}
	m := mark.Container{ID: op.ID, Want: want, Owner: op.Owner, Image: p.config, Namespace: w.opts.Namespace, Dir: w.paths.Container(op.Owner.Stack, op.ID)}
	m.Hostname = hostnameOf(op.ID, want)
	m.LogURI = mark.LogURI(m.Dir, want.TTY)
	c.Labels = m.Labels()
	s, own, err := ocispec.Build(ctx, ocispec.Container{ID: op.ID, Want: want, Image: p.config, User: user, Labels: c.Labels, Host: hostFacts()})
	if err != nil {
		return err
	}
	if c.Spec, err = typeurl.MarshalAny(s); err != nil {
		return err
	}
	a := mark.Applied{Spec: op.Want, Image: p.config, User: user, Mounts: own}
	if err := w.signApplied(&a, op.ID, op.Owner, img); err != nil {
		return err
	}
	if a.Written, err = ocispec.Written(c); err != nil {
		return err
	}
	x, err := extensionOf(a)
	if err != nil {
		return err
	}
	c.Extensions = x
	return machine.MakeDir(m.Dir)
}

// extensionOf gives fairlead's extension of a record.
func extensionOf(a mark.Applied) (map[string]typeurl.Any, error) {
	b, err := a.Encode()
	return map[string]typeurl.Any{mark.Extension: &ptypes.Any{TypeUrl: mark.AppliedURL, Value: b}}, err
}

// signApplied notes in an applied record that the container is the owner's, and whether its image is too.
func (w *Writer) signApplied(a *mark.Applied, id string, owner planner.Owner, img images.Image) error {
	signer, err := mark.NewSigner(w.opts.Namespace, w.paths.Key())
	if err != nil {
		return err
	}
	a.Mark = signer.Sign(id, owner)
	its := mark.OwnerOf(img.Labels, img.Name)
	a.Origin, a.OwnNames = nil, nil
	if o := w.opts.Origin; o != (planner.Origin{}) {
		a.Origin = &o
	}
	if its != nil && its.Stack == owner.Stack {
		a.OwnNames = append([]string{img.Name}, image.Live(img).Tags...)
	}
	return nil
}

// hostFacts is what this machine gives to containers.
func hostFacts() ocispec.Host {
	return ocispec.Host{Seccomp: kernel.IsEnabled(), Files: slices.DeleteFunc(slices.Clone(ocispec.HostFiles), func(f string) bool {
		_, err := os.Stat(f)
		return err != nil
	})}
}

func hostnameOf(id string, want *spec.Container) string {
	if want.Hostname != "" {
		return want.Hostname
	}
	if want.NetworkMode == spec.NetworkHost {
		h, _ := os.Hostname()
		return h
	}
	return mark.ShortID(id)
}

// userOf looks names up in the image's own files.
func (w *Writer) userOf(ctx context.Context, c *containers.Container, want *spec.Container, p imageParts) (specs.User, error) {
	name := cmp.Or(want.User, p.config.User)
	key := userKey{p.chain, name, strings.Join(want.Groups, " ")}
	if u, ok := w.users.Load(key); ok {
		return u.(specs.User), nil
	}
	s := &specs.Spec{Process: &specs.Process{}, Linux: &specs.Linux{}, Root: &specs.Root{}}
	var opts []oci.SpecOpts
	if name != "" {
		opts = append(opts, oci.WithUser(name))
	}
	opts = append(opts, func(ctx context.Context, cl oci.Client, c *containers.Container, s *oci.Spec) error {
		return oci.WithAdditionalGIDs(fmt.Sprint(s.Process.User.UID))(ctx, cl, c, s)
	})
	if len(want.Groups) > 0 {
		opts = append(opts, oci.WithAppendAdditionalGroups(want.Groups...))
	}
	if err := oci.ApplyOpts(ctx, w.client, c, s, opts...); err != nil {
		if name != "" && (errors.Is(err, oci.ErrNoUsersFound) || errors.Is(err, oci.ErrNoGroupsFound) || errors.Is(err, os.ErrNotExist)) {
			if want.User == "" {
				return specs.User{}, fmt.Errorf("its image %s says user %q, who is not in its /etc/passwd and /etc/group; set user to numbers, or to a name that is there", want.Image.Name, name)
			}
			return specs.User{}, fmt.Errorf("user %q: not in the image's /etc/passwd and /etc/group; use numbers, or a name that is there", name)
		}
		return specs.User{}, fmt.Errorf("user %q, groups %q: %w", name, want.Groups, err)
	}
	w.users.Store(key, s.Process.User)
	return s.Process.User, nil
}

// explainLabels says which limit a label broke.
func explainLabels(err error) error {
	if errdefs.IsInvalidArgument(err) && strings.Contains(err.Error(), "label key and value") {
		return fmt.Errorf("a label is too long: key and value are at most 4096 bytes together (%w)", err)
	}
	return err
}
