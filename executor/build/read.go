package build

import (
	"context"
	"fmt"

	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

// Options are what Read must know beside the build block.
type Options struct {
	CacheDir  string                      // where stat caches are kept; "": nothing is remembered
	Key       func() ([]byte, error)      // of the keyed hashes (HMAC-SHA256) of secrets; asked for where there is one
	Platforms []string                    // that are built, normalised; none: Host
	Host      string                      // the builder's own platform, normalised: BUILDPLATFORM
	Env       func(string) (string, bool) // the environment that secrets are taken from
	Own       []spec.OwnFile              // what no context may have in it

	// Hashing is told how far the hashing of what is large is, in bytes: at its beginning, and then for each GiB. Several goroutines call it.
	// nil: nobody is told.
	Hashing func(path string, done, total int64)

	// BaseConfig tells what the image b, for its one platform, gives to a stage that begins with it; with env, its environment too.
	// An error names the image. nil: nobody can tell.
	BaseConfig func(b Base, env bool) (Config, error)
}

// Reading is what a build depends on.
type Reading struct {
	Inputs     planner.Inputs      // sorted; those of kinds base and source are left to who resolves Bases, and the digest of another image block to the planner
	Sources    []Source            // what ADD takes from servers, left to who resolves it as well
	Bases      []Base              // images that must be resolved, in the order of the Dockerfile
	Runs       []Run               // RUN instructions that don't run on Host itself
	Dockerfile string              // its path, for messages
	Local      *Local              // what the builder is given of it
	Taken      map[string][]string // patterns of what of each directory is an input, by the context's name, "" for the main one; nil: all is
	Opaque     bool                // the Dockerfile could not be read beforehand: it is in a remote context, or another frontend's language
}

// Base is an image that the Dockerfile names.
type Base struct {
	Ref       string   // normalised, with tag or digest; "" with Context
	Context   string   // named context that is an image block
	Platforms []string // that are needed of it, normalised, sorted
	Line      int      // where it is first named; 0: not in the Dockerfile
	Use       string   // by which it is named there: FROM, COPY --from, RUN --mount, # syntax, or arg BUILDKIT_SYNTAX
	Near      string   // a stage whose name is almost this, for an error where there is no such image; "" for none
	OnBuild   []string // instructions that it has for a stage that begins with it; nil: no stage does, or nobody can tell
	Opaque    bool     // those are known once it is built
}

// Run is a RUN instruction that a foreign platform executes.
type Run struct {
	Line      int
	Stage     string // its name, or its number
	Text      string // the instruction, without its continuation lines' ends
	Platforms []string
}

// analyse reads the Dockerfile, and finds out where the context is.
func analyse(b *spec.Build, o Options) (main location, file *dockerfile, u *uses, err error) {
	if main, err = locate("context", b.Context); err != nil {
		return main, nil, nil, err
	}
	if file, err = findDockerfile(b, main); err != nil {
		return main, nil, nil, err
	}
	u, err = file.analyse(b, o)
	return main, file, u, err
}

// withDefaults sets the platforms that are built where none are named.
func (o Options) withDefaults() Options {
	if len(o.Platforms) == 0 {
		o.Platforms = []string{o.Host}
	}
	return o
}

// Remotes gives the images that b's Dockerfile names and what its ADDs take from servers, as Read does, and reads nothing but the
// Dockerfile.
func Remotes(b *spec.Build, o Options) ([]Base, []Source, error) {
	_, _, uses, err := analyse(b, o.withDefaults())
	if err != nil {
		return nil, nil, err
	}
	return uses.bases, uses.sources, nil
}

// Read reads all that b depends on from disk. Only a context that is a URL is asked for over the network.
func Read(ctx context.Context, b *spec.Build, o Options) (*Reading, error) {
	o = o.withDefaults()
	main, file, uses, err := analyse(b, o)
	if err != nil {
		return nil, err
	}
	local := &Local{Dockerfile: defaultName, Contexts: map[string]spec.BuildContext{}, Dirs: map[string]*Directory{}, Layouts: map[string]Layout{}}
	if local.Secrets, err = readSecrets(b.Secrets, o); err != nil {
		return nil, err
	}
	in := blockInputs(b, o, uses)
	for id, s := range local.Secrets {
		in = append(in, planner.Input{Kind: planner.InputSecret, Name: id, Value: s.Sum})
	}
	if file.text != nil {
		in = append(in, planner.Input{Kind: planner.InputDockerfile, Name: "Dockerfile", Value: digestOf(file.text)})
	}
	named, err := uses.contextInputs(ctx, b, o, local)
	if err != nil {
		return nil, err
	}
	rest, err := main.inputs(ctx, "", file.ignore, uses.takenOf(""), o, local)
	if err != nil {
		return nil, fmt.Errorf("context %w", err)
	}
	local.noteDockerfile(b, file)
	return &Reading{
		Inputs: append(append(in, named...), rest...).Sorted(), Bases: uses.bases, Sources: uses.sources, Runs: uses.runs, Dockerfile: file.path,
		Local: local, Taken: local.patterns(), Opaque: uses.opaque,
	}, nil
}
