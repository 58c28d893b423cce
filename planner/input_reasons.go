package planner

import (
	"cmp"
	"slices"
	"strings"
)

// namedAtMost is how many files a reason names before it counts the rest.
const namedAtMost = 2

// longestValue is how much of an argument's value a reason shows.
const longestValue = 60

// WhyBuild says what of an image's inputs changed, clause by clause: "app/main.go changed, 2 files added".
func WhyBuild(before, after Inputs) []string {
	old := make(map[Input]string, len(before)) // by kind and name
	for _, i := range before {
		old[Input{Kind: i.Kind, Name: i.Name}] = i.Value
	}
	var changed, added, removed []string
	var clauses []string
	dockerfile, at := "", 0 // the clause about it
	for _, i := range after {
		key := Input{Kind: i.Kind, Name: i.Name}
		was, there := old[key]
		delete(old, key)
		switch {
		case there && was == i.Value:
		case i.Kind != InputFile:
			if i.Kind == InputDockerfile {
				dockerfile, at = i.Name, len(clauses)
			}
			clauses = append(clauses, inputReason(i.Kind, i.Name, was, i.Value, there, true))
		case there:
			changed = append(changed, i.Name)
		default:
			added = append(added, i.Name)
		}
	}
	if dockerfile != "" && slices.Contains(changed, dockerfile) { // it is in the context, too
		clauses = slices.Delete(clauses, at, at+1)
	}
	for _, i := range before {
		if _, gone := old[Input{Kind: i.Kind, Name: i.Name}]; !gone {
			continue
		}
		if i.Kind == InputFile {
			removed = append(removed, i.Name)
		} else {
			clauses = append(clauses, inputReason(i.Kind, i.Name, i.Value, "", true, false))
		}
	}
	var files []string
	for _, f := range []struct {
		names []string
		what  string
	}{{changed, "changed"}, {added, "added"}, {removed, "removed"}} {
		if len(f.names) > 0 {
			files = append(files, filesText(f.names)+" "+f.what)
		}
	}
	if len(files) > 0 {
		clauses = append([]string{strings.Join(files, ", ")}, clauses...)
	}
	return clauses
}

func filesText(names []string) string {
	if len(names) <= namedAtMost {
		return strings.Join(names, " and ")
	}
	return Count(len(names), "file")
}

// inputReason says how one input that is no file differs.
func inputReason(kind InputKind, name, was, is string, before, after bool) string {
	switch kind {
	case InputDockerfile:
		return cmp.Or(name, "the Dockerfile") + " changed"
	case InputBase:
		if before && after {
			return "base " + familiar(name) + " moved " + shortDigest(was) + " → " + shortDigest(is)
		}
	case InputSource:
		if before && after {
			return name + " moved " + shortSource(was) + " → " + shortSource(is)
		}
	case InputSecret:
		if before && after {
			return "secret " + name + " changed"
		}
	case InputContext:
		if before && after {
			return "context " + name + " changed"
		}
	case InputPlatform:
		if after {
			return "platform " + name + " added"
		}
		return "platform " + name + " removed"
	}
	label := string(kind) + " " + name
	if kind == InputOption {
		label = name
	}
	switch {
	case !before && kind == InputArg, !before && kind == InputOption:
		return label + ": unset → " + valueText(is)
	case !after && kind == InputArg, !after && kind == InputOption:
		return label + ": " + valueText(was) + " → unset"
	case !before:
		return label + " added"
	case !after:
		return label + " removed"
	}
	return label + ": " + valueText(was) + " → " + valueText(is)
}

// shortSource shortens a digest or a commit.
func shortSource(s string) string {
	if strings.HasPrefix(s, "sha256:") {
		return shortDigest(s)
	}
	return s[:min(len(s), 12)]
}

func valueText(s string) string {
	if strings.HasPrefix(s, "sha256:") {
		return shortDigest(s)
	}
	if r := []rune(s); len(r) > longestValue {
		s = string(r[:longestValue]) + "…"
	}
	if s == "" {
		return `""`
	}
	return strings.ReplaceAll(s, "\n", `\n`)
}
