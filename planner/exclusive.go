package planner

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/fairlead-dev/fairlead/spec"
)

// exclusiveKind is a kind of thing that one running container has alone. A container that goes frees it, and one that comes claims it.
type exclusiveKind struct {
	name     string // for people
	values   func(*spec.Container) []string
	overlaps bool // two containers that are both replaced start-first have it at once for a while; else two can never have it
	coarse   bool // it stands for something that fairlead can't see, so nobody can tell whether two that have it need the same
}

// exclusiveKinds has every kind. The host network stands for the ports that a process listens on. A path is exclusive because a program
// may lock what it keeps there, or listen on a socket.
var exclusiveKinds = []*exclusiveKind{
	{name: "the name", values: func(c *spec.Container) []string { return []string{c.Name} }},
	{name: "the host network", values: hostNetworkOf, overlaps: true, coarse: true},
	{name: "the path", values: writtenBinds, overlaps: true},
}

func hostNetworkOf(c *spec.Container) []string {
	if c.NetworkMode == spec.NetworkHost {
		return []string{""}
	}
	return nil
}

func writtenBinds(c *spec.Container) []string {
	var out []string
	for _, mt := range c.Mounts {
		if mt.Bind != "" && !mt.ReadOnly {
			out = append(out, mt.Bind)
		}
	}
	return out
}

// exclusive is one thing that one running container has alone.
type exclusive struct {
	kind  *exclusiveKind
	value string
}

func (e exclusive) String() string { return strings.TrimSpace(e.kind.name + " " + e.value) }

// exclusives gives what a container has alone while it runs.
func exclusives(c *spec.Container) []exclusive {
	var out []exclusive
	for _, k := range exclusiveKinds {
		for _, v := range k.values(c) {
			out = append(out, exclusive{k, v})
		}
	}
	return out
}

// overlapping gives what of it two containers can have at once for a while. Most containers have nothing of that kind.
func overlapping(c *spec.Container) []exclusive {
	var out []exclusive
	for _, k := range exclusiveKinds {
		if k.overlaps {
			for _, v := range k.values(c) {
				out = append(out, exclusive{k, v})
			}
		}
	}
	return out
}

// common gives what both of two containers have alone.
func common(a, b *spec.Container) []exclusive {
	all := exclusives(b)
	return slices.DeleteFunc(exclusives(a), func(e exclusive) bool { return !slices.Contains(all, e) })
}

// conflicts gives what keeps two containers from running at once.
func conflicts(a, b *spec.Container) []exclusive {
	both := startsFirst(a) && startsFirst(b)
	return slices.DeleteFunc(common(a, b), func(e exclusive) bool { return both && e.kind.overlaps })
}

func startsFirst(c *spec.Container) bool { return c.Update.Strategy == spec.StartFirst }

// lacks tells whether a container doesn't have e. Nil has nothing.
func lacks(c *spec.Container, e exclusive) bool {
	return c == nil || !slices.Contains(exclusives(c), e)
}

// freed is the fact that nobody has e any more. beside is for a claimant that is replaced start-first: it doesn't wait for one that is,
// too.
func freed(e exclusive, beside bool) fact {
	if beside && e.kind.overlaps {
		return hostFact(factFreedBeside, e.String())
	}
	return hostFact(factFreed, e.String())
}

// freedByStop are the facts that the stop of a container gives that is removed.
func freedByStop(was *spec.Container) []fact {
	var out []fact
	for _, e := range exclusives(was) {
		out = append(out, freed(e, false))
		if e.kind.overlaps && !startsFirst(was) {
			out = append(out, freed(e, true))
		}
	}
	return out
}

// freedForOthers are the facts that the stop of a container gives if its successor, at its address, doesn't have what two can never have.
func freedForOthers(was, successor *spec.Container) []fact {
	var out []fact
	for _, e := range exclusives(was) {
		if !e.kind.overlaps && lacks(successor, e) {
			out = append(out, freed(e, false))
		}
	}
	return out
}

// claims are the facts that a container prefers before it starts. What its predecessor at its address has already, beside another container
// that is there, it doesn't wait for. was is that predecessor; nil: there is none.
func claims(want, was *spec.Container) []fact {
	var out []fact
	for _, e := range exclusives(want) {
		if e.kind.coarse || lacks(was, e) {
			out = append(out, freed(e, startsFirst(want)))
		}
	}
	return out
}

// listening is what of a container decides where it listens, as far as fairlead can tell: two for which it is equal listen on the same
// ports. It is "" for one that has nothing alone besides its name.
func listening(c *spec.Container) string {
	if c == nil || len(overlapping(c)) == 0 {
		return ""
	}
	return listensAs(c)
}

func listensAs(c *spec.Container) string {
	mounts, _ := json.Marshal(c.Mounts) // not %v: that shows where in memory a tmpfs is
	return fmt.Sprintf("%q %q %q %q %q %s", c.Entrypoint, c.Command, sortedPairs(c.Env), c.User, c.WorkingDir, mounts)
}

func sortedPairs(m map[string]string) []string {
	out := make([]string, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, k+"="+m[k])
	}
	return out
}
