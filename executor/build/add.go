package build

import (
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/dfgitutil"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
)

// Source is a file or a repository on a server that ADD takes, where the Dockerfile itself doesn't say by a checksum or a commit which
// content that is.
type Source struct {
	URL  string // with its variables filled in
	Line int    // where it is first named
	Git  bool   // a repository; else a file
}

// sourceOf tells whether a word of ADD names something on a server whose content may become another, as BuildKit's dispatchCopy does.
func sourceOf(word, checksum string, line int) (Source, bool) {
	if ref, _, err := dfgitutil.ParseGitRef(word); err == nil && !ref.IndistinguishableFromLocal {
		fixed := checksum != "" || ref.Checksum != "" || fullCommit.MatchString(ref.Ref)
		return Source{URL: word, Line: line, Git: true}, !fixed
	}
	remote := strings.HasPrefix(word, "http://") || strings.HasPrefix(word, "https://")
	return Source{URL: word, Line: line}, remote && checksum == ""
}

// remoteSources gives what the ADDs of a stage take from servers. A variable that only the environment of the stage's image can have makes that
// be asked for; where nobody can tell it, the word is left out.
func (g *graph) remoteSources(s *stage) ([]Source, error) {
	if !slices.ContainsFunc(s.commands, mayBeRemote) {
		return nil, nil
	}
	scope, err := g.scopeOf(s)
	if err != nil || !scope.missed {
		return scope.sources, err
	}
	root := s.root()
	if root.config.EnvKnown || root.askedForEnv {
		return scope.sources, nil
	}
	root.askedForEnv = true
	if root.config, err = g.configOf(root, true); err != nil {
		return nil, err
	}
	scope, err = g.scopeOf(s)
	return scope.sources, err
}

// mayBeRemote tells of an ADD that isn't of plain paths alone.
func mayBeRemote(c instructions.Command) bool {
	add, ok := c.(*instructions.AddCommand)
	return ok && slices.ContainsFunc(add.SourcePaths, func(word string) bool { return strings.ContainsAny(word, "$:") })
}

// root is the stage at the beginning of the chain of stages that s is built on.
func (s *stage) root() *stage {
	for s.base != nil {
		s = s.base
	}
	return s
}

// scope is what instructions of a stage see, one after another.
type scope struct {
	all     []string    // ARG and ENV as NAME=VALUE; the last of a name counts
	env     []string    // ENV alone: what the image of the stage has
	open    bool        // names that are in neither may be set, by an image whose environment isn't known
	missed  bool        // an ADD of the last stage names such a one
	sources []Source    // of the last stage
	taken   []takenPath // by the last stage
}

// scopeOf goes through the instructions of s and of the stages that it is built on.
func (g *graph) scopeOf(s *stage) (scope, error) {
	var c scope
	if s.base != nil {
		var err error
		if c, err = g.scopeOf(s.base); err != nil {
			return c, err
		}
		c.missed, c.sources, c.taken = false, nil, nil
	} else {
		c.all, c.env = append(c.all, s.config.Env...), append(c.env, s.config.Env...)
		c.open = s.fromImage() && !s.config.EnvKnown
	}
	for _, cmd := range s.commands {
		switch cmd := cmd.(type) {
		case *instructions.ArgCommand:
			for _, a := range cmd.Args {
				g.setArg(&c, a)
			}
		case *instructions.EnvCommand:
			before := c
			for _, e := range cmd.Env {
				name, _, _ := g.expandIn(&before, e.Key)
				if value, missed, err := g.expandIn(&before, e.Value); err == nil && !missed {
					c.all, c.env = append(c.all, name+"="+value), append(c.env, name+"="+value)
				} else {
					c.unset(name)
				}
			}
		case *instructions.AddCommand:
			if err := g.addSources(&c, cmd); err != nil {
				return c, err
			}
			before := len(c.taken)
			g.notePaths(&c, "", cmd.SourcePaths...)
			for i := range c.taken[before:] {
				c.taken[before+i].added = cmd.Unpack == nil || *cmd.Unpack
			}
		case *instructions.CopyCommand:
			g.notePaths(&c, cmd.From, cmd.SourcePaths...)
		case *instructions.RunCommand:
			g.noteMounts(&c, cmd)
		}
		if err := g.overLimit(cmd); err != nil {
			return c, err
		}
	}
	return c, nil
}

// overLimit is the error of the instruction that met a limit, once one has.
func (g *graph) overLimit(cmd instructions.Command) error {
	if g.lex.over != nil && g.over == nil {
		g.over = g.file.fault(firstLine(cmd.Location()), g.lex.over)
	}
	return g.over
}

// setArg sets what an ARG of a stage gives, as BuildKit's dispatchArg does.
func (g *graph) setArg(c *scope, a instructions.KeyValuePairOptional) {
	value, set := g.block.Args[a.Key]
	if !set && a.Value == nil {
		if value, set = g.args.Get(a.Key); !set {
			return
		}
	}
	if !set {
		var missed bool
		var err error
		if value, missed, err = g.expandIn(c, *a.Value); err != nil || missed {
			c.unset(a.Key)
			return
		}
	}
	c.all = append(c.all, a.Key+"="+value)
}

// unset removes a variable whose value isn't known any more.
func (c *scope) unset(name string) {
	is := func(kv string) bool { return strings.HasPrefix(kv, name+"=") }
	c.all = slices.DeleteFunc(slices.Clone(c.all), is)
	c.env = slices.DeleteFunc(slices.Clone(c.env), is)
}

// addSources notes what one ADD takes from servers.
func (g *graph) addSources(c *scope, cmd *instructions.AddCommand) error {
	line := firstLine(cmd.Location())
	checksum, unknown, err := g.expandIn(c, cmd.Checksum)
	if err != nil {
		return g.file.faultf(line, "ADD --checksum=%s: %w", cmd.Checksum, err)
	}
	for _, word := range cmd.SourcePaths {
		at, missed, err := g.expandIn(c, word)
		if err != nil {
			return g.file.faultf(line, "ADD %s: %w", word, err)
		}
		if missed || unknown {
			c.missed = true
			continue
		}
		if source, ok := sourceOf(at, checksum, line); ok {
			c.sources = append(c.sources, source)
		}
	}
	return nil
}

// expandIn expands the variables of a word. missed tells that one of them is of an environment that isn't known.
func (g *graph) expandIn(c *scope, word string) (text string, missed bool, err error) {
	out, err := g.lex.ProcessWordWithMatches(word, shell.EnvsFromSlice(c.all))
	return out.Result, c.open && len(out.Unmatched) > 0, err
}
