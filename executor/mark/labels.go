package mark

import (
	"fmt"

	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

// Labels that fairlead writes, on container and image records. Those of images stand on the record, never in the image's config:
// containerd copies labels of the config to containers, so an image could forge them.
const (
	LabelStack     = "fairlead/stack"     // name of the stack
	LabelAddress   = "fairlead/address"   // of the block or instance in it
	LabelOwner     = "fairlead/owner"     // the record's own ID or name; ownership counts only if it is
	LabelProtect   = "fairlead/protect"   // "true": prevent_destroy was set when it was last applied
	LabelPending   = "fairlead/pending"   // "true": a container that has never been ready
	LabelCompleted = "fairlead/completed" // "true": a job that has ended with 0
	LabelDigest    = "fairlead/image-digest"

	LabelPlatforms = "fairlead/platforms" // of an image record: platforms whose content is whole, and its bytes, as linux/amd64=1234,…
	LabelSource    = "fairlead/source"    // of an image record: fingerprint of the archive that it was loaded from
	LabelInputs    = "fairlead/inputs"    // of an image record: digest of what it was built or imported from; the blob with it is kept by GCRefInputs
	LabelTagOf     = "fairlead/tag-of"    // of an image record: the record that it was made from by a tag step of the same owner
	LabelTag       = "fairlead/tag."      // on that one, + first 16 hex digits of sha256(name): the name that was made
	LabelPushed    = "fairlead/pushed."   // + first 16 hex digits of sha256(reference): "DIGEST REFERENCE"
)

// GCRefInputs keeps the blob of an image record's inputs from garbage collection: containerd follows such labels of records.
const GCRefInputs = "containerd.io/gc.ref.content.fairlead-inputs"

// OwnerOf reads the owner from a record's labels. It gives nil where there is none, or where the labels were copied from another record.
// For an image record that is enough: only a client of containerd writes its labels. For a container, see Signer.Owner.
func OwnerOf(labels map[string]string, id string) *planner.Owner {
	if labels[LabelStack] == "" || labels[LabelOwner] != id {
		return nil
	}
	addr, err := spec.ParseAddr(labels[LabelAddress])
	if err != nil {
		return nil
	}
	return &planner.Owner{Stack: labels[LabelStack], Addr: addr}
}

// OwnerLabels gives the labels that make the record id the owner's.
func OwnerLabels(o planner.Owner, id string, protect bool) map[string]string {
	out := map[string]string{LabelStack: o.Stack, LabelAddress: o.Addr.String(), LabelOwner: id}
	if protect {
		out[LabelProtect] = "true"
	}
	return out
}

// Labels that others read: nerdctl, and containerd's restart monitor.
const (
	NerdctlPrefix      = "nerdctl/"
	NerdctlName        = "nerdctl/name"
	NerdctlNamespace   = "nerdctl/namespace"
	NerdctlPlatform    = "nerdctl/platform"
	NerdctlHostname    = "nerdctl/hostname"
	NerdctlNetworks    = "nerdctl/networks"
	NerdctlExtraHosts  = "nerdctl/extraHosts"
	NerdctlStateDir    = "nerdctl/state-dir"
	NerdctlLogURI      = "nerdctl/log-uri"
	NerdctlStopTimeout = "nerdctl/stop-timeout"

	LabelStopSignal = "io.containerd.image.config.stop-signal"

	RestartPrefix  = "containerd.io/restart."
	RestartStatus  = "containerd.io/restart.status"
	RestartPolicy  = "containerd.io/restart.policy"
	RestartLog     = "containerd.io/restart.loguri"
	RestartCount   = "containerd.io/restart.count"
	RestartStopped = "containerd.io/restart.explicitly-stopped"
)

// DescribeOwner says in a clause who owns an object.
func DescribeOwner(o *planner.Owner) string {
	if o == nil {
		return "no stack's"
	}
	return fmt.Sprintf("stack %q's, as %s", o.Stack, o.Addr)
}

// ShortID is a container's ID as people see it.
func ShortID(id string) string { return id[:min(len(id), 12)] }
