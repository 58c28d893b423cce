package build

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
	"github.com/moby/buildkit/util/suggest"

	"github.com/fairlead-dev/fairlead/spec"
)

// scratch is the base that is nothing.
const scratch = "scratch"

// What names an image, for Base.Use.
const (
	useFrom   = "FROM"
	useCopy   = "COPY --from"
	useMount  = "RUN --mount"
	useSyntax = "# syntax"
	useArg    = "arg BUILDKIT_SYNTAX"
)

// stage is a stage of the Dockerfile as it is built for one platform; or what COPY and RUN name that is no stage.
type stage struct {
	name        string // "" for one that only has a number
	index       int    // -1 for what is no stage
	line        int
	use         string
	base        *stage
	ref         string // normalised reference of the image that it begins with; "" where another stage, a named context or nothing is it
	near        string // a stage whose name is like that of ref
	context     string // the named context that stands for it or that it begins with, by its key in the block
	platform    string
	commands    []instructions.Command
	sources     []*stage
	config      Config // of the image that it begins with
	inherited   bool   // config was asked for, and its triggers are among the commands
	askedForEnv bool   // its environment was asked for
}

// displayName is the stage for people.
func (s *stage) displayName() string {
	if s.name != "" {
		return s.name
	}
	return strconv.Itoa(s.index)
}

// graph is the stages of a Dockerfile for one platform.
type graph struct {
	file     *dockerfile
	block    *spec.Build
	lookup   func(Base, bool) (Config, error) // may be nil
	lex      *boundedLexer
	over     error           // the limit that was met, with its place
	args     shell.EnvGetter // those before the first FROM, and those that BuildKit sets
	contexts map[string]string
	target   string // platform
	stages   []*stage
	byName   map[string]*stage
}

// addStage takes the next stage in, as BuildKit's buildDispatchStates does.
func (g *graph) addStage(st *instructions.Stage) error {
	s := &stage{name: st.Name, index: len(g.stages), line: firstLine(st.Location), use: useFrom, platform: g.target, commands: st.Commands}
	baseName, err := g.expandGlobal(s.line, st.BaseName)
	if err != nil {
		return err
	}
	if baseName == "" {
		return g.file.faultf(s.line, "FROM %s: the name is empty: give the ARG a default, or set it in args", st.BaseName)
	}
	if st.Platform != "" {
		if s.platform, err = g.stagePlatform(s.line, st.Platform); err != nil {
			return err
		}
	}
	if key, ok := g.contexts[st.Name]; ok && st.Name != "" {
		s.context, s.commands = key, nil // the context is put in the stage's place
	} else if err := g.setBase(s, baseName); err != nil {
		return err
	}
	g.stages = append(g.stages, s)
	if s.name != "" {
		g.byName[s.name] = s
	}
	return nil
}

// setBase sets what a stage is built on: a stage above, nothing, a named context or an image.
func (g *graph) setBase(s *stage, baseName string) error {
	base, ok := g.byName[baseName]
	switch {
	case ok:
		s.base, s.platform = base, base.platform
		return g.prepend(s, base.triggers())
	case baseName == scratch:
		s.platform = g.target
		return nil
	}
	return g.setImage(s, baseName)
}

// setImage lets a stage begin with an image, or with the named context that has the image's name.
func (g *graph) setImage(s *stage, name string) error {
	ref, err := spec.ParseReference(name)
	if err != nil {
		return g.file.faultf(s.line, "%s %s: it is no stage above, and no reference of an image.%s", s.use, name, suggestion(name, g.stageNames()))
	}
	if key, ok := g.contexts[contextName(name)]; ok {
		s.context = key
		return nil
	}
	s.ref = ref
	s.near, _ = suggest.Search(name, g.stageNames(), true)
	return nil
}

