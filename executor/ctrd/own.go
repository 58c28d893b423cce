package ctrd

import (
	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

// Labels that fairlead writes, on container and image records. Those of images stand on the record, never in the image's config:
// containerd copies labels of the config to containers, so an image could forge them.
const (
	labelStack     = "fairlead/stack"     // name of the stack
	labelAddress   = "fairlead/address"   // of the block or instance in it
	labelOwner     = "fairlead/owner"     // the record's own ID or name; ownership counts only if it is
	labelProtect   = "fairlead/protect"   // "true": prevent_destroy was set when it was last applied
	labelPending   = "fairlead/pending"   // "true": a container that has never been ready
	labelCompleted = "fairlead/completed" // "true": a job that has ended with 0
	labelDigest    = "fairlead/image-digest"

	labelPlatforms = "fairlead/platforms" // of an image record: platforms whose content is whole, and its bytes, as linux/amd64=1234,…
	labelSource    = "fairlead/source"    // of an image record: fingerprint of the archive that it was loaded from
	labelInputs    = "fairlead/inputs"    // of an image record: digest of what it was built or imported from; the blob with it is kept by gcRefInputs
	labelTagOf     = "fairlead/tag-of"    // of an image record: the record that it was made from by a tag step of the same owner
	labelTag       = "fairlead/tag."      // on that one, + first 16 hex digits of sha256(name): the name that was made
	labelPushed    = "fairlead/pushed."   // + first 16 hex digits of sha256(reference): "DIGEST REFERENCE"
)

// gcRefInputs keeps the blob of an image record's inputs from garbage collection: containerd follows such labels of records.
const gcRefInputs = "containerd.io/gc.ref.content.fairlead-inputs"

// ownerOf reads the owner from a record's labels; nil where there is none, or where the labels were copied from another record. That is enough
// for an image record, whose labels no image gives: only a client of containerd writes them. Of a container, see marks.owner.
func ownerOf(labels map[string]string, id string) *planner.Owner {
	if labels[labelStack] == "" || labels[labelOwner] != id {
		return nil
	}
	addr, err := spec.ParseAddr(labels[labelAddress])
	if err != nil {
		return nil
	}
	return &planner.Owner{Stack: labels[labelStack], Addr: addr}
}

// ownLabels gives the labels that make the record id the owner's.
func ownLabels(o planner.Owner, id string, protect bool) map[string]string {
	out := map[string]string{labelStack: o.Stack, labelAddress: o.Addr.String(), labelOwner: id}
	if protect {
		out[labelProtect] = "true"
	}
	return out
}

// Labels that others read: nerdctl, and containerd's restart monitor.
const (
	nerdctlPrefix      = "nerdctl/"
	nerdctlName        = "nerdctl/name"
	nerdctlNamespace   = "nerdctl/namespace"
	nerdctlPlatform    = "nerdctl/platform"
	nerdctlHostname    = "nerdctl/hostname"
	nerdctlNetworks    = "nerdctl/networks"
	nerdctlExtraHosts  = "nerdctl/extraHosts"
	nerdctlStateDir    = "nerdctl/state-dir"
	nerdctlLogURI      = "nerdctl/log-uri"
	nerdctlStopTimeout = "nerdctl/stop-timeout"

	stopSignalLabel = "io.containerd.image.config.stop-signal"

	restartPrefix  = "containerd.io/restart."
	restartStatus  = "containerd.io/restart.status"
	restartPolicy  = "containerd.io/restart.policy"
	restartLog     = "containerd.io/restart.loguri"
	restartCount   = "containerd.io/restart.count"
	restartStopped = "containerd.io/restart.explicitly-stopped"
)
