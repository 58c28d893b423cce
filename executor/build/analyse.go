package build

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"

	"github.com/fairlead-dev/fairlead/spec"
)

// uses is what a Dockerfile uses of what it is given, over all platforms.
type uses struct {
	block          *spec.Build
	host           string
	opaque         bool
	args           map[string]bool     // names that ARG declares, in a stage that is reached or above all
	contexts       map[string]bool     // named contexts, by their key in the block
	taken          map[string]*pathSet // of contexts, by the same key; "" is the main one
	bases          []Base
	runs           []Run
	sources        []Source
	onBuildUnknown bool // what the image that a stage begins with does there by ONBUILD isn't known
}

// analyse follows the stages that the target needs, for each platform.
func (f *dockerfile) analyse(b *spec.Build, o Options) (*uses, error) {
	u := &uses{block: b, host: o.Host, args: map[string]bool{}, contexts: map[string]bool{}, taken: map[string]*pathSet{}}
	foreign, err := u.noteFrontend(f)
	if err != nil {
		return nil, err
	}
	frontend := u.bases
	if f.text != nil {
		err = f.followStages(b, o, u)
	}
	if f.text == nil || (err != nil && foreign) {
		u.bases, u.runs, u.sources, err = frontend, nil, nil, nil
		u.assumeAllUsed(o.Platforms)
	}
	if u.onBuildUnknown {
		u.assumeAllUsed(o.Platforms)
	}
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(u.bases, func(a, b Base) int { return cmp.Compare(a.Line, b.Line) })
	slices.SortStableFunc(u.runs, func(a, b Run) int { return cmp.Compare(a.Line, b.Line) })
	return u, nil
}

// assumeAllUsed notes all that the block gives: a Dockerfile that cannot be read may use any of it.
func (u *uses) assumeAllUsed(platforms []string) {
	u.opaque = true
	for name := range u.block.Args {
		u.args[name] = true
	}
	for _, key := range slices.Sorted(maps.Keys(u.block.Contexts)) {
		for _, p := range platforms {
			u.noteContext(key, Base{Use: useFrom}, p)
		}
	}
}

// noteContext notes a named context; one that is an image is a base as well.
func (u *uses) noteContext(key string, b Base, platform string) {
	u.contexts[key] = true
	from := u.block.Contexts[key]
	b.Ref = from.Ref
	if !from.Image.IsZero() {
		b.Context = key
	}
	if b.Ref != "" || b.Context != "" {
		u.noteBase(b, platform)
	}
}

// noteFrontend notes the image that reads the Dockerfile in BuildKit's place, and tells whether its language may be another.
func (u *uses) noteFrontend(f *dockerfile) (foreign bool, err error) {
	name, line, use := "", 0, useSyntax
	if arg, ok := u.block.Args["BUILDKIT_SYNTAX"]; ok {
		name, _, _ = strings.Cut(strings.TrimSpace(arg), " ")
		use = useArg
	} else if word, _, at, ok := parser.DetectSyntax(f.text); ok {
		name, line = word, firstLine(at)
	}
	if name == "" {
		return false, nil
	}
	ref, err := spec.ParseReference(name)
	if err != nil {
		return false, f.faultf(line, "%s %s: it is no reference of an image", use, name)
	}
	u.noteBase(Base{Ref: ref, Line: line, Use: use}, u.host)
	standard := strings.HasPrefix(ref, "docker.io/docker/dockerfile:") || strings.HasPrefix(ref, "docker.io/docker/dockerfile@")
	return !standard, nil
}

// followStages reads the Dockerfile's language.
func (f *dockerfile) followStages(b *spec.Build, o Options, u *uses) error {
	if len(bytes.TrimSpace(f.text)) == 0 {
		return fmt.Errorf("%s: it is empty. It must have a FROM", f.path)
	}
	text, err := f.parse()
	if err != nil {
		return err
	}
	for _, a := range text.global {
		u.noteArgs(&a)
	}
	for _, platform := range o.Platforms {
		g, target, err := f.graphOf(text, b, o, platform)
		if err != nil {
			return err
		}
		visit := func(s *stage) error {
			if err := f.sendable(s); err != nil {
				return err
			}
			u.noteStage(s)
			u.noteTaken(g, s)
			if g.over != nil {
				return g.over
			}
			return u.noteSources(g, s)
		}
		if err := g.visitNeeded(target, map[*stage]bool{}, visit); err != nil {
			return err
		}
	}
	return nil
}

// sendable fails for an instruction that isn't UTF-8: the builder takes no other RUN, and writes something else into the image's config. Comments, and
// what COPY and ADD have in here-documents, may be anything.
func (f *dockerfile) sendable(s *stage) error {
	for _, c := range s.commands {
		text := ""
		if c, ok := c.(fmt.Stringer); ok {
			text = c.String()
		}
		if run, ok := c.(*instructions.RunCommand); ok {
			for _, file := range run.Files {
				text += file.Data
			}
		}
		if !utf8.ValidString(text) {
			return f.faultf(firstLine(c.Location()), "%s: it must be valid UTF-8, because the builder takes no other. Write the file anew in UTF-8", strings.ToUpper(c.Name()))
		}
	}
	return nil
}

