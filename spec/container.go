package spec

import (
	"path"
	"regexp"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

var containerSchema = newSchema(slices.Concat(required("image"), optional("platform", "entrypoint", "command", "env", "env_file",
	"working_dir", "user", "groups", "hostname", "tty", "labels", "annotations", "network_mode", "restart", "state", "ready", "stop_signal",
	"stop_timeout", "depends_on", "runtime", "snapshotter"), repeatAttributes), map[string]*schema{
	"mount": mountSchema, "security": securitySchema, "update": updateSchema, "lifecycle": lifecycleSchema,
})

var (
	namePattern     = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]*$`)
	hostnamePattern = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$`)
	userPattern     = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.$-]*(:[A-Za-z0-9_][A-Za-z0-9_.$-]*)?$`)
	groupPattern    = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.$-]*$`)
)

// maxName is the longest name that containerd takes for anything.
const maxName = 76

// container reads a container block.
func (d *decoder) container(c *Container) {
	content := d.content(containerSchema)
	attrs := content.Attributes
	c.Name = d.containerName()
	d.i.image = d.imageOf(attrs)
	c.Image.Name = d.i.image.name
	c.Platform, _, _ = parsed(d, attrs, "platform", "Bad platform", ParsePlatform)
	c.Entrypoint, _, _ = d.texts(attrs, "entrypoint")
	c.Command, _, _ = d.texts(attrs, "command")
	c.Env = d.env(attrs)
	c.WorkingDir = d.absolute(attrs, "working_dir")
	c.User = d.user(attrs)
	c.Groups = d.groups(attrs)
	c.Hostname = d.hostname(attrs)
	c.TTY = d.flag(attrs, "tty", false)
	c.Labels = d.labels(attrs, "labels")
	c.Annotations = d.labels(attrs, "annotations")
	c.NetworkMode = d.networkMode(attrs, c)
	c.Mounts = d.mounts(content.Blocks)
	c.Security = d.security(content.Blocks)
	c.Restart = Restart{Policy: RestartNo}
	if r, _, ok := parsed(d, attrs, "restart", "Bad restart policy", parseRestart); ok {
		c.Restart = r
	}
	c.State, _ = d.word(attrs, "state", StateRunning, StateRunning, StateStopped, StatePaused)
	c.Ready = d.ready(attrs)
	c.StopSignal, _, _ = parsed(d, attrs, "stop_signal", "Bad signal", ParseSignal)
	c.StopTimeout = d.duration(attrs, "stop_timeout", 0)
	c.DependsOn = d.addresses(attrs["depends_on"])
	c.Runtime = d.matching(attrs, "runtime", regexp.MustCompile(`^[A-Za-z0-9./_-]+$`), "Bad runtime", "A runtime is named as containerd does, as in \"io.containerd.runc.v2\".")
	c.Snapshotter = d.matching(attrs, "snapshotter", nsPattern, "Bad snapshotter", "A snapshotter is named as containerd does, as in \"overlayfs\".")
	c.Update = d.update(content.Blocks)
	d.lifecycle(content.Blocks, &c.Lifecycle, containerSchema)
	d.checkProcess(c, attrs)
	d.check(c, attrs)
}

// check looks at attributes that are right each alone, and not together.
func (d *decoder) check(c *Container, attrs hcl.Attributes) {
	at := func(name string) hcl.Range {
		if a := attrs[name]; a != nil {
			return a.Expr.Range()
		}
		return c.DeclAt
	}
	if c.Ready == ReadyCompleted {
		switch {
		case c.State == StatePaused:
			d.fail(fault(at("state"), "Contradiction", "A job (ready = \"completed\") that is paused never ends. Take one of the two out."))
		case c.Restart.Policy != "" && c.Restart.Policy != RestartNo:
			d.fail(fault(at("restart"), "Contradiction", "A job (ready = \"completed\") is done when it ends with 0, and has failed when it doesn't: an apply tries it again, and nothing else. Leave restart out."))
		}
	}
}

