package build

import (
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
	"github.com/moby/patternmatcher"
	"github.com/tonistiigi/fsutil"

	"github.com/fairlead-dev/fairlead/executor/stream"
	"github.com/fairlead-dev/fairlead/planner"
)

// pathSet is which paths of a context a Dockerfile copies or mounts, as BuildKit's frontend collects them: a directory stands for all that is in it,
// and a path may have wildcards.
type pathSet struct {
	all      bool
	paths    map[string]bool // relative
	unpacked map[string]bool // those of ADD, which unpacks what is a tar file
}

func (p *pathSet) add(source string, unpacked bool) {
	clean := strings.TrimPrefix(path.Join("/", filepath.ToSlash(source)), "/")
	if unpacked && clean != "" {
		if p.unpacked == nil {
			p.unpacked = map[string]bool{}
		}
		p.unpacked[clean] = true
	}
	if clean == "" {
		p.all = true
		return
	}
	if p.paths == nil {
		p.paths = map[string]bool{}
	}
	p.paths[clean] = true
}

// key tells sets apart; "" is all.
func (p *pathSet) key() string {
	key := ""
	if !p.all {
		key = "\x00" + strings.Join(slices.Sorted(maps.Keys(p.paths)), "\x00")
	}
	if len(p.unpacked) > 0 {
		key += "\x00ADD\x00" + strings.Join(slices.Sorted(maps.Keys(p.unpacked)), "\x00")
	}
	return key
}

// isUnpacked tells whether ADD takes just this path, and not a directory that it is in.
func (p *pathSet) isUnpacked(name string) bool {
	for pattern := range p.unpacked {
		if ok, err := path.Match(pattern, name); err == nil && ok {
			return true
		}
	}
	return false
}

// patterns gives the patterns of what is taken of a directory: the paths, and what links on their way lead to. None: all is.
func (p *pathSet) patterns(root string) ([]string, error) {
	if p.all {
		return nil, nil
	}
	files, err := fsutil.NewFS(root)
	if err != nil {
		return nil, stream.Unreadable(root, err)
	}
	out, err := fsutil.FollowLinks(files, slices.Sorted(maps.Keys(p.paths)))
	if err != nil {
		return nil, stream.Unreadable(root, err)
	}
	return out, nil
}

// takenPath is a path that an instruction takes.
type takenPath struct {
	from  string // as COPY --from has it; "" for the main context
	path  string
	known bool // else it is any
	added bool // by ADD, which unpacks tar files
}

// notePaths notes what an instruction takes. What a variable stands for counts only where the Dockerfile and the block say it: the environment of a
// base isn't known at each reading.
func (g *graph) notePaths(c *scope, from string, words ...string) {
	for _, word := range words {
		if from == "" && (strings.HasPrefix(word, "http://") || strings.HasPrefix(word, "https://")) {
			continue
		}
		env := &unsetVariables{EnvGetter: shell.EnvsFromSlice(c.all)}
		out, err := g.lex.ProcessWordWithMatches(word, env)
		c.taken = append(c.taken, takenPath{from: from, path: out.Result, known: err == nil && !env.missed})
	}
}

// noteMounts notes what a RUN mounts.
func (g *graph) noteMounts(c *scope, cmd *instructions.RunCommand) {
	env := &unsetVariables{EnvGetter: shell.EnvsFromSlice(c.all)}
	err := cmd.Expand(func(word string) (string, error) {
		out, err := g.lex.ProcessWordWithMatches(word, env)
		return out.Result, err
	})
	for _, m := range instructions.GetMounts(cmd) {
		if m.From != "" || m.Type == instructions.MountTypeBind {
			c.taken = append(c.taken, takenPath{from: m.From, path: m.Source, known: err == nil && !env.missed})
		}
	}
}

// unsetVariables notes whether a variable was asked for that nobody has set.
type unsetVariables struct {
	shell.EnvGetter
	missed bool
}

