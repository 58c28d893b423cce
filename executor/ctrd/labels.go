package ctrd

import (
	"encoding/json"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/fairlead-dev/fairlead/executor/imageconfig"
	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

// marking is what a container's labels are made of.
type marking struct {
	id        string
	want      *spec.Container
	owner     planner.Owner
	image     imageconfig.Config
	namespace string
	hostname  string // of the process
	dir       string // of fairlead's files of this container
	logURI    string
}

// labels gives all labels of a new container. The image's come first, so that none of them can pass for another.
func (m marking) labels() map[string]string {
	out := map[string]string{}
	maps.Copy(out, imageLabels(m.image))
	maps.Copy(out, m.want.Labels)
	maps.Copy(out, m.nerdctl())
	maps.Copy(out, m.changing())
	maps.Copy(out, ownLabels(m.owner, m.id, m.want.Lifecycle.PreventDestroy))
	out[labelPending] = "true"
	if m.want.Image.Digest != "" {
		out[labelDigest] = m.want.Image.Digest
	}
	return out
}

// imageLabels are those of an image that a container's record gets: none that could pass for another, and none that is too long for
// one, as build tools write them.
func imageLabels(im imageconfig.Config) map[string]string {
	out := map[string]string{}
	for k, v := range im.Labels {
		if k != "" && !reservedLabel(k) && len(k)+len(v) <= spec.MaxLabel {
			out[k] = v
		}
	}
	return out
}

// nerdctl gives what nerdctl reads and nothing changes while the container lives.
func (m marking) nerdctl() map[string]string {
	networks, _ := json.Marshal([]string{m.want.NetworkMode})
	out := map[string]string{
		nerdctlNamespace:  m.namespace,
		nerdctlPlatform:   m.want.Platform,
		nerdctlHostname:   m.hostname,
		nerdctlNetworks:   string(networks),
		nerdctlExtraHosts: "[]",
		nerdctlStateDir:   m.dir,
		nerdctlLogURI:     m.logURI,
	}
	return out
}

// changing gives what a relabel can change, besides ownership. The restart monitor is switched on once the container is ready.
func (m marking) changing() map[string]string {
	timeout := m.want.StopTimeout
	if timeout == 0 {
		timeout = spec.DefaultStopTimeout
	}
	out := map[string]string{
		nerdctlName:        m.want.Name,
		nerdctlStopTimeout: strconv.FormatInt(wholeSeconds(timeout), 10),
		stopSignalLabel:    stopSignal(m.want.StopSignal, m.image.StopSignal),
	}
	if m.want.Restart.Policy != "" && m.want.Restart.Policy != spec.RestartNo {
		out[restartPolicy] = m.want.Restart.String()
		out[restartLog] = m.logURI
	}
	return out
}

// wholeSeconds rounds up: nerdctl knows no parts of them.
func wholeSeconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }

// stopSignal is the signal that ends a container's process.
func stopSignal(wanted, images string) string {
	if wanted != "" {
		return wanted
	}
	if s, err := spec.ParseSignal(images); err == nil {
		return s
	}
	return "SIGTERM"
}

// reservedLabel tells whether a label is kept for what runs the container.
func reservedLabel(k string) bool {
	for _, p := range spec.Reserved {
		if strings.HasPrefix(k, p) {
			return true
		}
	}
	return false
}

// mirrored gives the annotations that go with labels.
func mirrored(labels map[string]string) map[string]string {
	out := map[string]string{}
	for k, v := range labels {
		if strings.HasPrefix(k, nerdctlPrefix) {
			out[k] = v
		}
	}
	return out
}
