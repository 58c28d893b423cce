package mark

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/fairlead-dev/fairlead/executor/imageconfig"
	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

// What is on hosts must be read by every later version, and written as before: an upgrade changes nothing. So these are the labels, the
// extension and the mark of one container and one image record, byte for byte.
func TestWhatIsOnHostsStays(t *testing.T) {
	owner := planner.Owner{Stack: "shop", Addr: spec.Addr{Kind: spec.KindContainer, Name: "web"}}
	want := &spec.Container{Name: "shop-web", Image: spec.ImageRef{Name: "example.com/a:1", Digest: "sha256:1"}, Platform: "linux/amd64", NetworkMode: "none",
		Env: map[string]string{"PASSWORD": "s3cret"}, Labels: map[string]string{"tier": "web"}, StopTimeout: 1500 * time.Millisecond,
		Restart: spec.Restart{Policy: spec.RestartOnFailure, Max: 3}, Block: spec.Block{Lifecycle: spec.Lifecycle{PreventDestroy: true}}}
	im := imageconfig.Config{Env: []string{"PATH=/bin"}, Cmd: []string{"run"}, User: "app", StopSignal: "INT", Labels: map[string]string{"maker": "them", "nerdctl/name": "forged"}}
	c := Container{ID: "0123456789abcdef", Want: want, Owner: owner, Image: im, Namespace: "default", Hostname: "0123456789ab", Dir: "/d/shop/0123456789abcdef",
		LogURI: LogURI("/d/shop/0123456789abcdef", true)}
	if d := cmp.Diff(map[string]string{
		"containerd.io/restart.loguri":           "binary:///bin/sh?-c=exec+cat+%3C%263+%3E%3E%27%2Fd%2Fshop%2F0123456789abcdef%2Foutput.log%27+3%3C%26-+4%3C%26-+5%3E%26-",
		"containerd.io/restart.policy":           "on-failure:3",
		"fairlead/address":                       "container.web",
		"fairlead/image-digest":                  "sha256:1",
		"fairlead/owner":                         "0123456789abcdef",
		"fairlead/pending":                       "true",
		"fairlead/protect":                       "true",
		"fairlead/stack":                         "shop",
		"io.containerd.image.config.stop-signal": "SIGINT",
		"maker":                                  "them",
		"nerdctl/extraHosts":                     "[]",
		"nerdctl/hostname":                       "0123456789ab",
		"nerdctl/log-uri":                        "binary:///bin/sh?-c=exec+cat+%3C%263+%3E%3E%27%2Fd%2Fshop%2F0123456789abcdef%2Foutput.log%27+3%3C%26-+4%3C%26-+5%3E%26-",
		"nerdctl/name":                           "shop-web",
		"nerdctl/namespace":                      "default",
		"nerdctl/networks":                       "[\"none\"]",
		"nerdctl/platform":                       "linux/amd64",
		"nerdctl/state-dir":                      "/d/shop/0123456789abcdef",
		"nerdctl/stop-timeout":                   "2",
		"tier":                                   "web",
	}, c.Labels()); d != "" {
		t.Errorf("labels of a container (- on hosts, + now):\n%s", d)
	}
	a := Applied{Spec: want, Image: im, User: specs.User{UID: 1, GID: 2}, Mounts: []string{"/etc/hosts"}, Mark: Signer{namespace: "default", key: []byte("k")}.Sign(c.ID, owner),
		Origin: &planner.Origin{}, OwnNames: []string{"example.com/a:1"}, Written: &Written{Sum: "s", Rest: []byte("r")}}
	got, err := a.Encode()
	if d := cmp.Diff(`{"spec":{"addr":"","lifecycle":{"prevent_destroy":true},"name":"shop-web","image":{"addr":"","name":"example.com/a:1","digest":"sha256:1"},"platform":"linux/amd64","env":{"PASSWORD":""},"labels":{"tier":"web"},"network_mode":"none","restart":{"policy":"on-failure","max":3},"state":"","ready":"","stop_timeout":1500000000,"update":{"strategy":"","within":0,"rollback":false}},"image":{"env":["PATH=/bin"],"cmd":["run"],"user":"app","stop_signal":"INT","labels":{"maker":"them","nerdctl/name":"forged"}},"user":{"uid":1,"gid":2},"mounts":["/etc/hosts"],"mark":"980c179c8b01037b744536c1654c02c2a0c3be482928704e87648ad47ce077a4","origin":{},"own_names":["example.com/a:1"],"written":{"sum":"s","rest":"cg=="}}`, string(got)); d != "" || err != nil {
		t.Errorf("extension (- on hosts, + now): %v\n%s", err, d)
	}
	m := Image{Owner: owner, Platforms: map[string]int64{"linux/arm64": 2, "linux/amd64": 1}, Source: "src", Inputs: "sha256:2", TagOf: "example.com/a:1"}
	old := map[string]string{"kept": "yes", TagLabel("example.com/b:1"): "example.com/b:1", PushedLabel("example.com/c:1"): "sha256:1 example.com/c:1", "fairlead/other": "dropped"}
	for k, v := range OwnerLabels(owner, "example.com/a:2", true) {
		old[k] = v
	}
	if d := cmp.Diff(map[string]string{
		"containerd.io/gc.ref.content.fairlead-inputs": "sha256:2",
		"fairlead/address":                 "container.web",
		"fairlead/inputs":                  "sha256:2",
		"fairlead/owner":                   "example.com/a:2",
		"fairlead/platforms":               "linux/amd64=1,linux/arm64=2",
		"fairlead/pushed.0b7f8306a507a9ac": "sha256:1 example.com/c:1",
		"fairlead/source":                  "src",
		"fairlead/stack":                   "shop",
		"fairlead/tag-of":                  "example.com/a:1",
		"fairlead/tag.fa3e1626b6911c7b":    "example.com/b:1",
		"kept":                             "yes",
	}, m.Labels("example.com/a:2", old, true)); d != "" {
		t.Errorf("labels of an image record (- on hosts, + now):\n%s", d)
	}
}
