package ctrd

import (
	"cmp"
	"time"

	"google.golang.org/grpc"

	"github.com/fairlead-dev/fairlead/executor/machine"
	"github.com/fairlead-dev/fairlead/executor/mark"
	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

// Options say which containerd, and what of it.
type Options struct {
	Address     string            // path of the socket; required
	Namespace   string            // required
	DataRoot    string            // directory of fairlead's own files; "": machine.DefaultDataRoot
	LockWait    time.Duration     // how long Begin waits for another apply of the same stack; 0: not at all
	Registries  []*spec.Registry  // how to reach registries that need more than the host's own configuration
	Builder     string            // address of a buildkitd; "": one that is running, else one of our own
	CacheBytes  int64             // how much of its cache a builder of our own keeps; 0: the builder's default
	AnswerWait  time.Duration     // how long a step waits for a shim that doesn't answer; 0: DefaultAnswerTimeout
	StartWait   time.Duration     // how long a runtime, with its hooks, may take to start a process; 0: DefaultStartTimeout
	Origin      planner.Origin    // where what is written is applied from; zero: it isn't noted
	PlanFile    string            // file that the plan is saved in, or was read from, absolute; "": none
	DialOptions []grpc.DialOption // more of them, such as a test's interceptors
}

func (o Options) answerTimeout() time.Duration {
	return cmp.Or(max(o.AnswerWait, 0), DefaultAnswerTimeout)
}

func (o Options) startTimeout() time.Duration {
	return cmp.Or(max(o.StartWait, 0), DefaultStartTimeout)
}

// paths says where fairlead's own files are.
func (o Options) paths() machine.Paths {
	return machine.Paths{Root: cmp.Or(o.DataRoot, machine.DefaultDataRoot), Socket: o.Address, Namespace: o.Namespace}
}

// CacheDir is where is noted what files were when they were last read.
func (o Options) CacheDir() string { return o.paths().Cache() }

// OwnFiles are what a run writes that could be in a directory which is built from.
func (o Options) OwnFiles() []spec.OwnFile {
	files := []spec.OwnFile{{Path: o.CacheDir(), Advice: "Keep it elsewhere, with another --data-root"}}
	if o.PlanFile != "" {
		files = append(files, spec.OwnFile{Path: o.PlanFile, Advice: "Keep the plan in another directory"})
	}
	return files
}

// Key gives the host's key, which changed secrets are known by.
func (o Options) Key() ([]byte, error) { return mark.HostKey(o.paths().Key()) }
