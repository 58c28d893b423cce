package spec

import (
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
)

// env reads env_file and env together: what env says counts.
func (d *decoder) env(attrs hcl.Attributes) map[string]string {
	out := map[string]string{}
	files, ats, _ := d.texts(attrs, "env_file")
	for i, f := range files {
		d.envFile(f, ats[i], out)
	}
	m := d.namedTexts(attrs, "env", "an environment variable")
	for k := range out {
		if _, over := m[k]; !over {
			d.markSensitive(element("env", k)) // such files are where secrets are kept
		}
	}
	maps.Copy(out, m)
	maps.DeleteFunc(out, func(k, _ string) bool { return d.block.Marks.Unknown[element("env", k)] }) // env_file has no say in these either
	if len(out) == 0 {
		return nil
	}
	return out
}

// namedTexts reads a map of values by the names that a process or a Dockerfile has for them; what has no such name is said and left out.
func (d *decoder) namedTexts(attrs hcl.Attributes, attr, what string) map[string]string {
	m, _ := d.textMap(attrs, attr)
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if k == "" || strings.Contains(k, "=") {
			d.fail(fault(d.elementAt(attrs[attr], k), "Bad name", "The name of %s is not empty and has no \"=\" in it.", what))
			delete(m, k)
		}
	}
	return m
}

// envFile reads lines like NAME=value; NAME alone takes the value of fairlead's own environment, if it has one.
func (d *decoder) envFile(path string, at hcl.Range, into map[string]string) {
	text, err := d.e.reads.text(path)
	if err != nil {
		d.fail(fault(at, "Unreadable file", "The file of environment variables cannot be read: %s.", err))
		return
	}
	d.e.budget.take(strings.Count(text, "\n")+len(text)/bytesPerStep, at)
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimLeft(strings.TrimSuffix(line, "\r"), " \t")
		if i == 0 {
			line = strings.TrimPrefix(line, "\ufeff")
		}
		if line == "" || line[0] == '#' {
			continue
		}
		k, v, set := strings.Cut(line, "=")
		if k == "" || strings.ContainsAny(k, " \t") || strings.ContainsRune(line, 0) || !utf8.ValidString(line) {
			d.fail(fault(at, "Bad line", "Line %d of %s is not like NAME=value.", i+1, path))
			continue
		}
		if !set {
			if v, set = variableIn(d.e.in.Environ, k); !set {
				continue
			}
		}
		into[k] = v
	}
}

// variableIn gives a variable of an environment, of NAME=value; of several of one name, the last.
func variableIn(environ []string, name string) (string, bool) {
	for _, kv := range slices.Backward(environ) {
		if k, v, ok := strings.Cut(kv, "="); ok && k == name {
			return v, true
		}
	}
	return "", false
}
