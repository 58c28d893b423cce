package ocispec

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	ptypes "github.com/containerd/containerd/v2/pkg/protobuf/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/fairlead-dev/fairlead/executor/imageconfig"
	"github.com/fairlead-dev/fairlead/executor/mark"
	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

// samples has a value for each attribute of a container, other than what it is by default. recorded says that the host's objects don't
// show it, so that the applied spec in the record decides.
var samples = map[string]struct {
	set      func(*spec.Container)
	recorded bool
}{
	"image":        {set: func(c *spec.Container) { c.Image = spec.ImageRef{Name: "example.com/b:2", Digest: "sha256:2"} }},
	"platform":     {set: func(c *spec.Container) { c.Platform = "linux/arm/v7" }, recorded: true},
	"entrypoint":   {set: func(c *spec.Container) { c.Entrypoint, c.Command = []string{"/other"}, []string{"x"} }},
	"command":      {set: func(c *spec.Container) { c.Command = []string{"a b", ""} }},
	"env":          {set: func(c *spec.Container) { c.Env = map[string]string{"A": "1", "EMPTY": "", "FROM": "mine"} }},
	"working_dir":  {set: func(c *spec.Container) { c.WorkingDir = "/srv" }},
	"user":         {set: func(c *spec.Container) { c.User = "7:8" }},
	"groups":       {set: func(c *spec.Container) { c.Groups = []string{"29"} }},
	"hostname":     {set: func(c *spec.Container) { c.Hostname = "here" }},
	"tty":          {set: func(c *spec.Container) { c.TTY = true }},
	"labels":       {set: func(c *spec.Container) { c.Labels = map[string]string{"tier": "web", "maker": "me"} }},
	"annotations":  {set: func(c *spec.Container) { c.Annotations = map[string]string{"note": "x"} }},
	"network_mode": {set: func(c *spec.Container) { c.NetworkMode = spec.NetworkHost }},
	"mount": {set: func(c *spec.Container) {
		c.Mounts = []spec.Mount{{Target: "/data", Bind: "/srv", ReadOnly: true, Propagation: "rslave"}, {Target: "/run", Tmpfs: &spec.Tmpfs{Size: 1 << 20, Mode: "0700"}}}
	}},
	"security": {set: func(c *spec.Container) {
		c.Security = spec.Security{Seccomp: spec.SeccompUnconfined, NoNewPrivileges: true}
	}},
	"restart":      {set: func(c *spec.Container) { c.Restart = spec.Restart{Policy: spec.RestartOnFailure, Max: 3} }},
	"state":        {set: func(c *spec.Container) { c.State = spec.StatePaused }, recorded: true},
	"ready":        {set: func(c *spec.Container) { c.Ready = spec.ReadyCompleted }, recorded: true},
	"stop_signal":  {set: func(c *spec.Container) { c.StopSignal = "SIGINT" }},
	"stop_timeout": {set: func(c *spec.Container) { c.StopTimeout = 90 * time.Second }},
	"depends_on":   {set: func(c *spec.Container) { c.DependsOn = []spec.Addr{{Kind: spec.KindContainer, Name: "db"}} }, recorded: true},
	"runtime":      {set: func(c *spec.Container) { c.Runtime = "io.containerd.crun.v2" }},
	"snapshotter":  {set: func(c *spec.Container) { c.Snapshotter = "native" }},
	"lifecycle":    {set: func(c *spec.Container) { c.Lifecycle.PreventDestroy = true }},
}

// notOnTheHost are the attributes that no object of the host shows, and why.
var notOnTheHost = map[string]string{
	"env_file": "its lines are in env",
	"update":   "only the files say it",
}

// TestReadIsTheInverseOfBuild: each attribute that is written is read back as it was. And a record of something else that was asked
// for hides nothing: what the host's objects show is what is read.
func TestReadIsTheInverseOfBuild(t *testing.T) {
	for _, attr := range spec.AttributeNames(spec.KindContainer) {
		sample, ok := samples[attr]
		if !ok {
			if notOnTheHost[attr] == "" {
				t.Errorf("%s: no sample of it here: how is it written, and read back?", attr)
			}
			continue
		}
		t.Run(attr, func(t *testing.T) {
			plain := plainContainer()
			want := plainContainer()
			sample.set(want)
			equal(t, "as asked", want, readBack(t, want, want))
			if !sample.recorded {
				equal(t, "with another record", asArguments(want), asArguments(readBack(t, want, plain)))
			}
		})
	}
}

