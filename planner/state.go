package planner

import (
	"time"

	"github.com/zclconf/go-cty/cty"

	"github.com/fairlead-dev/fairlead/spec"
)

// State is what the host says. The planner works from it and from Sources alone.
type State struct {
	At         time.Time             `json:"at,omitzero"`
	Namespace  string                `json:"namespace,omitzero"`
	Host       Host                  `json:"host,omitzero"`
	Images     map[string]*LiveImage `json:"images,omitzero"`     // by name, all of the namespace
	Containers []*LiveContainer      `json:"containers,omitzero"` // all of the namespace, by ID
	Blobs      map[string]*Blob      `json:"blobs,omitzero"`      // by digest; nil unless the plan may take content away
}

// Host is what the planner needs to know of the daemon and the machine.
type Host struct {
	Platform        string   `json:"platform,omitzero"`         // the host's own, normalised, as linux/amd64
	Runs            []string `json:"runs,omitzero"`             // platforms whose programs run here, the host's own first; others by emulation
	Snapshotters    []string `json:"snapshotters,omitzero"`     // that the daemon has; "" as default is Snapshotter
	Snapshotter     string   `json:"snapshotter,omitzero"`      // the daemon's default
	Runtimes        []string `json:"runtimes,omitzero"`         // of the wanted ones, those that the daemon can start
	Daemon          string   `json:"daemon,omitzero"`           // version of containerd
	RestartPolicies []string `json:"restart_policies,omitzero"` // that the daemon's restart monitor keeps; nil: not asked
	Native          []string `json:"native,omitzero"`           // of Runs, those that need no emulation

	Emulators map[string]LiveEmulator `json:"emulators,omitzero"` // by platform, of those that are wanted and not native
}

// LiveEmulator is what the kernel and the distribution have for a platform that the machine can't run by itself.
type LiveEmulator struct {
	Handler   string `json:"handler,omitzero"`   // name of the handler that is registered; "": none
	Owned     bool   `json:"owned,omitzero"`     // it was registered by fairlead
	Works     bool   `json:"works,omitzero"`     // a program of the platform was run
	Trouble   string `json:"trouble,omitzero"`   // why a registered one doesn't work, and what to do, as sentences
	Rule      string `json:"rule,omitzero"`      // file of the distribution's rule; "": none is installed
	Persisted bool   `json:"persisted,omitzero"` // fairlead has seen to it that it is registered at boot
}

// LiveImage is an image record. Its Seen changes whenever the record does.
type LiveImage struct {
	Live
	Digest     string                 `json:"digest,omitzero"`      // of the record's target
	Platforms  []string               `json:"platforms,omitzero"`   // whose content is whole here, normalised; nil: not asked, as for a record that nobody wants
	Sizes      map[string]int64       `json:"sizes,omitzero"`       // bytes of each platform's content, where known
	Configs    map[string]ImageConfig `json:"configs,omitzero"`     // by platform; only where a container may be created from it, and none was yet
	Inputs     string                 `json:"inputs,omitzero"`      // of a built or imported image: the digest of its inputs
	LastInputs Inputs                 `json:"last_inputs,omitzero"` // these inputs, where Questions ask for them; nil: nobody asked, or nobody can tell
	Source     string                 `json:"source,omitzero"`      // of a loaded image: the fingerprint of the archive that it came from
	Tags       []string               `json:"tags,omitzero"`        // names of this image that were made from this record, of the same owner
	TagOf      string                 `json:"tag_of,omitzero"`      // the record that this name was made from; "": none
	Pushed     map[string]string      `json:"pushed,omitzero"`      // reference pushed to → digest
}

// LiveContainer is a container with its task. Its Seen changes whenever the record or the task's state does, but not by the restart
// monitor.
type LiveContainer struct {
	Live
	Lacks         []string        `json:"lacks,omitzero"`          // of what fairlead gives new containers by default, what this one was created without: LackOf…
	Drift         []Drift         `json:"drift,omitzero"`          // what was changed outside fairlead, and no attribute shows
	Completed     bool            `json:"completed,omitzero"`      // it was a job, and it ended with 0
	Image         string          `json:"image,omitzero"`          // name of the image record that it was created from
	OwnNames      []string        `json:"own_names,omitzero"`      // of its image: Image and the tags made from it, where that record was the stack's own
	Digest        string          `json:"digest,omitzero"`         // of the image that it was created from; "" where nobody wrote it down
	ImageDefaults *spec.Container `json:"image_defaults,omitzero"` // what its image gives: entrypoint, command, env, working_dir, user and stop_signal; nil where that isn't known
	Spec          *spec.Container `json:"spec,omitzero"`           // as if written in a file, State as last applied; nil for what isn't fairlead's and isn't imported
	Task          Task            `json:"task,omitzero"`
}

// asSpec is Spec; an empty one where nothing could be read.
func (l *LiveContainer) asSpec() *spec.Container {
	if l.Spec == nil {
		return &spec.Container{}
	}
	return l.Spec
}

// Drift is a part of a container's record that isn't as fairlead wrote it.
type Drift struct {
	Path    string // in the record: linux.resources.memory.limit
	Was, Is cty.Value
}

// What a container can lack that an earlier fairlead or another tool created. It is no difference, as no file asks for it: the
// next replacement brings it.
const (
	LackOfSeccomp    = "the seccomp profile"
	LackOfOpenFiles  = "the daemon's limit of open files"
	LackOfPrivileges = "setuid programs"
)

// Task is the state of a container's process.
type Task struct {
	Status   TaskStatus `json:"status,omitzero"`
	PID      uint32     `json:"pid,omitzero"`
	ExitCode uint32     `json:"exit_code,omitzero"`
	ExitedAt time.Time  `json:"exited_at,omitzero"`
	Shim     uint32     `json:"shim,omitzero"`    // of TaskUnknown: the process that looks after it; 0: there is none
	Trouble  string     `json:"trouble,omitzero"` // of TaskUnknown: why nobody can tell, as a clause
}

// TaskStatus is a task's status in containerd's words.
type TaskStatus string

// The statuses that a plan tells apart.
const (
	TaskNone    TaskStatus = "" // there is no task
	TaskCreated TaskStatus = "created"
	TaskRunning TaskStatus = "running"
	TaskPaused  TaskStatus = "paused"
	TaskStopped TaskStatus = "stopped"
	TaskUnknown TaskStatus = "unknown" // something of it lives, and nobody can tell what it does
)

// Up tells whether a process is there, running or paused.
func (t Task) Up() bool { return t.Status == TaskRunning || t.Status == TaskPaused }

// ImageConfig is what an image gives a container of one platform.
type ImageConfig struct {
	Defaults *spec.Container `json:"defaults,omitzero"` // entrypoint, command, env, working_dir, user and stop_signal
	Unfit    string          `json:"unfit,omitzero"`    // why no container can be created from it, as a clause; Defaults is nil then
}

// Blob is one blob of the content store, with what it keeps from garbage collection.
type Blob struct {
	Size     int64    `json:"size,omitzero"`
	Children []string `json:"children,omitzero"` // digests
	Root     bool     `json:"root,omitzero"`     // kept whatever refers to it: by a lease or a label
}
