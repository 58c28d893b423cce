package spec

import (
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// Config is everything that the files of one directory ask for.
type Config struct {
	Dir        string
	Stack      Stack
	Images     []*Image     // by address; those that only a container's string names come too, Implied
	Containers []*Container // by address
	Registries []*Registry  // by host
	Emulators  []*Emulator  // by address
	Imports    []*Import
	Outputs    []*Output // by name, as far as the files alone tell
	Lock       Lock
	Order      []Addr               // every image and container, each after all that it refers to
	Files      map[string]*hcl.File // for printing diagnostics

	resources map[Addr]Resource
	eval      *evaluator // settles what refers to values that only the host knows
}

// Stack is the stack block.
type Stack struct {
	Name      string // owns what the stack makes; a DNS label
	Namespace string // of containerd; "default" where the file says nothing
	Requires  string // constraint on fairlead's version, as written
	DeclAt    hcl.Range
}

// Resource is a block that a plan can act on. The set is closed: *Image and *Container. An emulator is none: no block refers to it.
type Resource interface {
	Address() Addr
	Refs() []Addr // what it needs, in source order, each once
	Decl() hcl.Range
	AttrAt(name string) hcl.Range // where the attribute is set, or one in a nested block, as build.args; the nearest block's range where it isn't
}

// Block is what every Resource has in common.
type Block struct {
	Addr    Addr                 `json:"addr"`
	DeclAt  hcl.Range            `json:"-"` // the block's header
	AttrsAt map[string]hcl.Range `json:"-"` // by attribute, nested block name, or both with a dot between: its value's range
	Needs   []Addr               `json:"-"` // see Resource.Refs
	Marks   Marks                `json:"marks,omitzero"`
}

// Address and the methods below make every block that embeds Block a Resource.
func (b *Block) Address() Addr { return b.Addr }

// Refs is part of Resource.
func (b *Block) Refs() []Addr { return b.Needs }

// Decl is part of Resource.
func (b *Block) Decl() hcl.Range { return b.DeclAt }

// AttrAt is part of Resource.
func (b *Block) AttrAt(name string) hcl.Range {
	if r, ok := b.AttrsAt[name]; ok {
		return r
	}
	part, _, _ := strings.Cut(name, ".")
	if r, ok := b.AttrsAt[part]; ok {
		return r
	}
	return b.DeclAt
}

// Marks says which values must not be shown, and which only apply can tell. A key is an attribute ("command") or one
// element of a map attribute (`env["LOG"]`), as a plan prints it.
type Marks struct {
	Sensitive map[string]bool `json:"sensitive,omitempty"`
	Unknown   map[string]bool `json:"-"`
}

// Image is an image block, or an image that a container's string names.
type Image struct {
	Block
	Implied  bool     `json:"implied,omitempty"` // named by a container's string only: used if there, else pulled
	Name     string   `json:"name"`              // normalised reference of the image record, with a tag (or a digest, if Implied or pulled by digest)
	Pull     string   `json:"pull,omitempty"`    // normalised reference to pull; one of Pull, Load, Build and Rootfs is set
	Load     string   `json:"load,omitempty"`    // absolute path of an archive or an OCI layout directory
	Build    *Build   `json:"build,omitempty"`   // how to build it
	Rootfs   *Rootfs  `json:"rootfs,omitempty"`  // the root filesystem that it is made of
	Tags     []string `json:"tags,omitempty"`    // normalised; more records for the same target; sorted, without Name
	Push     []string `json:"push,omitempty"`    // normalised references to push to, sorted
	Platform []string `json:"platforms"`         // normalised platforms that its containers need, sorted; the host's own where none: ""

	Lifecycle Lifecycle `json:"lifecycle,omitzero"`
}

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
	Lifecycle   Lifecycle         `json:"lifecycle,omitzero"`
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

// Restart is the restart policy.
type Restart struct {
	Policy string `json:"policy"`        // no, always, on-failure or unless-stopped
	Max    int    `json:"max,omitempty"` // of on-failure: how often; 0 is without end
}

// String gives the policy as it is written in files.
func (r Restart) String() string {
	if r.Max > 0 {
		return r.Policy + ":" + itoa(r.Max)
	}
	return r.Policy
}

// Update says how a container is replaced.
type Update struct {
	Strategy string        `json:"strategy"` // stop-first or start-first
	Within   time.Duration `json:"within"`   // how long the new container may take to become ready
	Rollback bool          `json:"rollback"` // whether the old one comes back if it doesn't
}

// Lifecycle holds a block's own rules about its changes. Conditions are checked while the files are read.
type Lifecycle struct {
	PreventDestroy     bool     `json:"prevent_destroy,omitempty"`
	IgnoreChanges      []string `json:"ignore_changes,omitempty"`       // attribute names, sorted; "all" stands for each
	ReplaceTriggeredBy []Addr   `json:"replace_triggered_by,omitempty"` // sorted; blocks or instances
}

// Registry is a registry block: how to reach one registry host.
type Registry struct {
	Host     string // host or host:port, as references name it
	Username string
	Password string
	CA       string // absolute path of a PEM file; "" is the system's
	Insecure bool   // certificate unchecked
	DeclAt   hcl.Range
}

// Import adopts what is there already: the container with that ID or name, or the image record with that name.
type Import struct {
	To     Addr
	ID     string
	DeclAt hcl.Range
	IDAt   hcl.Range
}

// Output is an output block's value.
type Output struct {
	Name        string
	Description string
	Sensitive   bool
	Value       cty.Value // unmarked; unknown where it depends on what only the host knows
	DeclAt      hcl.Range
}
