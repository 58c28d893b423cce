package planner

import (
	"cmp"
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/fairlead-dev/fairlead/spec"
)

var imageKind = &resourceKind{
	kind:    spec.KindImage,
	live:    func(s *State) []LiveObject { return liveObjects(maps.Values(s.Images)) },
	short:   familiar,
	index:   (*planBuilder).indexImages,
	records: true,
	needs:   func(_ *planBuilder, o LiveObject) []spec.Addr { return o.(*LiveImage).bases() },

	rows: untyped(imageAttrs), notCompared: imagesNotCompared,

	refs: (*planBuilder).basesInFiles,
	decide: func(pb *planBuilder, r spec.Resource) *decision {
		im := r.(*spec.Image)
		if builtHere(im) {
			return pb.decideBuilt(im)
		}
		return pb.decideImage(im)
	},
	identity: func(pb *planBuilder, r spec.Resource) string {
		if rec := pb.have.Images[r.(*spec.Image).Name]; rec != nil {
			return rec.Digest
		}
		return ""
	},
	value: func(pb *planBuilder, r spec.Resource, digest string) cty.Value {
		return pb.imageValue(r.(*spec.Image), digest)
	},
	replaceable: func(r spec.Resource) bool {
		im := spec.As[*spec.Image](r)
		return im != nil && builtHere(im)
	},
	orphan: func(pb *planBuilder, o LiveObject) bool { return !pb.wantedRecords[o.Header().ID] },
	remove: func(pb *planBuilder, o LiveObject) { pb.removeRecord(o.(*LiveImage)) },

	find: func(pb *planBuilder, id string) LiveObject {
		if rec := pb.have.Images[recordName(id)]; rec != nil {
			return rec
		}
		return nil
	},
	mayAdopt: (*planBuilder).mayAdoptRecord,
	missing:  "There is no image %q in namespace %s for %s. Its name is written as `ctr images ls` shows it. If it was never there, take the import block out.",
}

// indexImages notes which records are wanted, which platforms builds need of the images that they start from, and at which digest the
// names of records were last known to be the stack's.
func (pb *planBuilder) indexImages(all []LiveObject) {
	slices.SortFunc(all, func(a, b LiveObject) int { return cmp.Compare(a.Header().ID, b.Header().ID) })
	for _, o := range all {
		if rec := o.(*LiveImage); pb.ours(rec.Owner) {
			pb.noteTags(rec)
		}
	}
	for _, im := range spec.Of[*spec.Image](pb.want) {
		if src := pb.sources.Of(im); src != nil {
			for _, b := range src.Bases {
				pb.basePlatforms[b.Image] = append(pb.basePlatforms[b.Image], b.Needs...)
			}
		}
		if !pb.o.Destroy {
			for _, name := range append([]string{im.Name}, im.Tags...) {
				pb.wantedRecords[name] = true
			}
		}
	}
}

// bases gives the images of this stack that a record was built from.
func (rec *LiveImage) bases() []spec.Addr {
	var out []spec.Addr
	for _, input := range rec.LastInputs {
		if a, err := spec.ParseAddr(input.Name); input.Kind == InputBase && err == nil {
			out = append(out, a)
		}
	}
	return out
}

// basesInFiles gives the images of this stack that only a Dockerfile names.
func (pb *planBuilder) basesInFiles(r spec.Resource) []spec.Addr {
	im := r.(*spec.Image)
	src := pb.sources.Of(im)
	if im.Build == nil || src == nil {
		return nil
	}
	var out []spec.Addr
	for _, b := range src.Bases {
		if !b.Image.IsZero() {
			out = append(out, b.Image)
		}
	}
	return out
}

// recordName is the name of the image record that an import block means.
func recordName(id string) string {
	if ref, err := spec.ParseReference(id); err == nil {
		return ref
	}
	return id
}

func (pb *planBuilder) mayAdoptRecord(im *spec.Import, o LiveObject) *hcl.Diagnostic {
	name := o.Header().ID
	if wanted := spec.As[*spec.Image](pb.blocks[im.To]); name != wanted.Name && !slices.Contains(wanted.Tags, name) {
		return fault(im.IDAt, "Import under another name", "The image %q would have to be %q, which is the name that %s has. Set name = %q in that block.", familiar(name), familiar(wanted.Name), im.To, familiar(name))
	}
	return nil
}

// imageValue is what references to an image give. It must be the same before and after the apply that brings the image, so what
// the lock file says comes first. Nobody can tell the size of what is still to be built.
func (pb *planBuilder) imageValue(im *spec.Image, digest string) cty.Value {
	ps, size := pb.buildPlatforms(im), int64(-1)
	if !builtHere(im) || digest != "" && !pb.placeholders[digest] {
		size = pb.sizeOf(im, ps)
	}
	return spec.ImageValue(im.Name, digest, size, ps)
}
