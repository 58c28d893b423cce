package spec

import (
	"regexp"
	"sort"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

var (
	outputSchema   = newSchema(append(required("value"), optional("description", "sensitive")...), nil)
	registrySchema = newSchema(optional("username", "password", "ca", "insecure"), nil)
	importSchema   = newSchema(required("to", "id"), nil)
	hostPattern    = regexp.MustCompile(`^([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?$`)
)

// outputs evaluates the output blocks as far as the files alone tell.
func (e *evaluator) outputs(s *reevaluation) { e.cfg.Outputs = e.readOutputs(s) }

func (e *evaluator) readOutputs(s *reevaluation) []*Output {
	var out []*Output
	for _, n := range e.sorted {
		if n.name.root != "output" {
			continue
		}
		o := &Output{Name: n.name.label, DeclAt: n.at, Value: cty.DynamicVal}
		content, diags := n.block.Body.Content(outputSchema.BodySchema)
		o.Description = constantText(content.Attributes["description"], &diags)
		o.Sensitive = constantBool(content.Attributes["sensitive"], false, &diags)
		e.fail(diags...)
		out = append(out, o)
		a := content.Attributes["value"]
		if a == nil || n.wrongIn(a.Expr.Range()) {
			continue
		}
		e.budget.at = a.Expr.Range()
		v, ds := a.Expr.Value(e.context(n, s))
		e.fail(ds...)
		if ds.HasErrors() || !e.fits(v, a.Expr.Range()) {
			continue
		}
		if v.ContainsMarked() && !o.Sensitive {
			e.fail(fault(a.Expr.Range(), "Sensitive value", "The value comes from something sensitive, so the output says sensitive = true, or the value goes through nonsensitive()."))
		}
		o.Value, _ = v.UnmarkDeep()
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}

// plain makes a node for a block that nothing refers to, with its references checked.
func (e *evaluator) plain(b *node) *decoder {
	b.refs, _ = bodyRefs(b.block.Body, nil, false)
	for _, r := range b.refs {
		b.bad = b.bad || e.isBad(r)
	}
	e.checkRefs(b)
	d := e.decoder(b, &instance{}, e.context(b, nil))
	d.block = &Block{}
	return d
}

func (e *evaluator) readRegistries() {
	seen := map[string]*Registry{}
	for _, b := range e.registries {
		d := e.plain(&node{name: name{"registry", b.Labels[0]}, at: b.DefRange(), block: b})
		attrs := d.split(b.Body, registrySchema).Attributes
		r := &Registry{Host: b.Labels[0], DeclAt: b.DefRange()}
		if !hostPattern.MatchString(r.Host) {
			d.fail(fault(b.LabelRanges[0], "Bad host", "A registry is named by its host, with a port if need be, as references begin: \"registry.example.com\" or \"localhost:5000\"."))
		}
		if first := seen[r.Host]; first != nil {
			d.fail(fault(b.LabelRanges[0], "Duplicate name", "The registry %s is declared at %s already.", r.Host, place(first.DeclAt)))
		}
		seen[r.Host] = r
		r.Username = d.secretText(attrs, "username")
		r.Password = d.secretText(attrs, "password")
		if p, _, ok := d.text(attrs, "ca"); ok && p != "" {
			r.CA = at(e.dir, p)
		}
		r.Insecure = d.flag(attrs, "insecure", false)
		if attrs["password"] != nil && attrs["username"] == nil {
			d.fail(fault(attrs["password"].NameRange, "Password without a user", "A registry with a password has a username too."))
		}
		e.fail(d.diags...)
		e.cfg.Registries = append(e.cfg.Registries, r)
	}
	sort.Slice(e.cfg.Registries, func(i, j int) bool { return e.cfg.Registries[i].Host < e.cfg.Registries[j].Host })
}

// secretText reads a string that may be sensitive, since it goes to a registry only.
func (d *decoder) secretText(attrs hcl.Attributes, attr string) string {
	a := attrs[attr]
	if a == nil || d.n.wrongIn(a.Expr.Range()) {
		return ""
	}
	v, diags := a.Expr.Value(d.ctx)
	d.fail(diags...)
	v, _ = v.UnmarkDeep()
	if diags.HasErrors() || v.IsNull() || (!v.IsKnown() && d.n.bad) {
		return ""
	}
	if v.Type() != cty.String || !v.IsKnown() {
		d.fail(fault(a.Expr.Range(), "Wrong type", "The attribute %s is a string that is known while planning.", attr))
		return ""
	}
	return v.AsString()
}

func (e *evaluator) readImports() {
	seen := map[Addr]*Import{}
	for _, b := range e.imports {
		to := b.Body.Attributes["to"]
		n := &node{name: name{"import", ""}, at: b.DefRange(), block: b}
		d := e.plain(n)
		attrs := d.split(b.Body, importSchema).Attributes
		im := &Import{DeclAt: b.DefRange()}
		if a := attrs["id"]; a != nil {
			im.IDAt = a.Expr.Range()
			id, at, ok := d.text(attrs, "id")
			if ok && id == "" || d.block.Marks.Unknown["id"] && !n.bad {
				d.fail(fault(at, "Bad identity", "The attribute id is the ID or the name of a container, or the name of an image, and is known while planning."))
			}
			im.ID = id
		}
		if to != nil && !n.wrongIn(to.Expr.Range()) {
			im.To, _ = d.address("to", to.Expr)
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
		d.fail(fault(at, "Duplicate import", "%s is imported at %s already.", im.To, place(seen[im.To].DeclAt)))
	default:
		seen[im.To] = im
	}
}
