package ctrd

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"
	"time"

	"google.golang.org/grpc"

	"github.com/fairlead-dev/fairlead/executor/mark"
	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

// Options say which containerd, and what of it.
type Options struct {
	Address     string            // path of the socket; required
	Namespace   string            // required
	DataRoot    string            // directory of fairlead's own files; "": DefaultDataRoot
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

// DefaultDataRoot is where fairlead keeps its files.
const DefaultDataRoot = "/var/lib/fairlead"

// lockRoot is where locks of stacks are: it is empty after a reboot, as they would be.
const lockRoot = "/run/fairlead/locks"

// socketKey tells the daemons of a machine apart in paths.
func socketKey(address string) string {
	real, err := filepath.EvalSymlinks(address)
	if err != nil {
		real = address
	}
	sum := sha256.Sum256([]byte(real))
	return hex.EncodeToString(sum[:])
}

func (o Options) answerTimeout() time.Duration {
	return cmp.Or(max(o.AnswerWait, 0), DefaultAnswerTimeout)
}

func (o Options) startTimeout() time.Duration {
	return cmp.Or(max(o.StartWait, 0), DefaultStartTimeout)
}

// namespaceDir is the directory of all that fairlead keeps for one namespace of one daemon.
func (o Options) namespaceDir() string {
	return filepath.Join(o.root(), socketKey(o.Address)[:8], o.Namespace)
}

// root is the directory of all that fairlead keeps.
func (o Options) root() string { return cmp.Or(o.DataRoot, DefaultDataRoot) }

// CacheDir is where is noted what files were when they were last read.
func (o Options) CacheDir() string { return filepath.Join(o.root(), "seen") }

// OwnFiles are what a run writes that could be in a directory which is built from.
func (o Options) OwnFiles() []spec.OwnFile {
	files := []spec.OwnFile{{Path: o.CacheDir(), Advice: "Keep it elsewhere, with another --data-root"}}
	if o.PlanFile != "" {
		files = append(files, spec.OwnFile{Path: o.PlanFile, Advice: "Keep the plan in another directory"})
	}
	return files
}

// Key gives the host's key, which changed secrets are known by.
func (o Options) Key() ([]byte, error) { return mark.HostKey(o.root()) }