// parsed is a Dockerfile in its parts.
type parsed struct {
	global []instructions.ArgCommand // before the first FROM
	stages []instructions.Stage
	escape rune
}

func (f *dockerfile) parse() (*parsed, error) {
	tree, err := parser.Parse(bytes.NewReader(f.text))
	if err != nil {
		return nil, f.parseFault(err)
	}
	if n := len(tree.AST.Children); n > maxInstructions {
		return nil, f.faultf(tree.AST.Children[maxInstructions].StartLine, "it has %d instructions, and %d are the limit", n, maxInstructions)
	}
	stages, global, err := instructions.Parse(tree.AST, nil)
	if err != nil {
		return nil, f.parseFault(err)
	}
	if len(stages) == 0 {
		return nil, fmt.Errorf("%s: there is no FROM in it", f.path)
	}
	return &parsed{global, stages, tree.EscapeToken}, nil
}

// graphOf gives the stages as they are built for one platform, and the one that is to be built.
func (f *dockerfile) graphOf(text *parsed, b *spec.Build, o Options, platform string) (g *graph, target *stage, err error) {
	contexts := map[string]string{}
	for key := range b.Contexts {
		contexts[contextName(key)] = key
	}
	g = &graph{file: f, block: b, lookup: o.BaseConfig, lex: &boundedLexer{Lex: shell.NewLex(text.escape)}, contexts: contexts, target: platform, byName: map[string]*stage{}}
	if g.args, err = f.globalArgs(text.global, g.lex, b, o.Host, platform, cmp.Or(b.Target, text.stages[len(text.stages)-1].Name)); err != nil {
		return nil, nil, err
	}
	for i := range text.stages {
		if err := g.addStage(&text.stages[i]); err != nil {
			return nil, nil, err
		}
	}
	target, err = g.targetStage(b.Target)
	return g, target, err
}

// noteStage notes what one stage uses.
func (u *uses) noteStage(s *stage) {
	b := Base{Ref: s.ref, Line: s.line, Use: s.use, Near: s.near, OnBuild: s.config.OnBuild, Opaque: s.config.Opaque}
	u.onBuildUnknown = u.onBuildUnknown || s.config.Opaque
	switch {
	case s.context != "":
		u.noteContext(s.context, b, s.platform)
	case s.ref != "":
		u.noteBase(b, s.platform)
	}
	for _, c := range s.commands {
		switch c := c.(type) {
		case *instructions.ArgCommand:
			u.noteArgs(c)
		case *instructions.RunCommand:
			if s.platform != u.host {
				u.noteRun(Run{Line: firstLine(c.Location()), Stage: s.displayName(), Text: c.String()}, s.platform)
			}
		}
	}
}

// noteSources notes what the ADDs of one stage take from servers.
func (u *uses) noteSources(g *graph, s *stage) error {
	found, err := g.remoteSources(s)
	for _, source := range found {
		if !slices.ContainsFunc(u.sources, func(have Source) bool { return have.URL == source.URL }) {
			u.sources = append(u.sources, source)
		}
	}
	return err
}

func (u *uses) noteArgs(c *instructions.ArgCommand) {
	for _, a := range c.Args {
		u.args[a.Key] = true
	}
}

// noteBase notes an image and a platform that is needed of it.
func (u *uses) noteBase(b Base, platform string) {
	i := slices.IndexFunc(u.bases, func(have Base) bool { return have.Ref == b.Ref && have.Context == b.Context })
	if i < 0 {
		i = len(u.bases)
		u.bases = append(u.bases, b)
	}
	have := &u.bases[i]
	have.Platforms, have.Opaque = withPlatform(have.Platforms, platform), have.Opaque || b.Opaque
	if have.OnBuild == nil {
		have.OnBuild = b.OnBuild
	}
	for _, trigger := range b.OnBuild { // those of another platform may be others
		if !slices.Contains(have.OnBuild, trigger) {
			have.OnBuild = append(slices.Clip(have.OnBuild), trigger)
		}
	}
}

func (u *uses) noteRun(r Run, platform string) {
	i := slices.IndexFunc(u.runs, func(have Run) bool { return have.Line == r.Line && have.Stage == r.Stage && have.Text == r.Text })
	if i < 0 {
		i = len(u.runs)
		u.runs = append(u.runs, r)
	}
	u.runs[i].Platforms = withPlatform(u.runs[i].Platforms, platform)
}

func withPlatform(all []string, p string) []string {
	if i, there := slices.BinarySearch(all, p); !there {
		return slices.Insert(all, i, p)
	}
	return all
}

// contextName is the form that BuildKit compares names of contexts in; "" for what can name none.
func contextName(s string) string {
	if s == scratch || s == mainContext {
		return ""
	}
	name, _ := spec.FamiliarName(s)
	return name
}