func (d *decoder) containerName() string {
	made := d.e.cfg.Stack.Name + "-" + d.i.addr.Name
	if d.i.addr.Key != "" {
		made += "-" + d.i.addr.KeyText()
	}
	at := d.n.block.DefRange()
	if r := d.n.block.Body.Attributes["for_each"]; r != nil {
		at = r.Expr.Range()
	}
	switch {
	case d.e.cfg.Stack.Name == "" || !labelPattern.MatchString(d.i.addr.Name):
	case !namePattern.MatchString(made):
		d.fail(fault(at, "Bad name", "The container would be named %q after its stack, block and key, and a name has letters, digits, \".\", \"_\" and \"-\" only. Choose other keys.", made))
	case len(made) > maxName:
		d.fail(fault(at, "Name too long", "The container would be named %q, which is %d long: %d are allowed. Shorten the name of the stack, the block or the key.", made, len(made), maxName))
	}
	return made
}

// imageLink is what a container or a build says of an image before it is known which block that is.
type imageLink struct {
	name string
	at   hcl.Range
}

// imageOf reads image: an image block, or a string.
func (d *decoder) imageOf(attrs hcl.Attributes) imageLink {
	a := attrs["image"]
	if a == nil {
		return imageLink{}
	}
	at := a.Expr.Range()
	v, ok := d.eval(a)
	if !ok {
		switch {
		case d.block.Marks.Unknown["image"] && !d.n.bad:
			d.fail(fault(at, "Value not known yet", "A container's image must be known while planning, and this is known only after apply. Name the image block, as in image.app."))
		case len(d.diags) == 0 && !d.n.bad && !d.n.wrongIn(at):
			d.fail(fault(at, "Null value", "A container's image may not be null."))
		}
		return imageLink{}
	}
	if name, ok := imageNameIn(v); ok {
		v = name
	} else if ty := v.Type(); ty.IsObjectType() || ty.IsTupleType() || ty != cty.String {
		detail := "A container's image is an image block, as image.app, or a reference in a string, as \"nginx:1.27\"."
		if ty.IsObjectType() && !ty.HasAttribute("image") {
			detail += " A block with for_each stands for many: add the key, as in image.app[each.key]."
		}
		d.fail(fault(at, "Wrong type", "%s", detail))
		return imageLink{}
	}
	if !v.IsKnown() || v.IsNull() {
		return imageLink{}
	}
	name, err := ParseReference(v.AsString())
	if err != nil {
		d.fail(fault(at, "Bad reference", "%s", sentence(err.Error())))
		return imageLink{}
	}
	return imageLink{name: name, at: at}
}

// imageNameIn gives the name in what a reference to an image block gives; false for any other value.
func imageNameIn(v cty.Value) (cty.Value, bool) {
	ty := v.Type()
	if !ty.IsObjectType() || !ty.HasAttribute("name") || !ty.HasAttribute("platforms") {
		return cty.NilVal, false
	}
	return v.GetAttr("name"), true
}

func (d *decoder) absolute(attrs hcl.Attributes, attr string) string {
	s, at, ok := d.text(attrs, attr)
	if !ok {
		return ""
	}
	if !path.IsAbs(s) {
		d.fail(fault(at, "Relative path", "The attribute %s is a path inside the container, so it begins with \"/\".", attr))
		return ""
	}
	if text := PathTrouble(s); text != "" {
		d.fail(fault(at, "Too long", "The path %s %s.", attr, text))
		return ""
	}
	return path.Clean(s)
}

func (d *decoder) matching(attrs hcl.Attributes, attr string, pattern *regexp.Regexp, summary, detail string) string {
	s, at, ok := d.text(attrs, attr)
	if ok && !pattern.MatchString(s) {
		d.fail(fault(at, summary, "%s", detail))
		return ""
	}
	return s
}

func (d *decoder) user(attrs hcl.Attributes) string {
	user := d.matching(attrs, "user", userPattern, "Bad user", "A user is a name or a number, with a group after a colon if need be, as in \"999:999\".")
	if text := UserTrouble(user); text != "" {
		d.fail(fault(attrs["user"].Expr.Range(), "Bad user", "The user %q %s.", user, text))
	}
	return user
}

