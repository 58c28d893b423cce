package spec

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// Container is a container block, or, read back from containerd, what a block would have to say to get what is there.
// A row of planner's table reads each field on both sides, so both are in normal form: an unset field is its zero value.
type Container struct {
	Block
	Name        string            `json:"name"`                  // STACK-LABEL or STACK-LABEL-KEY: the name people see on the host
	Image       ImageRef          `json:"image"`                 //
	Platform    string            `json:"platform,omitempty"`    // normalised, as linux/arm64 or linux/arm/v7; "" is the host's own
	Entrypoint  []string          `json:"entrypoint,omitzero"`   // nil: the image's; empty but not nil: none
	Command     []string          `json:"command,omitzero"`      // nil: the image's (none, if Entrypoint is set)
	Env         map[string]string `json:"env,omitempty"`         // env_file and env together, what the image sets left out
	WorkingDir  string            `json:"working_dir,omitempty"` // "": the image's
	User        string            `json:"user,omitempty"`        // user[:group], names or numbers; "": the image's
	Groups      []string          `json:"groups,omitempty"`      // more groups, sorted
	Hostname    string            `json:"hostname,omitempty"`    // "": the first 12 digits of the ID
	TTY         bool              `json:"tty,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
	NetworkMode string            `json:"network_mode"`     // host or none
	Mounts      []Mount           `json:"mounts,omitempty"` // sorted by Target, which is unique
	Security    Security          `json:"security,omitzero"`
	Restart     Restart           `json:"restart"`
	State       string            `json:"state"`                  // running, stopped or paused
	Ready       string            `json:"ready"`                  // started or completed
	StopSignal  string            `json:"stop_signal,omitempty"`  // as SIGINT; "": the image's, else SIGTERM
	StopTimeout time.Duration     `json:"stop_timeout,omitempty"` // 0: DefaultStopTimeout
	DependsOn   []Addr            `json:"depends_on,omitempty"`   // sorted; instances
	Runtime     string            `json:"runtime,omitempty"`      // "": DefaultRuntime
	Snapshotter string            `json:"snapshotter,omitempty"`  // "": containerd's default
	Update      Update            `json:"update"`
}

// Args puts a process's arguments together as docker does: an entrypoint of one's own drops the image's command.
func (c *Container) Args(image *Container) []string {
	entry, cmd := image.Entrypoint, image.Command
	if c.Entrypoint != nil {
		entry, cmd = c.Entrypoint, nil
	}
	if c.Command != nil {
		cmd = c.Command
	}
	return slices.Concat(entry, cmd)
}

// What an unset attribute means where it is not the image's or the host's to say.
const (
	DefaultRuntime     = "io.containerd.runc.v2"
	DefaultStopTimeout = 10 * time.Second
	DefaultWithin      = 60 * time.Second
)

// Values of the attributes that take one word.
const (
	NetworkHost = "host"
	NetworkNone = "none"

	StateRunning = "running"
	StateStopped = "stopped"
	StatePaused  = "paused"

	ReadyStarted   = "started"   // the process has run for a moment
	ReadyCompleted = "completed" // the process has ended with exit code 0

	StopFirst  = "stop-first"
	StartFirst = "start-first"

	RestartNo            = "no"
	RestartAlways        = "always"
	RestartOnFailure     = "on-failure"
	RestartUnlessStopped = "unless-stopped"
)

// ImageRef says what a container runs.
type ImageRef struct {
	Addr   Addr   `json:"addr"`             // the image block, or the implied one
	Name   string `json:"name"`             // normalised reference of the image record
	Digest string `json:"digest,omitempty"` // target of the record; filled by the planner on the wanted side, "" where only apply can tell
}

// Restart is the restart policy.
type Restart struct {
	Policy string `json:"policy"`        // no, always, on-failure or unless-stopped
	Max    int    `json:"max,omitempty"` // of on-failure: how often; 0 is without end
}

// String gives the policy as it is written in files.
func (r Restart) String() string {
	if r.Max > 0 {
		return r.Policy + ":" + strconv.Itoa(r.Max)
	}
	return r.Policy
}

var containerKind = &kind{
	name: KindContainer, label: blockLabel{name: "name", sample: "web"}, schema: containerSchema,
	empty:      func(b Block) Resource { return &Container{Block: b} },
	attributes: []string{"name", "id", "image"},
	orders:     map[string][]Kind{"depends_on": {KindContainer}, "lifecycle.replace_triggered_by": {KindImage, KindContainer}},
}

var containerSchema = newSchema(schema{
	required: []string{"image"},
	optional: []string{
		"platform", "entrypoint", "command", "env", "env_file", "working_dir", "user", "groups", "hostname", "tty", "labels", "annotations",
		"network_mode", "restart", "state", "ready", "stop_signal", "stop_timeout", "depends_on", "runtime", "snapshotter",
	},
	repeats:   true,
	nested:    map[string]*schema{"mount": mountSchema, "security": securitySchema, "update": updateSchema, "lifecycle": lifecycleSchema},
	sensitive: []string{"env"},
	exposed:   exposedOnHost,
	carries:   []string{"entrypoint", "command", "env", "labels", "annotations", "working_dir", "bind"},
	byElement: []string{"env"},
	hints: map[string]string{
		"deploy":      `It is count or for_each here, for several instances, and the block update.`,
		"environment": `It is env here, as in env = { NAME = "value" }.`,
		"healthcheck": `Checks of health come in a later version; ready says what apply waits for.`,
		"ports":       `Published ports come in a later version; with network_mode = "host" the process listens on the host's own.`,
		"volumes":     `It is the block mount here, as in mount with its bind and target; named volumes come in a later version.`,
	},
})

