package ocispec

import (
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/containerd/containerd/v2/core/containers"
	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"github.com/fairlead-dev/fairlead/executor/mark"
	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

// Written describes a record as it is written now.
func Written(r *containers.Container) (*mark.Written, error) {
	rest, err := remainder(r)
	if err != nil {
		return nil, err
	}
	b, err := json.Marshal(rest)
	if err != nil {
		return nil, err
	}
	var buf bytes.Buffer
	w, err := flate.NewWriter(&buf, flate.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(b); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return &mark.Written{Sum: recordSum(r), Rest: buf.Bytes()}, nil
}

// maxRemainder bounds what is read of a record that somebody else may have written.
const maxRemainder = 8 << 20

// inflate reads the remainder that was noted.
func inflate(w *mark.Written) (map[string]any, error) {
	b, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(w.Rest)), maxRemainder))
	if err != nil {
		return nil, err
	}
	var out map[string]any
	return out, json.Unmarshal(b, &out)
}

func recordSum(r *containers.Container) string {
	h := sha256.New()
	optionsType, options := runtimeOptions(r)
	for _, part := range [][]byte{Raw(r), []byte(optionsType), options, []byte(r.SnapshotKey)} {
		fmt.Fprintf(h, "%d ", len(part))
		h.Write(part)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// runtimeOptions gives a record's options for its runtime, with their type; none where there are none.
func runtimeOptions(r *containers.Container) (string, []byte) {
	if o := r.Runtime.Options; o != nil {
		return o.GetTypeUrl(), o.GetValue()
	}
	return "", nil
}

// remainder gives what no row of planner's table reads of a record, as JSON has it. What is long is there as a digest, and lists whose
// elements have names are objects, so that a difference is told by the name.
func remainder(r *containers.Container) (map[string]any, error) {
	var out map[string]any
	d := json.NewDecoder(bytes.NewReader(Raw(r)))
	d.UseNumber()
	if err := d.Decode(&out); err != nil {
		return nil, err
	}
	process, linux := member(out, "process"), member(out, "linux")
	for _, k := range []string{"terminal", "args", "env", "cwd"} {
		delete(process, k)
	}
	user := member(process, "user")
	for _, k := range []string{"uid", "gid", "additionalGids"} {
		delete(user, k)
	}
	if profile, ok := linux["seccomp"]; ok && profile != nil {
		linux["seccomp"] = digestOf(profile)
	}
	linux["namespaces"] = byName(linux["namespaces"], "type")
	namespaces := member(linux, "namespaces")
	delete(namespaces, string(specs.NetworkNamespace))
	if _, own := namespaces[string(specs.UTSNamespace)]; own {
		delete(out, "hostname") // which no row reads without it
	}
	out["mounts"] = byName(out["mounts"], "destination")
	maps.DeleteFunc(member(out, "annotations"), func(k string, _ any) bool { return !mark.Reserved(k) })
	if r.SnapshotKey != "" {
		out["snapshot_key"] = r.SnapshotKey
	}
	if kind, options := runtimeOptions(r); len(options) > 0 {
		out["runtime_options"] = digestOf(kind + " " + string(options))
	}
	return out, nil
}

// member gives an object in an object; an empty one that is in none where there is no such.
func member(of map[string]any, k string) map[string]any {
	if m, ok := of[k].(map[string]any); ok {
		return m
	}
	return map[string]any{}
}

// byName makes an object of a list of objects; what is no such list stays.
func byName(v any, key string) any {
	list, ok := v.([]any)
	if !ok {
		return v
	}
	out := make(map[string]any, len(list))
	for _, el := range list {
		o, ok := el.(map[string]any)
		name, named := o[key].(string)
		if !ok || !named {
			return v
		}
		if key == "destination" {
			name = path.Clean(name)
		}
		if _, twice := out[name]; twice {
			return v
		}
		delete(o, key)
		if out[name] = o; len(o) == 0 {
			out[name] = true // there, and there is nothing to say of it
		}
	}
	return out
}

func digestOf(v any) string {
	b, _ := json.Marshal(v) // it came from JSON
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// change is what somebody else did to a record: nothing, where its sum is as it was.
type change struct {
	was, is map[string]any
}

// changedSince compares a record with what fairlead wrote of it; nil where nothing was changed, or nothing is known of it.
func changedSince(w *mark.Written, r *containers.Container) *change {
	if w == nil || w.Sum == recordSum(r) {
		return nil
	}
	was, err := inflate(w)
	if err != nil {
		return nil // an extension that somebody wrote into
	}
	is, err := remainder(r)
	if err != nil {
		return nil
	}
	return &change{was, is}
}

// drift gives the differences that no row shows, by path. asked and read are the two sides that rows compare.
func (c *change) drift(asked, read *spec.Container) []planner.Drift {
	if c == nil {
		return nil
	}
	for _, side := range []map[string]any{c.was, c.is} {
		delete(member(side, "process"), "noNewPrivileges")
		if (asked.NetworkMode == spec.NetworkHost) != (read.NetworkMode == spec.NetworkHost) { // which takes the host's name with it
			delete(side, "hostname")
			delete(member(member(side, "linux"), "namespaces"), string(specs.UTSNamespace))
		}
	}
	leaveUnread(member(c.was, "mounts"), member(c.is, "mounts"), asked.Mounts, read.Mounts)
	if was, is := member(c.was, "linux"), member(c.is, "linux"); (was["seccomp"] == nil) != (is["seccomp"] == nil) {
		delete(was, "seccomp")
		delete(is, "seccomp")
	}
	return differences("", c.was, c.is)
}

// leaveUnread takes from mounts what rows read of them: one that is on one side alone or of another kind, and else all but some options.
func leaveUnread(was, is map[string]any, asked, read []spec.Mount) {
	sides := map[string]int{}
	for _, m := range slices.Concat(asked, read) {
		sides[m.Target]++
	}
	for target, n := range sides {
		w, i := member(was, target), member(is, target)
		if n < 2 || w["type"] != i["type"] {
			delete(was, target)
			delete(is, target)
			continue
		}
		for _, m := range []map[string]any{w, i} {
			delete(m, "source")
			options, _ := m["options"].([]any)
			m["options"] = slices.DeleteFunc(options, readOption(m["type"]))
		}
	}
}

// readOption tells which options readMount reads of a kind of mount, and their opposites.
func readOption(kind any) func(any) bool {
	return func(option any) bool {
		s, _ := option.(string)
		return slices.Contains(readOptions, s) || kind == "tmpfs" && (strings.HasPrefix(s, "size=") || strings.HasPrefix(s, "mode="))
	}
}

var readOptions = []string{"ro", "rw", "rprivate", "private", "rshared", "shared", "rslave", "slave"}

// differences goes down two values side by side. Lists differ as a whole.
func differences(at string, was, is any) []planner.Drift {
	w, wasObject := was.(map[string]any)
	i, isObject := is.(map[string]any)
	if !wasObject && was != nil || !isObject && is != nil || !wasObject && !isObject {
		if equalJSON(was, is) {
			return nil
		}
		return []planner.Drift{{Path: at, Was: jsonValue(was), Is: jsonValue(is)}}
	}
	keys := map[string]bool{}
	for _, side := range []map[string]any{w, i} {
		for k := range side {
			keys[k] = true
		}
	}
	var out []planner.Drift
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		out = append(out, differences(planner.Member(at, k), w[k], i[k])...)
	}
	return out
}

// equalJSON compares values of JSON, in which nothing, null and an empty list are one.
func equalJSON(a, b any) bool {
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	none := func(j []byte) bool { return string(j) == "null" || string(j) == "[]" }
	return bytes.Equal(x, y) || none(x) && none(y)
}

// jsonValue is a value for people: a number that is too long for one stays its digits.
func jsonValue(v any) cty.Value {
	if v == nil {
		return cty.NullVal(cty.String)
	}
	b, err := json.Marshal(v)
	if err != nil {
		return cty.NullVal(cty.String)
	}
	if t, err := ctyjson.ImpliedType(b); err == nil {
		if out, err := ctyjson.Unmarshal(b, t); err == nil {
			return out
		}
	}
	return cty.StringVal(strconv.Quote(string(b)))
}