func (d *decoder) groups(attrs hcl.Attributes) []string {
	texts, ats, _ := d.texts(attrs, "groups")
	seen := map[string]bool{}
	var out []string
	for i, g := range texts {
		switch {
		case !groupPattern.MatchString(g):
			d.fail(fault(ats[i], "Bad group", "A group is a name or a number, as in \"audio\" or \"29\"."))
		case UserTrouble(g) != "":
			d.fail(fault(ats[i], "Bad group", "The group %q %s.", g, UserTrouble(g)))
		case !seen[g]:
			seen[g] = true
			out = append(out, g)
		}
	}
	sort.Strings(out)
	return out
}

func (d *decoder) hostname(attrs hcl.Attributes) string {
	s, at, ok := d.text(attrs, "hostname")
	if ok && (!hostnamePattern.MatchString(s) || len(s) > 63) {
		d.fail(fault(at, "Bad host name", "A host name has letters, digits, \"-\" and \".\", and is at most 63 long."))
		return ""
	}
	return s
}

func (d *decoder) networkMode(attrs hcl.Attributes, c *Container) string {
	if attrs["network_mode"] == nil {
		d.fail(fault(c.DeclAt, "No network mode", "A container says network_mode = \"host\" or network_mode = \"none\": this version of fairlead has no networks of its own yet."))
		return ""
	}
	s, at, ok := d.text(attrs, "network_mode")
	known := []string{NetworkHost, NetworkNone}
	if ok && !contains(known, s) {
		d.fail(fault(at, "Unknown word", "The attribute network_mode is %s in this version of fairlead, and this is %q.%s", list(known, "or"), s, didYouMean(s, known)))
		return ""
	}
	return s
}

func (d *decoder) ready(attrs hcl.Attributes) string {
	if s, at, ok := d.text(attrs, "ready"); ok && s == "healthy" {
		d.fail(fault(at, "Not there yet", "This version of fairlead has no health checks yet, so nothing can wait for \"healthy\". Use \"started\" or \"completed\"."))
		return ReadyStarted
	}
	s, _ := d.word(attrs, "ready", ReadyStarted, ReadyStarted, ReadyCompleted)
	return s
}

// duration reads a length of time that is not zero.
func (d *decoder) duration(attrs hcl.Attributes, attr string, otherwise time.Duration) time.Duration {
	got, at, ok := parsed(d, attrs, attr, "Bad duration", ParseDuration)
	if !ok {
		return otherwise
	}
	if got == 0 {
		d.fail(fault(at, "Bad duration", "The attribute %s is more than zero: write \"1ms\" for as good as none.", attr))
		return otherwise
	}
	return got
}

// MaxLabel is how many bytes a label's key and value may have together, in containerd.
const MaxLabel = 4096

// Reserved begin the keys of labels and annotations that fairlead, containerd and nerdctl read.
var Reserved = []string{"fairlead/", "nerdctl/", "containerd.io/", "io.containerd.", "io.cri-containerd"}

func (d *decoder) labels(attrs hcl.Attributes, attr string) map[string]string {
	m, ok := d.textMap(attrs, attr)
	if !ok || len(m) == 0 {
		return nil
	}
	for _, k := range sortedKeys(m) {
		at := d.elementAt(attrs[attr], k)
		if k == "" {
			d.fail(fault(at, "Empty key", "A key of %s may not be empty.", attr))
		}
		if len(k)+len(m[k]) > MaxLabel {
			d.fail(fault(at, "Too long", "The key and the value of a label are at most %d bytes together, and these are %d.", MaxLabel, len(k)+len(m[k])))
		}
		for _, p := range Reserved {
			if strings.HasPrefix(k, p) {
				d.fail(fault(at, "Reserved key", "Keys that begin with %q are kept for what runs the container. Choose another.", p))
			}
		}
	}
	return m
}
