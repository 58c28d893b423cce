package planner

import (
	"cmp"
	"maps"
	"slices"
	"sort"
	"strings"

	"github.com/fairlead-dev/fairlead/spec"
)

// neededPlatforms gives the platforms of an image that its containers need, and those that builds need which start from it.
func (pb *planBuilder) neededPlatforms(im *spec.Image) []string {
	var out []string
	for _, p := range im.Platform {
		out = append(out, cmp.Or(p, pb.have.Host.Platform))
	}
	if !builtHere(im) { // else its own block says what it is made for
		out = append(out, pb.basePlatforms[im.Addr]...)
	}
	if len(out) == 0 {
		out = []string{pb.have.Host.Platform}
	}
	sort.Strings(out)
	return slices.Compact(out)
}

// platformsToFetch gives the platforms of an image that must be here: those that are needed, or for a push all that its source offers,
// because a registry refuses an index with a manifest that it doesn't get.
func (pb *planBuilder) platformsToFetch(im *spec.Image, offered map[string]int64) []string {
	if len(im.Push) > 0 && im.Pull != "" && offered != nil {
		return slices.Sorted(maps.Keys(offered))
	}
	return pb.neededPlatforms(im)
}

// hasPlatforms tells whether an image's source has all needed platforms, and reports each that it lacks.
func (pb *planBuilder) hasPlatforms(im *spec.Image, t target, rec *LiveImage) bool {
	have := slices.Sorted(maps.Keys(t.platforms))
	if t.platforms == nil {
		if im.Load == "" || rec == nil || rec.Platforms == nil {
			return true
		}
		have = rec.Platforms // an archive that didn't change: all that it had is there
	}
	ok := true
	for _, p := range pb.neededPlatforms(im) {
		if slices.Contains(have, p) {
			continue
		}
		ok = false
		at := pb.sourceRange(im)
		who := im.Addr.String()
		for _, c := range pb.containersOf[im.Addr] {
			if cmp.Or(c.Platform, pb.have.Host.Platform) == p {
				at, who = c.AttrAt("image"), c.Addr.String()
				if c.Platform != "" {
					at = c.AttrAt("platform")
				}
				break
			}
		}
		pb.fail(fault(at, "Platform not in the image", "%s needs %s of %s, which has %s. Choose one of these, or another image.", who, p, pb.sourceText(im), cmp.Or(strings.Join(have, ", "), "no platform at all")))
	}
	return ok
}

// buildPlatforms gives the platforms that an image is built or imported for; of any other image, those that are needed.
func (pb *planBuilder) buildPlatforms(im *spec.Image) []string {
	switch {
	case im.Rootfs != nil:
		return []string{cmp.Or(im.Rootfs.Platform, pb.have.Host.Platform)}
	case im.Build != nil && len(im.Build.Platforms) > 0:
		return im.Build.Platforms
	}
	return pb.neededPlatforms(im)
}

// coversContainers reports each container whose platform the image is not built for.
func (pb *planBuilder) coversContainers(im *spec.Image, platforms []string) {
	_, _, attr := buildWords(im)
	for _, c := range pb.containersOf[im.Addr] {
		if p := cmp.Or(c.Platform, pb.have.Host.Platform); !slices.Contains(platforms, p) {
			pb.fail(fault(c.AttrAt("platform"), "Platform not in the image", "%s needs %s of %s, whose %s is for %s. Add the platform there, or choose one of these.", c.Addr, p, im.Addr, attr, strings.Join(platforms, ", ")))
		}
	}
}

// missing gives the needed platforms whose content isn't whole; none where have is nil, as nobody asked.
func missing(need, have []string) []string {
	if have == nil {
		return nil
	}
	var out []string
	for _, p := range need {
		if !slices.Contains(have, p) {
			out = append(out, p)
		}
	}
	return out
}

// sizeOf gives the bytes of an image's platforms, from the lock file, else from its source, else from its record; -1 where none of them
// knows.
func (pb *planBuilder) sizeOf(im *spec.Image, platforms []string) int64 {
	var places []map[string]int64
	if pin, ok := pb.want.Lock[im.Pull]; ok && im.Pull != "" {
		places = append(places, pin.Platforms)
	}
	if s := pb.sources.Of(im); s != nil {
		places = append(places, s.Platforms)
	}
	if rec := pb.have.Images[im.Name]; rec != nil {
		places = append(places, rec.Sizes)
	}
	for _, sizes := range places {
		if n, ok := sum(sizes, platforms); ok {
			return n
		}
	}
	return -1
}

// sum adds the sizes of platforms, and tells whether all of them are known.
func sum(sizes map[string]int64, platforms []string) (int64, bool) {
	var n int64
	for _, p := range platforms {
		size, ok := sizes[p]
		if !ok {
			return 0, false
		}
		n += size
	}
	return n, true
}
