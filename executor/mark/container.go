package mark

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fairlead-dev/fairlead/executor/imageconfig"
	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

// Container is what the labels of a container's record are made of.
type Container struct {
	ID        string
	Want      *spec.Container
	Owner     planner.Owner
	Image     imageconfig.Config
	Namespace string
	Hostname  string // of the process
	Dir       string // of fairlead's files of this container
	LogURI    string
}

// Labels gives all labels of a new container. The image's come first, so that none of them can pass for another.
func (c Container) Labels() map[string]string {
	out := map[string]string{}
	maps.Copy(out, ImageLabels(c.Image))
	maps.Copy(out, c.Want.Labels)
	maps.Copy(out, c.fixedLabels())
	maps.Copy(out, c.mutableLabels())
	maps.Copy(out, OwnerLabels(c.Owner, c.ID, c.Want.Lifecycle.PreventDestroy))
	out[LabelPending] = "true"
	if c.Want.Image.Digest != "" {
		out[LabelDigest] = c.Want.Image.Digest
	}
	return out
}

// ImageLabels gives the labels of an image that a container's record gets. Reserved ones are left out, and those that are too long
// for containerd, as build tools write them.
func ImageLabels(im imageconfig.Config) map[string]string {
	out := map[string]string{}
	for k, v := range im.Labels {
		if k != "" && !Reserved(k) && len(k)+len(v) <= spec.MaxLabel {
			out[k] = v
		}
	}
	return out
}

// fixedLabels are those that nerdctl reads, and that stay as long as the container lives.
func (c Container) fixedLabels() map[string]string {
	networks, _ := json.Marshal([]string{c.Want.NetworkMode})
	return map[string]string{
		NerdctlNamespace:  c.Namespace,
		NerdctlPlatform:   c.Want.Platform,
		NerdctlHostname:   c.Hostname,
		NerdctlNetworks:   string(networks),
		NerdctlExtraHosts: "[]",
		NerdctlStateDir:   c.Dir,
		NerdctlLogURI:     c.LogURI,
	}
}

// mutableLabels are those that a relabel can change, besides the owner's. The restart monitor is switched on once the container is ready.
func (c Container) mutableLabels() map[string]string {
	timeout := cmp.Or(c.Want.StopTimeout, spec.DefaultStopTimeout)
	out := map[string]string{
		NerdctlName:        c.Want.Name,
		NerdctlStopTimeout: strconv.FormatInt(WholeSeconds(timeout), 10),
		LabelStopSignal:    StopSignal(c.Want.StopSignal, c.Image.StopSignal),
	}
	if c.Want.Restart.Policy != "" && c.Want.Restart.Policy != spec.RestartNo {
		out[RestartPolicy] = c.Want.Restart.String()
		out[RestartLog] = c.LogURI
	}
	return out
}

// WholeSeconds rounds up: nerdctl knows no parts of a second.
func WholeSeconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }

// StopSignal is the signal that ends a container's process: the one that is wanted, else the image's.
func StopSignal(wanted, images string) string {
	if wanted != "" {
		return wanted
	}
	if s, err := spec.ParseSignal(images); err == nil {
		return s
	}
	return "SIGTERM"
}

// Reserved tells whether a label is kept for what runs the container.
func Reserved(k string) bool {
	return slices.ContainsFunc(spec.Reserved, func(prefix string) bool { return strings.HasPrefix(k, prefix) })
}

// WithoutForged takes from the labels of a container that is not fairlead's those that its image gave in the name of fairlead, nerdctl or
// containerd. One of them says where its log goes, which may be a program that is run on the host.
func WithoutForged(live, image map[string]string) map[string]string {
	out := maps.Clone(live)
	maps.DeleteFunc(out, func(k, v string) bool { return Reserved(k) && image[k] == v })
	return out
}

// Relabel gives the labels to change on a container that has the labels live, and as empty those to take away.
func (c Container) Relabel(live map[string]string) map[string]string {
	wanted := ImageLabels(c.Image)
	maps.Copy(wanted, c.Want.Labels)
	for k, v := range c.fixedLabels() {
		if live[k] == "" { // what another tool wrote of its own files stays true
			wanted[k] = v
		}
	}
	if uri := live[NerdctlLogURI]; uri != "" {
		c.LogURI = uri
	}
	maps.Copy(wanted, c.mutableLabels())
	maps.Copy(wanted, OwnerLabels(c.Owner, c.ID, c.Want.Lifecycle.PreventDestroy))
	if c.Want.Image.Digest != "" {
		wanted[LabelDigest] = c.Want.Image.Digest
	}
	c.setMonitor(live, wanted)
	for k := range live {
		if _, stays := wanted[k]; !stays && (!Reserved(k) || k == LabelProtect) {
			wanted[k] = ""
		}
	}
	maps.DeleteFunc(wanted, func(k, v string) bool { return live[k] == v })
	return wanted
}

// WantsRunning tells whether a container's process is to run.
func WantsRunning(c *spec.Container) bool { return c.State == spec.StateRunning || c.State == "" }

// setMonitor has the restart monitor look after the container, or leave it alone, as its policy and its state ask for.
func (c Container) setMonitor(live, wanted map[string]string) {
	policy := wanted[RestartPolicy] != ""
	on := policy && WantsRunning(c.Want) && live[LabelPending] == ""
	if on {
		wanted[RestartStatus] = "running"
		wanted[RestartStopped] = ""
		return
	}
	wanted[RestartStatus] = ""
	if !policy {
		wanted[RestartPolicy], wanted[RestartLog], wanted[RestartCount], wanted[RestartStopped] = "", "", "", ""
	}
}
