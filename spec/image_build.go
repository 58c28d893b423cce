package spec

import (
	"fmt"
	"maps"
	"net/netip"
	"path"
	"regexp"
	"slices"
	"sort"
	"strings"

	"github.com/docker/go-units"
	"github.com/hashicorp/hcl/v2"
)

var buildSchema = newSchema(schema{
	optional: []string{
		"context", "dockerfile", "inline", "target", "args", "platforms", "contexts", "ssh", "cache_from", "cache_to", "labels", "annotations", "network",
		"extra_hosts", "shm_size", "ulimits", "no_cache", "provenance", "sbom",
	},
	nested:    map[string]*schema{"secret": buildSecretSchema},
	exposed:   "anyone who has the image can read it. Give it to the step that needs it by a secret block, as in: secret \"token\" { env = \"TOKEN\" }; or use nonsensitive() if it is none.",
	carries:   []string{"args", "labels", "annotations"},
	byElement: []string{"args"},
})

var buildSecretSchema = newSchema(schema{
	optional: []string{"file", "env"}, labels: []string{"id"},
	exposed: "it says where the secret is, and is not the secret itself. Name a file or a variable of the environment, or use nonsensitive() if it is none.",
})

// defaultDockerfile is the name of the Dockerfile in its context.
const defaultDockerfile = "Dockerfile"

