package spec

import (
	"path/filepath"

	"github.com/hashicorp/hcl/v2"
)

// Inputs is what a directory of files is read with.
type Inputs struct {
	Vars      []string // name=value, as given with --var; later ones win
	VarFiles  []string // paths, as given with --var-file; later ones win
	Environ   []string // name=value: where FAIRLEAD_VAR_* and the function env look
	Namespace string   // overrides the stack's namespace; "": doesn't
	Stack     string   // names the stack, for LoadStack; "": its block does
	Trust     bool     // the limits are those for files of which one knows who wrote them
	Version   string   // of fairlead, for stack.requires; "": unchecked (a development build)
}

// Load reads a stack. The config is usable only if the diagnostics hold no error; its Files are always set.
func Load(dir string, in Inputs) (*Config, hcl.Diagnostics) {
	e := newEvaluator(dir, in)
	if !e.budget.run(e.load) {
		return e.cfg, e.abandonedDiagnostics()
	}
	return e.cfg, sortDiagnostics(e.diags)
}

func (e *evaluator) load() {
	e.sortBlocks(e.parse()) // files and their blocks
	e.variables()           // values from outside
	e.readStack("")         // exactly one
	e.collectRefs()         // who refers to whom
	e.orderNodes()          // what comes first, and cycles
	e.evaluate()            // locals; the instances of each block, and what they say
	e.linkResources()       // from names to addresses: a container's image, depends_on
	e.readRegistries()      // blocks that nothing refers to
	e.readImports()
	e.orderResources()
	e.evaluateOutputs(nil)
	e.closeReads() // what is evaluated again sees the same files
	e.cfg.Lock = e.lock
}

func newEvaluator(dir string, in Inputs) *evaluator {
	e := emptyEvaluator(dir, in)
	lock, file, diags := readLock(dir)
	e.lock = lock
	if file != nil {
		e.cfg.Files[LockFile] = file
	}
	e.fail(diags...)
	return e
}

// emptyEvaluator has read nothing yet.
func emptyEvaluator(dir string, in Inputs) *evaluator {
	e := &evaluator{in: in, dir: dir, budget: &budget{limits: limitsOf(in.Trust)}, cfg: &Config{Dir: dir, Files: map[string]*hcl.File{}}}
	if abs, err := filepath.Abs(dir); err == nil {
		e.dir = abs
		e.cfg.Dir = abs
	}
	e.cfg.eval = e
	e.reads = newReads(newBase(e.dir), e.budget.limits)
	e.prepareContext()
	return e
}
