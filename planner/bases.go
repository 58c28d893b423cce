package planner

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/fairlead-dev/fairlead/spec"
)

// basesOf gives a build's bases with the digests of those that are images of this stack, pins the others, and tells whether all can be
// used.
func (pb *planBuilder) basesOf(im *spec.Image, src *Source) ([]Base, bool) {
	ok := true
	out := slices.Clone(src.Bases)
	for i := range out {
		b := &out[i]
		if b.Image.IsZero() {
			ok = pb.baseCovers(im, b, slices.Sorted(maps.Keys(b.Platforms)), b.Platforms != nil) && ok
			pb.pinBase(b)
			continue
		}
		r := pb.decisions[b.Image]
		if r == nil {
			pb.fail(fault(pb.sourceRange(im), "Cycle", "%s: %s needs %s, which needs %s. An image cannot be built from itself.", b.At, b.Use, b.Image, im.Addr))
		}
		if r == nil || !r.usable {
			ok = false // it has been said why
			continue
		}
		b.Digest = r.identity
		if base := spec.As[*spec.Image](pb.blocks[b.Image]); builtHere(base) { // what is pulled or loaded is asked for what is needed
			ok = pb.baseCovers(im, b, pb.buildPlatforms(base), true) && ok
		}
	}
	return out, ok
}

// baseCovers tells whether a base has all platforms that a build needs of it, and reports those that it lacks.
func (pb *planBuilder) baseCovers(im *spec.Image, b *Base, have []string, known bool) bool {
	gone := missing(b.Needs, have)
	if !known || len(gone) == 0 {
		return true
	}
	name, remedy := familiar(b.Ref), "Choose another base, or take the platform out of platforms"
	if !b.Image.IsZero() {
		name, remedy = b.Image.String(), "Add the platform there"
	}
	pb.fail(fault(pb.sourceRange(im), "Platform not in the base", "%s: %s needs %s of %s, which has %s. %s.", b.At, b.Use, strings.Join(gone, ", "), name,
		cmp.Or(strings.Join(have, ", "), "no platform at all"), remedy))
	return false
}

// pinBase notes for the lock file what a base's reference stood for when the plan was made, and its ONBUILD instructions, unless the lock
// file has them.
func (pb *planBuilder) pinBase(b *Base) {
	_, fixed := splitDigest(b.Ref)
	pin, pinned := pb.want.Lock[b.Ref]
	switch {
	case fixed != "" && (pinned || b.OnBuild == nil), b.Local:
	case !pinned:
		pb.pins[b.Ref] = spec.Pin{Digest: b.Digest, Platforms: b.Platforms, OnBuild: b.OnBuild}
	case pin.OnBuild == nil && b.OnBuild != nil && pin.Digest == b.Digest: // an earlier version wrote it, or it was no base yet
		pin.OnBuild = b.OnBuild
		pb.pins[b.Ref] = pin
	}
}

// pinRemotes notes for the lock file what ADD fetches from servers, unless the lock file has it.
func (pb *planBuilder) pinRemotes(src *Source) {
	for _, r := range src.Remotes {
		if _, pinned := pb.want.Lock[r.Key()]; !pinned {
			pb.pins[r.Key()] = spec.Pin{Digest: r.Digest, Commit: r.Commit}
		}
	}
}

// FillRemotes adds what ADD fetches from servers to the other inputs of a build.
func FillRemotes(in Inputs, remotes []spec.Remote) Inputs {
	out := slices.Clone(in)
	for _, r := range remotes {
		out = append(out, Input{InputSource, r.Key(), r.Digest + r.Commit})
	}
	return out.Sorted()
}

// FillBases adds the digests of a build's bases to its other inputs.
func FillBases(in Inputs, bases []Base) Inputs {
	out := slices.Clone(in)
	for _, b := range bases {
		name := b.Ref
		if !b.Image.IsZero() {
			name = b.Image.String()
		}
		if i := (Input{InputBase, name, b.Digest}); !slices.Contains(out[len(in):], i) {
			out = append(out, i)
		}
	}
	return out.Sorted()
}

// withReevaluated adds to an image's inputs the values that were unknown while the inputs were read, under the names that known ones have.
func (pb *planBuilder) withReevaluated(im *spec.Image, in Inputs) Inputs {
	was := spec.As[*spec.Image](pb.blocks[im.Addr])
	if was == nil || was == im {
		return in
	}
	out := slices.Clone(in)
	add := func(kind InputKind, format string, now, before map[string]string) {
		for _, k := range slices.Sorted(maps.Keys(now)) {
			if _, known := before[k]; !known {
				out = append(out, Input{kind, fmt.Sprintf(format, k), now[k]})
			}
		}
	}
	if im.Build != nil {
		add(InputArg, "%s", im.Build.Args, was.Build.Args)
		add(InputOption, "label %s", im.Build.Labels, was.Build.Labels)
		add(InputOption, "annotation %s", im.Build.Annotations, was.Build.Annotations)
	} else {
		add(InputOption, "config.env[%q]", im.Rootfs.Config.Env, was.Rootfs.Config.Env)
		add(InputOption, "config.labels[%q]", im.Rootfs.Config.Labels, was.Rootfs.Config.Labels)
	}
	return out
}

// downloads gives the bytes that a build downloads of its bases, at most: nobody but the builder knows what of them it has.
func downloads(bases []Base) int64 {
	var out int64
	for _, b := range bases {
		if !b.Local && b.Image.IsZero() {
			n, _ := sum(b.Platforms, b.Needs)
			out += n
		}
	}
	return out
}