func (g *graph) stagePlatform(line int, text string) (string, error) {
	word, err := g.expandGlobal(line, text)
	if err != nil {
		return "", err
	}
	if word == "" {
		return "", g.file.faultf(line, "--platform=%s: it is empty: give the ARG a default, or set it in args", text)
	}
	p, err := spec.ParsePlatform(word)
	if err != nil {
		return "", g.file.faultf(line, "--platform=%s: %w", text, err)
	}
	return p, nil
}

func (g *graph) expandGlobal(line int, word string) (string, error) {
	out, err := g.lex.ProcessWordWithMatches(word, g.args)
	if err != nil {
		return "", g.file.faultf(line, "%s: %w", word, err)
	}
	return out.Result, nil
}

// findSources finds the stages and images that a stage copies and mounts from.
func (g *graph) findSources(s *stage) error {
	for _, c := range s.commands {
		switch c := c.(type) {
		case *instructions.CopyCommand:
			if c.From == "" {
				continue
			}
			if err := g.addSource(s, useCopy, c.From, firstLine(c.Location())); err != nil {
				return err
			}
		case *instructions.RunCommand:
			for _, m := range instructions.GetMounts(c) {
				if m.From == "" {
					continue
				}
				if err := g.addSource(s, useMount, m.From, firstLine(c.Location())); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (g *graph) addSource(s *stage, use, from string, line int) error {
	if strings.Contains(from, "$") {
		return g.file.faultf(line, "%s=%s: no variable is expanded here: write FROM %s AS a stage of its own, with the ARG above all stages", use, from, from)
	}
	if n, err := strconv.Atoi(from); err == nil && use == useCopy {
		if n < 0 || n >= len(g.stages) {
			return g.file.faultf(line, "%s=%d: there is no such stage: they count from 0 to %d", use, n, len(g.stages)-1)
		}
		return g.addStageSource(s, g.stages[n], use, from, line)
	}
	if of, ok := g.byName[strings.ToLower(from)]; ok {
		return g.addStageSource(s, of, use, from, line)
	}
	out := &stage{index: -1, line: line, use: use, platform: g.target}
	if from != scratch {
		if err := g.setImage(out, from); err != nil {
			return err
		}
	}
	s.sources = append(s.sources, out)
	return nil
}

// addStageSource notes that s takes from another stage, which must be above it.
func (g *graph) addStageSource(s, of *stage, use, from string, line int) error {
	if of.index >= s.index {
		return g.file.faultf(line, "%s=%s: stage %s begins at line %d: a stage can be taken from only by those below it", use, from, of.displayName(), of.line)
	}
	s.sources = append(s.sources, of)
	return nil
}

// targetStage gives the stage that is to be built.
func (g *graph) targetStage(target string) (*stage, error) {
	if target == "" {
		return g.stages[len(g.stages)-1], nil
	}
	if s, ok := g.byName[strings.ToLower(target)]; ok {
		return s, nil
	}
	hint := suggestion(target, g.stageNames())
	if hint == "" && len(g.byName) > 0 {
		hint = fmt.Sprintf(" There is %s.", strings.Join(g.stageNames(), ", "))
	}
	if hint == "" {
		hint = " None of its stages has a name: write FROM … AS " + target + "."
	}
	return nil, g.file.faultf(0, "target %q: there is no such stage.%s", target, hint)
}

func (g *graph) stageNames() []string {
	var out []string
	for _, s := range g.stages {
		if s.name != "" {
			out = append(out, s.name)
		}
	}
	return out
}

// visitNeeded calls visit for s and for all that it needs, each once, and for what is needed before what needs it.
func (g *graph) visitNeeded(s *stage, seen map[*stage]bool, visit func(*stage) error) error {
	if seen[s] {
		return nil
	}
	seen[s] = true
	if err := g.inherit(s); err != nil {
		return err
	}
	if s.base != nil {
		if err := g.visitNeeded(s.base, seen, visit); err != nil {
			return err
		}
	}
	if err := g.findSources(s); err != nil {
		return err
	}
	for _, of := range s.sources {
		if err := g.visitNeeded(of, seen, visit); err != nil {
			return err
		}
	}
	return visit(s)
}