// exposedOnHost says who sees what a block on the host says in an attribute that may not be sensitive.
const exposedOnHost = "anyone who can list what is on the host can read it. Put the secret into env, or use nonsensitive() if it is none."

var (
	namePattern     = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]*$`)
	hostnamePattern = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$`)
	userPattern     = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.$-]*(:[A-Za-z0-9_][A-Za-z0-9_.$-]*)?$`)
	groupPattern    = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.$-]*$`)
)

// maxName is the longest name that containerd takes for anything.
const maxName = 76

func (c *Container) decode(d *decoder, content *hcl.BodyContent) {
	attrs := content.Attributes
	c.Name = d.containerName()
	c.Image.Name = d.imageOf(attrs)
	c.Platform, _, _ = parsed(d, attrs, "platform", "Bad platform", ParsePlatform)
	c.Entrypoint, _, _ = d.texts(attrs, "entrypoint")
	c.Command, _, _ = d.texts(attrs, "command")
	c.Env = d.env(attrs)
	c.WorkingDir = d.absolutePath(attrs, "working_dir")
	c.User = d.user(attrs)
	c.Groups = d.parsedSet(attrs, "groups", "Bad group", parseGroup)
	c.Hostname = d.hostname(attrs)
	c.TTY = d.boolean(attrs, "tty", false)
	c.Labels = d.labels(attrs, "labels")
	c.Annotations = d.labels(attrs, "annotations")
	c.NetworkMode = d.networkMode(attrs, c)
	c.Mounts = d.mounts(content.Blocks)
	c.Security = d.security(content.Blocks)
	c.Restart = Restart{Policy: RestartNo}
	if r, _, ok := parsed(d, attrs, "restart", "Bad restart policy", parseRestart); ok {
		c.Restart = r
	}
	c.State, _ = d.oneOfWords(attrs, "state", StateRunning, StateRunning, StateStopped, StatePaused)
	c.Ready = d.ready(attrs)
	c.StopSignal, _, _ = parsed(d, attrs, "stop_signal", "Bad signal", ParseSignal)
	c.StopTimeout = d.duration(attrs, "stop_timeout", 0)
	c.DependsOn = d.addresses(attrs["depends_on"], "depends_on")
	c.Runtime = d.textMatching(attrs, "runtime", regexp.MustCompile(`^[A-Za-z0-9./_-]+$`), "Bad runtime", "A runtime is named as containerd does, as in \"io.containerd.runc.v2\".")
	c.Snapshotter = d.textMatching(attrs, "snapshotter", nsPattern, "Bad snapshotter", "A snapshotter is named as containerd does, as in \"overlayfs\".")
	c.Update = d.update(content.Blocks)
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

// imageOf reads the normalised reference of the image that a container runs: that of an image block, or a string; "" where there is none, which has been said.
func (d *decoder) imageOf(attrs hcl.Attributes) string {
	a := attrs["image"]
	if a == nil {
		return ""
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
		return ""
	}
	if name, ok := imageNameIn(v); ok {
		v = name
	} else if ty := v.Type(); ty.IsObjectType() || ty.IsTupleType() || ty != cty.String {
		detail := "A container's image is an image block, as image.app, or a reference in a string, as \"nginx:1.27\"."
		if ty.IsObjectType() && !ty.HasAttribute("image") {
			detail += " A block with for_each stands for many: add the key, as in image.app[each.key]."
		}
		d.fail(fault(at, "Wrong type", "%s", detail))
		return ""
	}
	if !v.IsKnown() || v.IsNull() {
		return ""
	}
	name, err := ParseReference(v.AsString())
	if err != nil {
		d.fail(fault(at, "Bad reference", "%s", sentenceOf(err)))
		return ""
	}
	return name
}

// imageNameIn gives the name in what a reference to an image block gives; false for any other value.
func imageNameIn(v cty.Value) (cty.Value, bool) {
	ty := v.Type()
	if !ty.IsObjectType() || !ty.HasAttribute("name") || !ty.HasAttribute("platforms") {
		return cty.NilVal, false
	}
	return v.GetAttr("name"), true
}

func (d *decoder) absolutePath(attrs hcl.Attributes, attr string) string {
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

func (d *decoder) textMatching(attrs hcl.Attributes, attr string, pattern *regexp.Regexp, summary, detail string) string {
	s, at, ok := d.text(attrs, attr)
	if ok && !pattern.MatchString(s) {
		d.fail(fault(at, summary, "%s", detail))
		return ""
	}
	return s
}

func (d *decoder) user(attrs hcl.Attributes) string {
	user := d.textMatching(attrs, "user", userPattern, "Bad user", "A user is a name or a number, with a group after a colon if need be, as in \"999:999\".")
	if text := UserTrouble(user); text != "" {
		d.fail(fault(attrs["user"].Expr.Range(), "Bad user", "The user %q %s.", user, text))
	}
	return user
}

func parseGroup(s string) (string, error) {
	if !groupPattern.MatchString(s) {
		return "", errors.New(`a group is a name or a number, as in "audio" or "29"`)
	}
	if text := UserTrouble(s); text != "" {
		return "", fmt.Errorf("the group %q %s", s, text)
	}
	return s, nil
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
	if ok && !slices.Contains(known, s) {
		d.fail(fault(at, "Unknown word", "The attribute network_mode is %s in this version of fairlead, and this is %q.%s", quotedList(known, "or"), s, DidYouMean(s, known)))
		return ""
	}
	return s
}

func (d *decoder) ready(attrs hcl.Attributes) string {
	if s, at, ok := d.text(attrs, "ready"); ok && s == "healthy" {
		d.fail(fault(at, "Not there yet", "This version of fairlead has no health checks yet, so nothing can wait for \"healthy\". Use \"started\" or \"completed\"."))
		return ReadyStarted
	}
	s, _ := d.oneOfWords(attrs, "ready", ReadyStarted, ReadyStarted, ReadyCompleted)
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
	for _, k := range slices.Sorted(maps.Keys(m)) {
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

func (c *Container) reference() cty.Value { return ContainerValue(c.Name, "", c.Image.Name) }

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

// claim takes the container's name on the host.
func (c *Container) claim(e *evaluator, _ *node) {
	if e.cfg.Stack.Name == "" {
		return
	}
	if holder := e.claim(c.Name, c); holder != nil {
		first := holder.Header()
		e.fail(fault(c.DeclAt, "Duplicate container name", "%s and %s at %s would both be named %s on the host. Rename one of the blocks, or choose other keys.", c.Addr, first.Addr, lineOf(first.DeclAt), c.Name))
	}
}

// link finds the image, which may be one that only this container's string names, and the instances that it depends on.
func (c *Container) link(e *evaluator, _ *instance, refs *references) {
	c.DependsOn = e.expandAll(c.DependsOn)
	refs.add(c.DependsOn...)
	if c.Image.Name == "" {
		return
	}
	im := As[*Image](e.claimed[claim{KindImage, c.Image.Name}])
	if im == nil {
		im = &Image{
			Block:   Block{Addr: Addr{Kind: KindImage, Name: c.Image.Name}, DeclAt: c.AttrAt("image")},
			Implied: true, Name: c.Image.Name, Pull: c.Image.Name,
		}
		e.claim(im.Name, im)
		e.cfg.Resources = append(e.cfg.Resources, im)
	}
	if i, there := slices.BinarySearch(im.Platform, c.Platform); !there {
		im.Platform = slices.Insert(im.Platform, i, c.Platform)
	}
	c.Image.Addr = im.Addr
	refs.putFirst(im.Addr)
}

func (c *Container) keepLinks(was Resource) {
	before := was.(*Container)
	c.Image, c.DependsOn = before.Image, before.DependsOn
}
