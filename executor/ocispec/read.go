package ocispec

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/containerd/containerd/v2/core/containers"
	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/fairlead-dev/fairlead/executor/imageconfig"
	"github.com/fairlead-dev/fairlead/executor/mark"
	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

// Raw gives a record's OCI spec as JSON; nothing where it has none.
func Raw(r *containers.Container) []byte {
	if r.Spec == nil {
		return nil
	}
	return r.Spec.GetValue()
}

// Parse reads the part of a record's OCI spec that a container block can say.
func Parse(r *containers.Container) (*Spec, error) {
	var s Spec
	if r.Spec == nil {
		return nil, errors.New("it has no OCI spec")
	}
	if err := json.Unmarshal(r.Spec.GetValue(), &s); err != nil {
		return nil, fmt.Errorf("its OCI spec: %w", err)
	}
	return &s, nil
}

// Spec is the part of an OCI spec that a container block can say.
type Spec struct {
	Process struct {
		Terminal bool       `json:"terminal"`
		User     specs.User `json:"user"`
		Args     []string   `json:"args"`
		Env      []string   `json:"env"`
		Cwd      string     `json:"cwd"`

		NoNewPrivileges bool                `json:"noNewPrivileges"`
		Rlimits         []specs.POSIXRlimit `json:"rlimits"`
	} `json:"process"`
	Hostname    string            `json:"hostname"`
	Mounts      []specs.Mount     `json:"mounts"`
	Annotations map[string]string `json:"annotations"`
	Linux       struct {
		Namespaces []specs.LinuxNamespace `json:"namespaces"`
		Seccomp    *struct{}              `json:"seccomp"`
	} `json:"linux"`
}

// Read reads a container back, as a block would have to say it. a is what was asked for last: it decides where a block can say what is
// there in two ways, and only there. For a container that is not fairlead's, a has the image's config alone. up tells whether its process
// runs, and stopped whether somebody stopped it by hand.
func Read(r *containers.Container, a *mark.Applied, up, stopped bool) (*Reading, error) {
	s, err := Parse(r)
	if err != nil {
		return nil, err
	}
	was := a.Spec
	if was == nil {
		was = &spec.Container{State: spec.StateRunning}
		if !up {
			was.State = spec.StateStopped
		}
	}
	c := &spec.Container{Block: spec.Block{Addr: was.Addr, Marks: was.Marks}}
	c.Name = r.Labels[mark.NerdctlName]
	c.Image = spec.ImageRef{Addr: was.Image.Addr, Name: r.Image, Digest: r.Labels[mark.LabelDigest]}
	c.Platform = r.Labels[mark.NerdctlPlatform]
	if was.Platform != "" {
		c.Platform = was.Platform
	}
	c.Entrypoint, c.Command = readCommand(s.Process.Args, was, a.Image)
	if a.Spec == nil {
		s.Process.Env = imageconfig.LastOfEach(s.Process.Env)
	}
	slices.Reverse(s.Process.Env) // of two of one name, which somebody else wrote, the process sees the last
	c.Env = subtract(imageconfig.Variables(s.Process.Env), was.Env, imageconfig.Variables(imageEnv(a.Image, s.Process.Terminal)))
	if cwdOf(was, a.Image) == s.Process.Cwd {
		c.WorkingDir = was.WorkingDir
	} else if s.Process.Cwd != cwdOf(&spec.Container{}, a.Image) {
		c.WorkingDir = s.Process.Cwd
	}
	c.User, c.Groups = readUser(s.Process.User, was, a)
	c.NetworkMode = readNetworkMode(s, r.Labels)
	c.Hostname = readHostname(s, r.ID)
	c.TTY = s.Process.Terminal
	given := mark.ImageLabels(a.Image)
	if a.Spec == nil {
		maps.DeleteFunc(given, func(k, _ string) bool { _, there := r.Labels[k]; return !there }) // not every tool copies an image's labels
	}
	c.Labels = subtract(userLabels(r.Labels, was), was.Labels, given)
	c.Annotations = subtract(userLabels(s.Annotations, &spec.Container{}), was.Annotations, nil)
	c.Mounts = readMounts(s.Mounts, was, a)
	changed := changedSince(a.Written, r)
	security, lacks := s.readSecurity(was, a, changed)
	c.Security = security
	c.Restart = readRestart(r.Labels, was, up, stopped)
	c.State = was.State
	c.Ready = was.Ready
	if c.Ready == "" {
		c.Ready = spec.ReadyStarted
	}
	c.StopSignal, c.StopTimeout = readStop(r.Labels, was, a.Image)
	c.DependsOn = was.DependsOn
	c.Runtime = r.Runtime.Name
	if c.Runtime == spec.DefaultRuntime {
		c.Runtime = was.Runtime
	}
	c.Snapshotter = r.Snapshotter
	c.Update = was.Update
	c.Lifecycle = was.Lifecycle
	c.Lifecycle.PreventDestroy = r.Labels[mark.LabelProtect] == "true"
	return &Reading{c, lacks, changed.drift(was, c)}, nil
}

