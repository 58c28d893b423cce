package spec

import (
	"sort"

	"github.com/hashicorp/hcl/v2"
)

// Mount is a bind or tmpfs mount.
type Mount struct {
	Target      string `json:"target"`                // absolute, clean
	Bind        string `json:"bind,omitempty"`        // absolute path on the host; "" for tmpfs
	Tmpfs       *Tmpfs `json:"tmpfs,omitempty"`       //
	ReadOnly    bool   `json:"read_only,omitempty"`   //
	Propagation string `json:"propagation,omitempty"` // of a bind: rprivate (the default, "" here), private, rshared, shared, rslave, slave
}

// Tmpfs has the options of a tmpfs mount.
type Tmpfs struct {
	Size int64  `json:"size,omitempty"` // bytes; 0: the kernel's default
	Mode string `json:"mode,omitempty"` // octal, as "1777"; "" is 1777
}

var (
	mountSchema = newSchema(schema{
		required: []string{"target"}, optional: []string{"bind", "read_only", "propagation"}, nested: map[string]*schema{"tmpfs": tmpfsSchema},
	})
	tmpfsSchema = newSchema(schema{optional: []string{"size", "mode"}})
)

var propagations = []string{"rprivate", "private", "rshared", "shared", "rslave", "slave"}

// mounts reads the mount blocks, sorted by target.
func (d *decoder) mounts(blocks hcl.Blocks) []Mount {
	var out []Mount
	seen := map[string]hcl.Range{}
	for _, b := range blocks.OfType("mount") {
		m, at, ok := d.mount(b)
		if !ok {
			continue
		}
		if first, twice := seen[m.Target]; twice {
			d.fail(fault(at, "Duplicate target", "Something is mounted at %s already, at %s. Each target is used once.", m.Target, lineOf(first)))
			continue
		}
		seen[m.Target] = at
		out = append(out, m)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Target < out[j].Target })
	return out
}

func (d *decoder) mount(b *hcl.Block) (Mount, hcl.Range, bool) {
	content := d.split(b.Body, mountSchema)
	attrs := content.Attributes
	before := len(d.diags)
	var m Mount
	m.Target = d.absolutePath(attrs, "target")
	targetAt := b.DefRange
	if a := attrs["target"]; a != nil {
		targetAt = a.Expr.Range()
	}
	if m.Target == "/" {
		d.fail(fault(targetAt, "Bad target", "Nothing can be mounted over the container's root."))
	}
	m.ReadOnly = d.boolean(attrs, "read_only", false)
	m.Propagation, _ = d.oneOfWords(attrs, "propagation", "", propagations...)
	if m.Propagation == "rprivate" {
		m.Propagation = ""
	}
	tmpfs := content.Blocks.OfType("tmpfs")
	bind := attrs["bind"]
	switch {
	case bind == nil && len(tmpfs) == 0:
		d.fail(fault(b.DefRange, "No source", "A mount has bind = \"PATH\", a file or a directory of the host, or a block tmpfs {}."))
	case bind != nil && len(tmpfs) > 0:
		d.fail(fault(tmpfs[0].DefRange, "Two sources", "A mount is a bind or a tmpfs, not both. Take one out."))
	case len(tmpfs) > 1:
		d.fail(fault(tmpfs[1].DefRange, "Two sources", "A mount has one tmpfs block. Take the others out."))
	case bind != nil:
		m.Bind = d.hostPath(attrs, "bind", "a file or a directory of the host")
	default:
		m.Tmpfs = d.tmpfs(tmpfs[0])
		if a := attrs["propagation"]; a != nil {
			d.fail(fault(a.NameRange, "Contradiction", "Only a bind mount has a propagation. Take it out."))
		}
	}
	unknown := false
	for _, part := range []string{"target", "bind", "read_only", "propagation", "size", "mode"} {
		unknown = unknown || d.block.Marks.Unknown[part]
		delete(d.block.Marks.Unknown, part)
	}
	if unknown {
		d.unknownPath("mount")
		return m, targetAt, false
	}
	return m, targetAt, len(d.diags) == before && m.Target != ""
}

func (d *decoder) tmpfs(b *hcl.Block) *Tmpfs {
	content := d.split(b.Body, tmpfsSchema)
	t := &Tmpfs{Size: d.byteSize(content.Attributes, "size", "the kernel's default, half of the memory")}
	t.Mode, _, _ = parsed(d, content.Attributes, "mode", "Bad mode", ParseMode)
	if t.Mode == "1777" {
		t.Mode = ""
	}
	return t
}
