package spec

import (
	"encoding/csv"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// cacheType says what a cache of a type takes, by BuildKit's names.
type cacheType struct {
	location string   // the attribute that says where it is; "" for none
	more     []string // what it may have besides
}

var exportOptions = []string{"mode", "compression", "compression-level", "force-compression", "oci-mediatypes", "image-manifest", "ignore-error"}

// cacheTypes has the types of caches for each of the attributes. BuildKit has more, which need a service elsewhere.
var cacheTypes = map[string]map[string]cacheType{
	"cache_from": {"registry": {"ref", nil}, "local": {"src", []string{"digest", "tag"}}},
	"cache_to":   {"registry": {"ref", exportOptions}, "local": {"dest", append([]string{"tag"}, exportOptions...)}, "inline": {}},
}

// caches reads where a build's cache is taken from or written to, in the order of the file.
func (d *decoder) caches(attrs hcl.Attributes, attr string) []BuildCache {
	texts, ats, _ := d.texts(attrs, attr)
	var out []BuildCache
	for i, s := range texts {
		c, err := parseCache(attr, d.e.reads.base, s)
		if err != nil {
			d.fail(fault(ats[i], "Bad cache", "%s", sentenceOf(err)))
			continue
		}
		out = append(out, c)
	}
	return out
}

// parseCache reads a cache as buildx writes it: "type=registry,ref=REF,mode=max", or a reference alone.
func parseCache(attr string, b base, s string) (BuildCache, error) {
	types := cacheTypes[attr]
	known := slices.Sorted(maps.Keys(types))
	if s != "" && !strings.ContainsAny(s, "=,") {
		s = "type=registry,ref=" + s
	}
	shown := shownCache(s)
	fields, err := csv.NewReader(strings.NewReader(s)).Read()
	if err != nil {
		return BuildCache{}, fmt.Errorf("%q is no cache: write a reference, or KEY=VALUE with commas between, as in \"type=registry,ref=registry.example.com/app:cache\"", shown)
	}
	c := BuildCache{Attrs: map[string]string{}}
	for _, f := range fields {
		k, v, ok := strings.Cut(f, "=")
		k = strings.TrimSpace(k)
		switch {
		case !ok || k == "":
			return c, fmt.Errorf("%q of %q is not like KEY=VALUE", f, shown)
		case k == "type":
			c.Type = v
		default:
			c.Attrs[k] = v
		}
	}
	ty, ok := types[c.Type]
	switch {
	case c.Type == "inline" && !ok:
		return c, fmt.Errorf("%q: a cache that was written inline is in the image itself: name the image here, as in \"registry.example.com/app:1\"", shown)
	case c.Type == "":
		return c, fmt.Errorf("%q has no type: add type= and %s", shown, quotedList(known, "or"))
	case !ok:
		return c, fmt.Errorf("%q has the type %q, which fairlead doesn't have: there are %s.%s", shown, c.Type, quotedList(known, "and"), DidYouMean(c.Type, known))
	}
	all := ty.more
	if ty.location != "" {
		all = append([]string{ty.location}, all...)
	}
	for _, k := range slices.Sorted(maps.Keys(c.Attrs)) {
		if !slices.Contains(all, k) {
			return c, fmt.Errorf("%q: a cache of type %q has no %q in %s.%s", shown, c.Type, k, attr, DidYouMean(k, all))
		}
	}
	if ty.location != "" && c.Attrs[ty.location] == "" {
		return c, fmt.Errorf("%q has no %s, which says where the cache is: add %s=…", shown, ty.location, ty.location)
	}
	if mode, set := c.Attrs["mode"]; set && mode != "min" && mode != "max" {
		return c, fmt.Errorf("%q: mode is \"min\", the layers of the result, or \"max\", those of every stage", shown)
	}
	switch ty.location {
	case "ref":
		if c.Attrs["ref"], err = ParseReference(c.Attrs["ref"]); err != nil {
			return c, err
		}
	case "src", "dest":
		c.Attrs[ty.location] = b.path(c.Attrs[ty.location])
	}
	if len(c.Attrs) == 0 {
		c.Attrs = nil
	}
	return c, nil
}

// shownCache is a cache as a diagnostic may have it: some types take credentials.
func shownCache(s string) string {
	fields := strings.Split(s, ",")
	for i, f := range fields {
		k, v, ok := strings.Cut(f, "=")
		switch strings.TrimSpace(k) {
		case "type", "ref", "src", "dest", "dst", "mode", "tag":
			v = Shown(v)
		default:
			v = "xxxxx"
		}
		if ok {
			fields[i] = k + "=" + v
		}
	}
	return strings.Join(fields, ",")
}