// Infer gives what was asked of a container that is not fairlead's, as far as its record shows it.
func Infer(r *containers.Container) (mark.Applied, error) {
	s, err := Parse(r)
	if err != nil {
		return mark.Applied{}, err
	}
	a := mark.Applied{User: s.Process.User}
	for _, m := range s.Mounts {
		if _, ok := readMount(m); ok && madeByDefault(m) {
			a.Mounts = append(a.Mounts, path.Clean(m.Destination))
		}
	}
	a.Written, err = Written(r)
	return a, err
}

// Reading is what a reading of a container shows.
type Reading struct {
	Spec  *spec.Container
	Lacks []string
	Drift []planner.Drift
}

// readCommand splits arguments into entrypoint and command, the way they were given if that still makes them.
func readCommand(args []string, was *spec.Container, im imageconfig.Config) ([]string, []string) {
	if slices.Equal(args, argsOf(was, im)) {
		return was.Entrypoint, was.Command
	}
	entry := im.Entrypoint
	if was.Entrypoint != nil {
		entry = was.Entrypoint
	}
	if n := len(entry); n <= len(args) && slices.Equal(args[:n], entry) {
		return was.Entrypoint, append([]string{}, args[n:]...)
	}
	if len(args) == 0 {
		return []string{}, nil
	}
	return args[:1], append([]string{}, args[1:]...)
}

