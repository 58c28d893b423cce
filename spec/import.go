package spec

import "github.com/hashicorp/hcl/v2"

// Import adopts what is there already: the container with that ID or name, or the image record with that name.
type Import struct {
	To     Addr
	ID     string
	DeclAt hcl.Range
	IDAt   hcl.Range
}

var importSchema = newSchema(schema{required: []string{"to", "id"}, exposed: exposedOnHost})

func (e *evaluator) readImports() {
	seen := map[Addr]*Import{}
	for _, b := range e.imports {
		to := b.Body.Attributes["to"]
		d := e.standalone(b, importSchema)
		attrs := d.split(b.Body, importSchema).Attributes
		im := &Import{DeclAt: b.DefRange()}
		if a := attrs["id"]; a != nil {
			im.IDAt = a.Expr.Range()
			id, at, ok := d.text(attrs, "id")
			if ok && id == "" || d.block.Marks.Unknown["id"] && !d.n.bad {
				d.fail(fault(at, "Bad identity", "The attribute id is the ID or the name of a container, or the name of an image, and is known while planning."))
			}
			im.ID = id
		}
		if to != nil && !d.n.wrongIn(to.Expr.Range()) {
			im.To, _ = d.address("to", to.Expr, referable())
			d.checkTarget(im, to.Expr.Range(), seen)
		}
		e.fail(d.diags...)
		e.cfg.Imports = append(e.cfg.Imports, im)
	}
}

func (d *decoder) checkTarget(im *Import, at hcl.Range, seen map[Addr]*Import) {
	n := d.e.nodes[name{string(im.To.Kind), im.To.Name}]
	switch {
	case im.To.IsZero() || n == nil || n.bad:
	case n.byKey[im.To.Key] == nil && im.To.Key != "":
		d.fail(fault(at, "Unknown instance", "%s is no instance: %s", im.To, n.keyList()))
	case n.byKey[im.To.Key] == nil:
		d.fail(fault(at, "Which instance", "%s is no single instance. Say which: %s%s.", im.To, n.name, n.sampleIndex()))
	case seen[im.To] != nil:
		d.fail(fault(at, "Duplicate import", "%s is imported at %s already.", im.To, lineOf(seen[im.To].DeclAt)))
	default:
		seen[im.To] = im
	}
}