// Get implements shell.EnvGetter.
func (a *unsetVariables) Get(name string) (string, bool) {
	value, ok := a.EnvGetter.Get(name)
	a.missed = a.missed || !ok
	return value, ok
}

// noteTaken notes what a stage takes of contexts. One that begins with a context takes all of it.
func (u *uses) noteTaken(g *graph, s *stage) {
	if s.context != "" && s.index >= 0 {
		u.pathsOf(s.context).all = true
	}
	c, err := g.scopeOf(s.withoutImageEnv())
	if err != nil {
		return // it is told by those who need more than paths
	}
	for _, t := range c.taken {
		key, ok := g.contextOf(t.from)
		switch {
		case !ok:
		case t.known:
			u.pathsOf(key).add(t.path, t.added)
		default:
			u.pathsOf(key).all = true
		}
	}
}

// withoutImageEnv is a stage, and those that it is built on, without what its image gives to its environment.
func (s *stage) withoutImageEnv() *stage {
	out := *s
	out.config = Config{}
	if s.base != nil {
		out.base = s.base.withoutImageEnv()
	}
	return &out
}

// contextOf gives the key of the context that COPY --from or a mount names; "" is the main one. It isn't ok where that is a stage or an image.
func (g *graph) contextOf(from string) (key string, ok bool) {
	if from == "" {
		return "", true
	}
	if n, err := strconv.Atoi(from); err == nil && n >= 0 && n < len(g.stages) {
		return "", false
	}
	if _, isStage := g.byName[strings.ToLower(from)]; isStage {
		return "", false
	}
	key, ok = g.contexts[contextName(from)]
	return key, ok
}

func (u *uses) pathsOf(key string) *pathSet {
	if u.taken[key] == nil {
		u.taken[key] = &pathSet{}
	}
	return u.taken[key]
}

// takenOf gives what the Dockerfile takes of a context; name is "" for the main one.
func (u *uses) takenOf(name string) *pathSet {
	if set := u.taken[name]; set != nil && !u.opaque {
		return set
	}
	return &pathSet{all: u.opaque}
}

// patterns gives for each directory, by the name of its context, the patterns of what is taken of it; nil: all.
func (l *Local) patterns() map[string][]string {
	out := map[string][]string{}
	for name, d := range l.Dirs {
		if out[name] = d.include; d.none {
			out[name] = []string{}
		}
	}
	return out
}

// Comparable leaves out of a list of inputs, which an earlier version may have written, the files that the Dockerfile as it is takes nothing of: if
// it took them then, it is the Dockerfile that changed. What that version couldn't tell of a URL counts as it is now. now is the present list, and
// taken what Reading says.
func Comparable(was, now planner.Inputs, taken map[string][]string) (planner.Inputs, error) {
	matchers := map[string]*patternmatcher.PatternMatcher{}
	for name, patterns := range taken {
		if matchers[name] = nil; patterns == nil {
			continue
		}
		m, err := patternmatcher.New(patterns)
		if err != nil {
			return nil, err
		}
		matchers[name] = m
	}
	there, contexts := map[string]bool{}, map[string]string{}
	for _, i := range now {
		there[i.Name] = there[i.Name] || i.Kind == planner.InputFile
		if i.Kind == planner.InputContext {
			contexts[i.Name] = i.Value
		}
	}
	was = slices.Clone(was)
	for k, i := range was {
		if value, ok := contexts[i.Name]; ok && i.Kind == planner.InputContext && earlierState(i.Value, value) {
			was[k].Value = value
		}
	}
	return slices.DeleteFunc(was, func(i planner.Input) bool {
		if i.Kind != planner.InputFile || there[i.Name] {
			return false
		}
		context, file, named := strings.Cut(i.Name, ":")
		m, ok := matchers[context]
		if !named || !ok {
			m, file = matchers[""], i.Name
		}
		if m == nil {
			return false
		}
		in, err := m.MatchesOrParentMatches(file)
		return err == nil && !in
	}), nil
}
