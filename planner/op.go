package planner

import (
	"time"

	"github.com/fairlead-dev/fairlead/spec"
)

// Op is one call to the host, as plain data: one struct a call, with just the fields that the call needs. The set is closed: opRows has a
// row for each. The tag `plan` says what a field is for (see roleObject). Before, in an op that changes an image record, is the digest
// that the record has (see Expect).
type Op interface{ op() }

type (
	// PullImage downloads what Ref stands for and points the record Name at it.
	PullImage struct {
		Name      string   `json:"name" plan:"object,required"`
		Ref       string   `json:"ref" plan:"required"`    // normalised reference, without digest
		Digest    string   `json:"digest" plan:"required"` // what must come
		Platforms []string `json:"platforms"`
		Bytes     int64    `json:"bytes" plan:"bytes"` // at most, for people
		Owner     Owner    `json:"owner"`              // zero: the record is not this stack's, its marks stay as they are
		Protect   bool     `json:"protect,omitempty"`
		Before    string   `json:"before,omitempty" plan:"before"`
	}
	// LoadImage imports an archive or a layout and points the record Name at it.
	LoadImage struct {
		Name        string   `json:"name" plan:"object,required"`
		Path        string   `json:"path" plan:"required"`
		Digest      string   `json:"digest" plan:"required"` // what must be in it
		Fingerprint string   `json:"fingerprint"`
		Platforms   []string `json:"platforms"`
		Owner       Owner    `json:"owner"`
		Protect     bool     `json:"protect,omitempty"`
		Before      string   `json:"before,omitempty" plan:"before"`
	}
	// BuildImage builds an image and points the record Name at what came out. It reports whether that is Was.
	BuildImage struct {
		Name      string        `json:"name" plan:"object,required"`
		Build     *spec.Build   `json:"build" plan:"required"`
		Platforms []string      `json:"platforms"`
		Inputs    Inputs        `json:"inputs"`             // as the plan saw them
		Bytes     int64         `json:"bytes" plan:"bytes"` // that its bases may have to be downloaded, at most; for people
		Bases     []Base        `json:"bases,omitempty"`
		Remotes   []spec.Remote `json:"remotes,omitempty"`
		Result    string        `json:"result" plan:"result,required"` // placeholder of the digest that comes out, in later ops
		Was       string        `json:"was,omitempty" plan:"was"`      // the digest that the image had before; "": there was none
		Owner     Owner         `json:"owner"`
		Protect   bool          `json:"protect,omitempty"`
		Force     bool          `json:"force,omitempty"` // also where what is there was built from the same
		Before    string        `json:"before,omitempty" plan:"before"`
	}
	// ImportImage makes an image of a root filesystem and points the record Name at it. It reports whether that is Was.
	ImportImage struct {
		Name    string       `json:"name" plan:"object,required"`
		Rootfs  *spec.Rootfs `json:"rootfs" plan:"required:Path"`
		Inputs  Inputs       `json:"inputs"`
		Result  string       `json:"result" plan:"result,required"`
		Was     string       `json:"was,omitempty" plan:"was"`
		Owner   Owner        `json:"owner"`
		Protect bool         `json:"protect,omitempty"`
		Before  string       `json:"before,omitempty" plan:"before"`
	}
	// RegisterEmulator makes the kernel run programs of Platform, by the distribution's rule, and checks that they run.
	RegisterEmulator struct {
		Platform string `json:"platform" plan:"object,required"`
		Persist  bool   `json:"persist,omitempty"` // also after the next boot
	}
	// TagImage points the record Name at what the record From points at.
	TagImage struct {
		Name    string `json:"name" plan:"object,required"`
		From    string `json:"from" plan:"required"`
		Digest  string `json:"digest" plan:"required"`
		Owner   Owner  `json:"owner"`
		Protect bool   `json:"protect,omitempty"`
		Before  string `json:"before,omitempty" plan:"before"`
	}
	// PushImage copies what the record Name points at, all its platforms, to the registry that To names.
	PushImage struct {
		Name   string `json:"name" plan:"object,required"`
		To     string `json:"to" plan:"name,required"`
		Digest string `json:"digest" plan:"required"`
		From   string `json:"from,omitempty"` // reference in a registry that has what isn't here; "": none is known
	}
	// RelabelImage changes fairlead's marks on a record, and nothing else.
	RelabelImage struct {
		Name    string `json:"name" plan:"object,required"`
		Owner   Owner  `json:"owner"`
		Protect bool   `json:"protect,omitempty"`
		Before  string `json:"before,omitempty" plan:"before"`
	}
	// UntagImage deletes one image record; content goes when nothing else names it.
	UntagImage struct {
		Name   string `json:"name" plan:"object,required"`
		Before string `json:"before,omitempty" plan:"before"`
	}

	// CreateContainer makes a container and its snapshot, marked as pending, and starts nothing.
	CreateContainer struct {
		ID      string          `json:"id" plan:"object,result,required"`
		Want    *spec.Container `json:"want" plan:"name:Name,required:Name"` // with Image.Digest filled
		Owner   Owner           `json:"owner"`
		Was     string          `json:"was,omitempty" plan:"was"` // ID of the container that stays if this is passed over; later ops hold ID for it
		Holders []string        `json:"holders,omitempty"`        // IDs of the containers that had Want.Name when it was planned
	}
	// StartTask makes the container's task and starts it, in place of a task that ended, and takes the completed mark from it.
	// A container that was ready before is in the restart monitor's care again.
	StartTask struct {
		ID   string `json:"id" plan:"object,required"`
		Name string `json:"name" plan:"name"`
	}
	// AwaitReady waits until the container is ready, takes the pending mark from it and gives it into the restart monitor's care;
	// a job gets the completed mark, also one that has ended with 0 already. An error shows its last log lines.
	AwaitReady struct {
		ID     string        `json:"id" plan:"object,required"`
		Name   string        `json:"name" plan:"name"`
		Ready  string        `json:"ready"` // spec.ReadyStarted or spec.ReadyCompleted
		Within time.Duration `json:"within" plan:"lasts"`
	}
	// ClearPending takes the pending mark from a container that is not to be started.
	ClearPending struct {
		ID   string `json:"id" plan:"object,required"`
		Name string `json:"name" plan:"name"`
	}
	// StopTask ends the container's process, frozen or not, and sees to it that nothing starts it again. It has nothing to do
	// where no process is.
	StopTask struct {
		ID      string        `json:"id" plan:"object,required"`
		Name    string        `json:"name" plan:"name"`
		Signal  string        `json:"signal"`
		Timeout time.Duration `json:"timeout" plan:"lasts"` // then SIGKILL
	}
	// PauseTask freezes the container's process, and sees to it that the restart monitor leaves it so.
	PauseTask struct {
		ID   string `json:"id" plan:"object,required"`
		Name string `json:"name" plan:"name"`
	}
	// ResumeTask thaws it, and undoes what PauseTask told the restart monitor.
	ResumeTask struct {
		ID   string `json:"id" plan:"object,required"`
		Name string `json:"name" plan:"name"`
	}
	// RelabelContainer rewrites what a container's record says of itself, without touching its process: labels, restart
	// policy, marks, the name of its image record, and the applied spec. Whoever it was, it is Owner's afterwards.
	RelabelContainer struct {
		ID      string          `json:"id" plan:"object,required"`
		Want    *spec.Container `json:"want" plan:"name:Name,required"`
		Owner   Owner           `json:"owner"`
		Holders []string        `json:"holders,omitempty"` // as of CreateContainer
	}
	// RemoveContainer deletes a container that does not run, with its snapshot and its files.
	RemoveContainer struct {
		ID   string `json:"id" plan:"object,required"`
		Name string `json:"name" plan:"name"`
	}

	// CheckUnmoved fails unless all that the plan is about to touch is still as the plan saw it. It stands between the slow
	// steps and the first that touches what runs.
	CheckUnmoved struct {
		Touches []Touch `json:"touches" plan:"many"`
	}
)

// Touch is an object as a plan saw it.
type Touch struct {
	Kind spec.Kind `json:"kind"`
	ID   string    `json:"id"`   // container ID or image name
	Name string    `json:"name"` // for people
	Seen string    `json:"seen"` // LiveContainer.Seen or LiveImage.Seen; "": there was none
}

func (*PullImage) op()        {}
func (*LoadImage) op()        {}
func (*BuildImage) op()       {}
func (*ImportImage) op()      {}
func (*RegisterEmulator) op() {}
func (*TagImage) op()         {}
func (*PushImage) op()        {}
func (*RelabelImage) op()     {}
func (*UntagImage) op()       {}
func (*CreateContainer) op()  {}
func (*StartTask) op()        {}
func (*AwaitReady) op()       {}
func (*ClearPending) op()     {}
func (*StopTask) op()         {}
func (*PauseTask) op()        {}
func (*ResumeTask) op()       {}
func (*RelabelContainer) op() {}
func (*RemoveContainer) op()  {}
func (*CheckUnmoved) op()     {}
