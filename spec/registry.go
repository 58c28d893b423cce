package spec

import (
	"regexp"
	"sort"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// Registry is a registry block: how to reach one registry host.
type Registry struct {
	Host     string // host or host:port, as references name it
	Username string
	Password string
	CA       string // absolute path of a PEM file; "" is the system's
	Insecure bool   // certificate unchecked
	DeclAt   hcl.Range
}

var registrySchema = newSchema(schema{optional: []string{"username", "password", "ca", "insecure"}, exposed: exposedOnHost})

var hostPattern = regexp.MustCompile(`^([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?$`)

func (e *evaluator) readRegistries() {
	seen := map[string]*Registry{}
	for _, b := range e.registries {
		d := e.standalone(b, registrySchema)
		attrs := d.split(b.Body, registrySchema).Attributes
		r := &Registry{Host: b.Labels[0], DeclAt: b.DefRange()}
		if !hostPattern.MatchString(r.Host) {
			d.fail(fault(b.LabelRanges[0], "Bad host", "A registry is named by its host, with a port if need be, as references begin: \"registry.example.com\" or \"localhost:5000\"."))
		}
		if first := seen[r.Host]; first != nil {
			d.fail(fault(b.LabelRanges[0], "Duplicate name", "The registry %s is declared at %s already.", r.Host, lineOf(first.DeclAt)))
		}
		seen[r.Host] = r
		r.Username = d.secretText(attrs, "username")
		r.Password = d.secretText(attrs, "password")
		if p, _, ok := d.text(attrs, "ca"); ok && p != "" {
			r.CA = e.reads.path(p)
		}
		r.Insecure = d.boolean(attrs, "insecure", false)
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
