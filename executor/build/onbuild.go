package build

import (
	"errors"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"github.com/fairlead-dev/fairlead/spec"
)

// Config is what an image gives to a stage that begins with it.
type Config struct {
	OnBuild  []string // instructions that are run first in the stage; nil: nobody asked
	Opaque   bool     // there may be such instructions, and nobody can tell which before the image is built
	Env      []string // NAME=VALUE
	EnvKnown bool
}

// trigger is an ONBUILD instruction.
type trigger struct {
	text string
	line int // where an error in it is shown: its own, or that of the FROM that brings it
}

// triggers are the ONBUILD instructions of a stage, for those that begin with it: they are not handed on further.
func (s *stage) triggers() []trigger {
	var out []trigger
	for _, c := range s.commands {
		if on, ok := c.(*instructions.OnbuildCommand); ok {
			out = append(out, trigger{on.Expression, firstLine(on.Location())})
		}
	}
	return out
}

// prepend puts ONBUILD instructions at the beginning of a stage, as BuildKit's initOnBuildTriggers does.
func (g *graph) prepend(s *stage, triggers []trigger) error {
	var out []instructions.Command
	for _, t := range triggers {
		tree, err := parser.Parse(strings.NewReader(t.text))
		if err != nil {
			return g.file.faultf(t.line, "ONBUILD %s: %w", t.text, withoutPosition(err))
		}
		for _, node := range tree.AST.Children {
			node.StartLine, node.EndLine = s.line, s.line
			cmd, err := instructions.ParseCommand(node)
			if err != nil {
				return g.file.faultf(t.line, "ONBUILD %s: %w", t.text, withoutPosition(err))
			}
			out = append(out, cmd)
		}
	}
	s.commands = append(out, s.commands...)
	return nil
}

// inherit finds out what a stage takes over from the image that it begins with, and puts that image's ONBUILD instructions first.
func (g *graph) inherit(s *stage) error {
	if s.inherited || s.index < 0 || !s.fromImage() {
		return nil
	}
	s.inherited = true
	var err error
	if s.config, err = g.configOf(s, false); err != nil {
		return err
	}
	triggers := make([]trigger, len(s.config.OnBuild))
	for i, text := range s.config.OnBuild {
		triggers[i] = trigger{text, s.line}
	}
	return g.prepend(s, triggers)
}

func (s *stage) fromImage() bool { return s.ref != "" || s.context != "" }

// configOf asks for what a stage takes over from the image that it begins with; with env, for its environment too.
func (g *graph) configOf(s *stage, env bool) (Config, error) {
	b := Base{Ref: s.ref, Platforms: []string{s.platform}, Line: s.line, Use: s.use, Near: s.near}
	if s.context != "" {
		from := g.block.Contexts[s.context]
		switch {
		case from.Layout != "":
			return layoutConfig(from.Layout, s.platform), nil
		case from.Dir != "", from.URL != "":
			return Config{EnvKnown: true}, nil
		case from.Ref != "":
			b.Ref = from.Ref
		default:
			b.Context = s.context
		}
	}
	if g.lookup == nil {
		return Config{}, nil
	}
	return g.lookup(b, env)
}

// Result tells what the image of a build will give to a stage that begins with it, as far as its Dockerfile says. o names one platform.
func Result(b *spec.Build, o Options, env bool) (Config, error) {
	o = o.withDefaults()
	main, err := locate("context", b.Context)
	if err != nil {
		return Config{}, err
	}
	file, err := findDockerfile(b, main)
	if err != nil {
		return Config{}, err
	}
	if file.text == nil {
		return Config{Opaque: true}, nil
	}
	u := &uses{block: b}
	foreign, err := u.noteFrontend(file)
	if err != nil {
		return Config{}, err
	}
	text, err := file.parse()
	if err != nil && foreign {
		return Config{Opaque: true}, nil
	}
	if err != nil {
		return Config{}, err
	}
	g, s, err := file.graphOf(text, b, o, o.Platforms[0])
	if err != nil {
		return Config{}, err
	}
	if s.context != "" && len(s.commands) == 0 { // it is in the place of the whole stage, which hands on no trigger
		c, err := g.configOf(s, env)
		c.OnBuild, c.Opaque = []string{}, false
		return c, err
	}
	c := Config{OnBuild: []string{}}
	for _, t := range s.triggers() {
		c.OnBuild = append(c.OnBuild, t.text)
	}
	if !env {
		return c, nil
	}
	root := s.root()
	if err := g.inherit(root); err != nil {
		return c, err
	}
	if root.fromImage() && !root.config.EnvKnown {
		if root.config, err = g.configOf(root, true); err != nil {
			return c, err
		}
	}
	scope, err := g.scopeOf(s)
	c.Env, c.EnvKnown = scope.env, !scope.open
	return c, err
}

// withoutPosition is an error of BuildKit's parser without its position, which is one in the trigger.
func withoutPosition(err error) error {
	if at, ok := errors.AsType[*parser.LocationError](err); ok {
		return at.Unwrap()
	}
	return err
}
