package build

import (
	"cmp"
	"strings"

	"github.com/containerd/platforms"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/shell"

	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

// automatic gives the ARGs that BuildKit sets by itself. They hold in FROM, undeclared; args may set them otherwise.
func automatic(host, target, stageName string) map[string]string {
	out := map[string]string{"TARGETSTAGE": cmp.Or(stageName, "default")}
	for prefix, platform := range map[string]string{"BUILD": host, "TARGET": target} {
		p, err := platforms.Parse(platform)
		if err != nil {
			continue // "": nothing is known of it
		}
		out[prefix+"PLATFORM"], out[prefix+"OS"], out[prefix+"OSVERSION"] = platforms.Format(p), p.OS, p.OSVersion
		out[prefix+"ARCH"], out[prefix+"VARIANT"] = p.Architecture, p.Variant
	}
	return out
}

// globalArgs gives what FROM sees: the automatic ARGs, and those above the first FROM with the block's values or their defaults.
func (f *dockerfile) globalArgs(global []instructions.ArgCommand, lex *boundedLexer, b *spec.Build, host, target, stageName string) (shell.EnvGetter, error) {
	var env []string
	for name, value := range automatic(host, target, stageName) {
		if set, ok := b.Args[name]; ok {
			value = set
		}
		env = append(env, name+"="+value)
	}
	for _, c := range global {
		for _, a := range c.Args {
			value, ok := b.Args[a.Key]
			if !ok && a.Value == nil {
				continue
			}
			if !ok {
				out, err := lex.ProcessWordWithMatches(*a.Value, shell.EnvsFromSlice(env))
				if err != nil {
					return nil, f.faultf(firstLine(c.Location()), "ARG %s: %w", a.Key, err)
				}
				value = out.Result
			}
			env = append(env, a.Key+"="+value) // the last of a name counts
		}
	}
	return shell.EnvsFromSlice(env), nil
}

// argInputs are the block's args that the Dockerfile or the builder makes use of. A proxy that no ARG declares is none: BuildKit
// keeps it out of the result.
func argInputs(b *spec.Build, u *uses) planner.Inputs {
	auto := automatic("linux/amd64", "linux/amd64", "")
	var out planner.Inputs
	for name, value := range b.Args {
		_, always := auto[name]
		if always || u.args[name] || name == "SOURCE_DATE_EPOCH" || strings.HasPrefix(name, "BUILDKIT_") {
			out = append(out, planner.Input{Kind: planner.InputArg, Name: name, Value: value})
		}
	}
	return out
}
