package planner

import (
	"time"

	"github.com/zclconf/go-cty/cty"

	"github.com/fairlead-dev/fairlead/spec"
)

// State is what the host says. The planner works from it and from Sources alone.
type State struct {
	At         time.Time
	Namespace  string
	Host       Host
	Images     map[string]*LiveImage // by name, all of the namespace
	Containers []*LiveContainer      // all of the namespace, by ID
	Blobs      map[string]*Blob      // by digest; nil unless the plan may take content away
}

// Host is what the planner needs to know of the daemon and the machine.
type Host struct {
	Platform        string   // the host's own, normalised, as linux/amd64
	Runs            []string // platforms whose programs run here, the host's own first; others by emulation
	Snapshotters    []string // that the daemon has; "" as default is Snapshotter
	Snapshotter     string   // the daemon's default
	Runtimes        []string // of the wanted ones, those that the daemon can start
	Daemon          string   // version of containerd
	RestartPolicies []string // that the daemon's restart monitor keeps; nil: not asked
	Native          []string // of Runs, those that need no emulation

	Emulators map[string]LiveEmulator // by platform, of those that are wanted and not native
}

// LiveEmulator is what the kernel and the distribution have for a platform that the machine can't run by itself.
type LiveEmulator struct {
	Handler   string // name of the handler that is registered; "": none
	Owned     bool   // it was registered by fairlead
	Works     bool   // a program of the platform was run
	Trouble   string // why a registered one doesn't work, and what to do, as sentences
	Rule      string // file of the distribution's rule; "": none is installed
	Persisted bool   // fairlead has seen to it that it is registered at boot
}

// LiveImage is an image record. Its Seen changes whenever the record does.
type LiveImage struct {
	Live
	Digest     string                 // of the record's target
	Platforms  []string               // whose content is whole here, normalised; nil: not asked, as for a record that nobody wants
	Sizes      map[string]int64       // bytes of each platform's content, where known
	Configs    map[string]ImageConfig // by platform; only where a container may be created from it, and none was yet
	Inputs     string                 // of a built or imported image: the digest of its inputs
	LastInputs Inputs                 // these inputs, where Questions ask for them; nil: nobody asked, or nobody can tell
	Source     string                 // of a loaded image: the fingerprint of the archive that it came from
	Tags       []string               // names of this image that were made from this record, of the same owner
	TagOf      string                 // the record that this name was made from; "": none
	Pushed     map[string]string      // reference pushed to → digest
}

// LiveContainer is a container with its task. Its Seen changes whenever the record or the task's state does, but not by the restart monitor.
type LiveContainer struct {
	Live
	Lacks         []string        // of what fairlead gives new containers by default, what this one was created without: LackOf…
	Drift         []Drift         // what was changed outside fairlead, and no attribute shows
	Completed     bool            // it was a job, and it ended with 0
	Image         string          // name of the image record that it was created from
	OwnNames      []string        // of its image: Image and the tags made from it, where that record was the stack's own
	Digest        string          // of the image that it was created from; "" where nobody wrote it down
	ImageDefaults *spec.Container // what its image gives: entrypoint, command, env, working_dir, user and stop_signal; nil where that isn't known
	Spec          *spec.Container // as if written in a file, State as last applied; nil for what isn't fairlead's and isn't imported
	Task          Task
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
	Status   TaskStatus
	PID      uint32
	ExitCode uint32
	ExitedAt time.Time
	Shim     uint32 // of TaskUnknown: the process that looks after it; 0: there is none
	Trouble  string // of TaskUnknown: why nobody can tell, as a clause
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
	Defaults *spec.Container // entrypoint, command, env, working_dir, user and stop_signal
	Unfit    string          // why no container can be created from it, as a clause; Gives is nil then
}

// Blob is one blob of the content store, with what it keeps from garbage collection.
type Blob struct {
	Size     int64
	Children []string // digests
	Root     bool     // kept whatever refers to it: by a lease or a label
}