var idPattern = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_./-]*$`)

// limitNames are the resource limits that a process can be given, by the names that docker has for them.
var limitNames = []string{"core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc", "rss", "rtprio", "rttime", "sigpending", "stack"}

// build reads a build block; nil for none.
func (d *decoder) build(block *hcl.Block) *Build {
	if block == nil {
		return nil
	}
	defer d.enter("build", buildSchema)()
	content := d.split(block.Body, buildSchema)
	attrs := content.Attributes
	b := &Build{}
	b.Context = d.pathOrURL(attrs, "context", "a directory or of a tar file", contextSchemes)
	if !d.isSet(attrs, "context") && !d.isSet(attrs, "inline") {
		d.fail(fault(block.DefRange, "No context", "A build says what it copies from: set context to a directory, a tar file or a URL. Only one with inline can do without."))
	}
	b.Dockerfile, b.Inline = d.dockerfile(attrs)
	b.Target, _, _ = d.text(attrs, "target")
	b.Args = d.namedTexts(attrs, "args", "a build argument")
	b.Platforms = d.platforms(attrs)
	b.Contexts = d.contexts(attrs)
	b.Secrets = d.buildSecrets(content.Blocks)
	b.SSH = d.ssh(attrs)
	b.CacheFrom = d.caches(attrs, "cache_from")
	b.CacheTo = d.caches(attrs, "cache_to")
	b.Labels = d.labels(attrs, "labels")
	b.Annotations = d.namedTexts(attrs, "annotations", "an annotation")
	if b.Network, _ = d.oneOfWords(attrs, "network", "", NetworkHost, NetworkNone, "default"); b.Network == "default" {
		b.Network = ""
	}
	b.ExtraHosts = d.extraHosts(attrs)
	b.ShmSize = d.byteSize(attrs, "shm_size", "the builder's default")
	b.Ulimits = d.ulimits(attrs)
	b.NoCache = d.boolean(attrs, "no_cache", false)
	b.Provenance = d.boolean(attrs, "provenance", false)
	b.SBOM = d.boolean(attrs, "sbom", false)
	return b
}

// dockerfile reads where the Dockerfile is, or the Dockerfile itself.
func (d *decoder) dockerfile(attrs hcl.Attributes) (file, inline string) {
	if d.isSet(attrs, "inline") {
		if d.isSet(attrs, "dockerfile") {
			d.fail(fault(attrs["dockerfile"].NameRange, "Two Dockerfiles", "A build has dockerfile, the path of one, or inline, the text itself. Take one out."))
		}
		text, at, ok := d.text(attrs, "inline")
		if ok && strings.TrimSpace(text) == "" {
			d.fail(fault(at, "Empty Dockerfile", "The attribute inline is a whole Dockerfile, which begins with FROM. Write it, or take inline out to build %s of the context.", defaultDockerfile))
		}
		return "", text
	}
	p, at, ok := d.text(attrs, "dockerfile")
	switch {
	case !ok:
		return defaultDockerfile, ""
	case p == "":
		d.fail(fault(at, "Empty path", "The attribute dockerfile is the path of a file, relative to the context."))
	}
	return path.Clean(d.e.reads.expandHome(p)), ""
}

func (d *decoder) platforms(attrs hcl.Attributes) []string {
	texts, _, ok := d.texts(attrs, "platforms")
	if ok && len(texts) == 0 {
		d.fail(fault(attrs["platforms"].Expr.Range(), "No platform", "A build is for one platform at least. Leave platforms out for those that the image's containers need."))
	}
	return d.parsedSet(attrs, "platforms", "Bad platform", ParsePlatform)
}

// buildSecrets reads the secret blocks, sorted by their IDs.
func (d *decoder) buildSecrets(blocks hcl.Blocks) []BuildSecret {
	defer d.enter("secret", buildSecretSchema)()
	var out []BuildSecret
	seen := map[string]hcl.Range{}
	for _, b := range blocks.OfType("secret") {
		attrs := d.split(b.Body, buildSecretSchema).Attributes
		s := BuildSecret{ID: b.Labels[0]}
		first, twice := seen[s.ID]
		seen[s.ID] = b.DefRange
		switch {
		case twice:
			d.fail(fault(b.LabelRanges[0], "Duplicate name", "The secret %q is declared at %s already. Each ID is declared once.", s.ID, lineOf(first)))
			continue
		case !idPattern.MatchString(s.ID):
			d.fail(fault(b.LabelRanges[0], "Bad name", "A secret's ID is what RUN --mount=type=secret,id=… says: letters, digits, \"-\", \"_\", \".\" and \"/\"."))
		case d.isSet(attrs, "file") && d.isSet(attrs, "env"):
			d.fail(fault(attrs["env"].NameRange, "Two sources", "A secret comes from a file or from a variable of the environment, not from both. Take one out."))
		case !d.isSet(attrs, "file") && !d.isSet(attrs, "env"):
			d.fail(fault(b.DefRange, "No source", "A secret has file = \"PATH\", or env = \"NAME\", a variable of fairlead's environment."))
		}
		s.File = d.hostPath(attrs, "file", "the file that holds the secret")
		name, at, ok := d.text(attrs, "env")
		if ok && (name == "" || strings.Contains(name, "=")) {
			d.fail(fault(at, "Bad name", "The name of an environment variable is not empty and has no \"=\" in it."))
		}
		s.Env = name
		out = append(out, s)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].ID < out[j].ID })
	return out
}

// ssh reads which agents, sockets and keys RUN --mount=type=ssh can use.
func (d *decoder) ssh(attrs hcl.Attributes) []string {
	return d.parsedSet(attrs, "ssh", "Bad SSH source", func(s string) (string, error) {
		id, p, given := strings.Cut(s, "=")
		if s == "default" {
			return s, nil
		}
		if !given || p == "" || !idPattern.MatchString(id) {
			return "", fmt.Errorf("%q is no source of SSH: write \"default\" for the agent that SSH_AUTH_SOCK names, or ID=PATH of an agent's socket or of a key", s)
		}
		return id + "=" + d.e.reads.path(p), nil
	})
}

// extraHosts reads which names RUN resolves, and to which addresses.
func (d *decoder) extraHosts(attrs hcl.Attributes) map[string]string {
	m, _ := d.textMap(attrs, "extra_hosts")
	for _, host := range slices.Sorted(maps.Keys(m)) {
		at := d.elementAt(attrs["extra_hosts"], host)
		if !hostnamePattern.MatchString(host) {
			d.fail(fault(at, "Bad host name", "A host name has letters, digits, \"-\" and \".\"."))
		}
		ip, err := netip.ParseAddr(m[host])
		if err != nil {
			d.fail(fault(at, "Bad address", "%q is no IP address: write one, as in \"192.0.2.1\" or \"2001:db8::1\".", m[host]))
			continue
		}
		m[host] = ip.String()
	}
	return m
}

// ulimits reads resource limits in their normal form: SOFT, or SOFT:HARD where the two differ.
func (d *decoder) ulimits(attrs hcl.Attributes) map[string]string {
	m, _ := d.textMap(attrs, "ulimits")
	for _, limit := range slices.Sorted(maps.Keys(m)) {
		at := d.elementAt(attrs["ulimits"], limit)
		if !slices.Contains(limitNames, limit) {
			d.fail(fault(at, "Unknown limit", "There is no limit %q: there are %s.%s", limit, quotedList(limitNames, "and"), DidYouMean(limit, limitNames)))
			continue
		}
		u, err := units.ParseUlimit(limit + "=" + m[limit])
		if err != nil || u.Soft < -1 || u.Hard < -1 {
			d.fail(fault(at, "Bad limit", "%q is no limit: write a number, or \"SOFT:HARD\" with a hard limit that is not below the soft one; -1 is without end.", m[limit]))
			continue
		}
		m[limit] = fmt.Sprint(u.Soft)
		if u.Hard != u.Soft {
			m[limit] += ":" + fmt.Sprint(u.Hard)
		}
	}
	return m
}