// subtract takes from what is there what the image gave. What was set stays, though it be the same; what somebody took away is
// there as empty.
func subtract(live, set, image map[string]string) map[string]string {
	out := map[string]string{}
	for k, v := range live {
		_, asked := set[k]
		if given, ok := image[k]; asked || !ok || given != v {
			out[k] = v
		}
	}
	for k, v := range image {
		if _, there := live[k]; !there && v != "" {
			out[k] = ""
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// userLabels leaves out what is kept for what runs the container.
func userLabels(labels map[string]string, was *spec.Container) map[string]string {
	out := make(map[string]string, len(labels))
	for k, v := range labels {
		if _, asked := was.Labels[k]; asked || !mark.Reserved(k) {
			out[k] = v
		}
	}
	for k, v := range was.Labels {
		if _, there := out[k]; !there && v == "" {
			out[k] = "" // containerd stores no label without a value
		}
	}
	return out
}

// readUser says who the process is: as written, if that came to what is there.
func readUser(live specs.User, was *spec.Container, a *mark.Applied) (string, []string) {
	if a.Spec != nil && live.UID == a.User.UID && live.GID == a.User.GID {
		if slices.Equal(live.AdditionalGids, a.User.AdditionalGids) {
			return was.User, was.Groups
		}
		return was.User, groupsOf(live)
	}
	if a.Spec == nil && live.UID == 0 && live.GID == 0 && a.Image.User == "" {
		return "", nil
	}
	text := strconv.Itoa(int(live.UID)) + ":" + strconv.Itoa(int(live.GID))
	if a.Spec == nil && (a.Image.User == text || a.Image.User == strconv.Itoa(int(live.UID))) {
		return "", nil
	}
	return text, was.Groups
}

// groupsOf gives a process's groups beside its first.
func groupsOf(u specs.User) []string {
	var out []string
	for _, g := range u.AdditionalGids {
		if g != u.GID {
			out = append(out, strconv.Itoa(int(g)))
		}
	}
	slices.Sort(out)
	return out
}

// namespaceOf tells whether the process has a namespace of its own, and the path of the one that it joins.
func namespaceOf(s *Spec, kind specs.LinuxNamespaceType) (string, bool) {
	for _, n := range s.Linux.Namespaces {
		if n.Type == kind {
			return n.Path, true
		}
	}
	return "", false
}

func readNetworkMode(s *Spec, labels map[string]string) string {
	path, own := namespaceOf(s, specs.NetworkNamespace)
	switch {
	case !own:
		return spec.NetworkHost
	case path != "":
		return "ns:" + path
	}
	var named []string
	if err := json.Unmarshal([]byte(labels[mark.NerdctlNetworks]), &named); err == nil && len(named) > 0 && named[0] != spec.NetworkHost {
		return strings.Join(named, ",")
	}
	return spec.NetworkNone
}

func readHostname(s *Spec, id string) string {
	if _, own := namespaceOf(s, specs.UTSNamespace); !own || s.Hostname == mark.ShortID(id) {
		return ""
	}
	return s.Hostname
}

// readMounts leaves out what every container has.
func readMounts(live []specs.Mount, was *spec.Container, a *mark.Applied) []spec.Mount {
	asked := map[string]bool{}
	for _, m := range was.Mounts {
		asked[m.Target] = true
	}
	var out []spec.Mount
	for _, m := range live {
		r, ok := readMount(m)
		if !ok || !asked[r.Target] && (a.Spec == nil && madeByDefault(m) || a.Spec != nil && isDefaultMount(m) || slices.Contains(a.Mounts, r.Target)) {
			continue
		}
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b spec.Mount) int { return strings.Compare(a.Target, b.Target) })
	return out
}

// readRestart reads the policy. One that the monitor does not act on is none, if the process is meant to run. stopped is whether somebody
// stopped it by hand, to a monitor that leaves such alone.
func readRestart(labels map[string]string, was *spec.Container, up, stopped bool) spec.Restart {
	text := labels[mark.RestartPolicy]
	if text == "" && labels[mark.RestartStatus] != "" {
		text = spec.RestartAlways // what the monitor takes it for
	}
	word, count, _ := strings.Cut(text, ":")
	r := spec.Restart{Policy: word}
	r.Max, _ = strconv.Atoi(count)
	off := labels[mark.RestartStatus] != "running" || up && stopped
	if word == "" || mark.WantsRunning(was) && labels[mark.LabelPending] == "" && off {
		return spec.Restart{Policy: spec.RestartNo}
	}
	return r
}

func readStop(labels map[string]string, was *spec.Container, im imageconfig.Config) (string, time.Duration) {
	signal := was.StopSignal
	if live, ok := labels[mark.LabelStopSignal]; ok && live != mark.StopSignal(was.StopSignal, im.StopSignal) {
		signal = live
		if s, err := spec.ParseSignal(live); err == nil {
			signal = s
		}
		if was.StopSignal == "" && signal == mark.StopSignal("", im.StopSignal) {
			signal = ""
		}
	}
	timeout := was.StopTimeout
	if seconds, err := strconv.ParseInt(labels[mark.NerdctlStopTimeout], 10, 64); err == nil {
		asked := cmp.Or(was.StopTimeout, spec.DefaultStopTimeout)
		if seconds != mark.WholeSeconds(asked) {
			timeout = time.Duration(seconds) * time.Second
		}
	}
	return signal, timeout
}
