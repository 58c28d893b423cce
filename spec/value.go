package spec

import (
	"sort"

	"github.com/zclconf/go-cty/cty"
)

// What a reference to a block gives.
var (
	imageAttrs     = []string{"name", "digest", "size", "platforms"}
	containerAttrs = []string{"name", "id", "image"}
)

// ImageValue is what a reference to an image block gives. A digest "" , nil platforms and a size below 0 are unknown.
func ImageValue(name, digest string, size int64, platforms []string) cty.Value {
	v := map[string]cty.Value{
		"name":      cty.StringVal(name),
		"digest":    cty.UnknownVal(cty.String),
		"size":      cty.UnknownVal(cty.Number),
		"platforms": cty.UnknownVal(cty.List(cty.String)),
	}
	if digest != "" {
		v["digest"] = cty.StringVal(digest)
	}
	if size >= 0 {
		v["size"] = cty.NumberIntVal(size)
	}
	if platforms != nil {
		sorted := append([]string{}, platforms...)
		sort.Strings(sorted)
		v["platforms"] = cty.ListValEmpty(cty.String)
		if len(sorted) > 0 {
			els := make([]cty.Value, len(sorted))
			for i, p := range sorted {
				els[i] = cty.StringVal(p)
			}
			v["platforms"] = cty.ListVal(els)
		}
	}
	return cty.ObjectVal(v)
}

// ContainerValue is what a reference to a container block gives. An id "" is unknown.
func ContainerValue(name, id, image string) cty.Value {
	v := map[string]cty.Value{
		"name":  cty.StringVal(name),
		"id":    cty.UnknownVal(cty.String),
		"image": cty.StringVal(image),
	}
	if id != "" {
		v["id"] = cty.StringVal(id)
	}
	return cty.ObjectVal(v)
}