// TestImageLabels: an image can neither pass for fairlead nor break a container by a label that is too long for one.
func TestImageLabels(t *testing.T) {
	im := imageconfig.Config{Labels: map[string]string{"a": "b", "fairlead/owner": "x", "long": strings.Repeat("x", spec.MaxLabel)}}
	if d := cmp.Diff(map[string]string{"a": "b"}, mark.ImageLabels(im)); d != "" {
		t.Error(d)
	}
}

func plainContainer() *spec.Container {
	return &spec.Container{Name: "s-web", Image: spec.ImageRef{Name: "example.com/a:1", Digest: "sha256:1"}, NetworkMode: spec.NetworkNone, Platform: "linux/amd64",
		Restart: spec.Restart{Policy: spec.RestartNo}, State: spec.StateRunning, Ready: spec.ReadyStarted, Snapshotter: "overlayfs"}
}

// asArguments leaves out how arguments and users were asked for, which only the record tells.
func asArguments(c *spec.Container) *spec.Container {
	n := *c
	n.Command, n.Entrypoint = append(append([]string{}, n.Entrypoint...), n.Command...), nil
	return &n
}

const sampleID = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

var sampleImage = imageconfig.Config{Env: []string{"PATH=/bin", "FROM=image"}, Entrypoint: []string{"/entry"}, Cmd: []string{"run"}, Labels: map[string]string{"maker": "them"}}

// withRows is what a creation writes besides, for a mount, for labels and for the host's network.
var withRows = []string{"linux.rootfsPropagation", "annotations", `mounts["/etc/hosts"]`, `mounts["/etc/resolv.conf"]`}

// readBack writes a container as its creation does, and reads it with a record of asked. A difference between the two is a row's to
// tell: none of it is drift besides.
func readBack(t *testing.T, want, asked *spec.Container) *spec.Container {
	t.Helper()
	record, _, own := recordOf(t, want)
	other, askedUser, _ := recordOf(t, asked)
	w, err := Written(other)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Read(record, &mark.Applied{Spec: asked, Image: sampleImage, User: askedUser, Mounts: own, Written: w}, true, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range got.Drift {
		if !slices.ContainsFunc(withRows, func(p string) bool { return strings.HasPrefix(d.Path, p) }) {
			t.Errorf("drift: %s, from %#v to %#v", d.Path, d.Was, d.Is)
		}
	}
	return got.Spec
}

// recordOf gives the record that a creation writes, what the user comes to, and the targets that fairlead mounts by itself.
func recordOf(t testing.TB, want *spec.Container) (*containers.Container, specs.User, []string) {
	t.Helper()
	user := specs.User{AdditionalGids: []uint32{0}}
	if want.User != "" {
		user.UID, user.GID = 7, 8
	}
	if want.Groups != nil {
		user.AdditionalGids = []uint32{0, 29}
	}
	m := mark.Container{ID: sampleID, Want: want, Image: sampleImage, Namespace: "n", Hostname: "h", Dir: "/d",
		Owner: planner.Owner{Stack: "s", Addr: spec.Addr{Kind: spec.KindContainer, Name: "web"}}}
	m.LogURI = mark.LogURI(m.Dir, want.TTY)
	labels := m.Labels()
	delete(labels, mark.LabelPending)
	if labels[mark.RestartPolicy] != "" {
		labels[mark.RestartStatus] = "running"
	}
	s, own, err := Build(namespaces.WithNamespace(t.Context(), "n"), Container{ID: sampleID, Want: want, Image: sampleImage, User: user, Labels: labels, Host: Host{Seccomp: true, Files: HostFiles}})
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	runtime := want.Runtime
	if runtime == "" {
		runtime = spec.DefaultRuntime
	}
	return &containers.Container{ID: sampleID, Labels: labels, Image: want.Image.Name, Snapshotter: want.Snapshotter, SnapshotKey: sampleID,
		Runtime: containers.RuntimeInfo{Name: runtime}, Spec: &ptypes.Any{Value: b}}, user, own
}

func equal(t *testing.T, what string, want, got *spec.Container) {
	t.Helper()
	if d := cmp.Diff(want, got, cmpopts.IgnoreTypes(spec.Block{}), cmpopts.EquateEmpty()); d != "" {
		t.Errorf("%s (- written, + read):\n%s", what, d)
	}
}
