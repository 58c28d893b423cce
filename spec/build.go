package spec

// Build is a build block: what an image is built from, by a Dockerfile.
type Build struct {
	Context     string                  `json:"context"`               // absolute path of a directory or a tar file; or a URL, of a git repository or a tar file; "" with Inline alone: nothing
	Dockerfile  string                  `json:"dockerfile,omitempty"`  // path, relative to the context, or absolute; "" with Inline
	Inline      string                  `json:"inline,omitempty"`      // the Dockerfile itself
	Target      string                  `json:"target,omitempty"`      // name of the stage to build; "": the last
	Args        map[string]string       `json:"args,omitempty"`        // values of the Dockerfile's ARGs
	Platforms   []string                `json:"platforms,omitempty"`   // normalised, sorted; nil: those that the image's containers need
	Contexts    map[string]BuildContext `json:"contexts,omitempty"`    // more contexts, by the name that FROM and COPY --from use
	Secrets     []BuildSecret           `json:"secrets,omitempty"`     // sorted by ID
	SSH         []string                `json:"ssh,omitempty"`         // "default", or ID=PATH of a socket or key
	CacheFrom   []BuildCache            `json:"cache_from,omitempty"`  //
	CacheTo     []BuildCache            `json:"cache_to,omitempty"`    //
	Labels      map[string]string       `json:"labels,omitempty"`      // of the image's config
	Annotations map[string]string       `json:"annotations,omitempty"` // of the manifest and the index
	Network     string                  `json:"network,omitempty"`     // of RUN: "" is the builder's default; host or none
	ExtraHosts  map[string]string       `json:"extra_hosts,omitempty"` // host name → address, in RUN
	ShmSize     int64                   `json:"shm_size,omitempty"`    // bytes; 0: the builder's default
	Ulimits     map[string]string       `json:"ulimits,omitempty"`     // name → SOFT or SOFT:HARD
	NoCache     bool                    `json:"no_cache,omitempty"`    // nothing is taken from the builder's cache
	Provenance  bool                    `json:"provenance,omitempty"`  // an attestation says how it was built
	SBOM        bool                    `json:"sbom,omitempty"`        // an attestation lists what is in it
}

// BuildContext is one more place that a Dockerfile takes content from. One field is set.
type BuildContext struct {
	Image  Addr   `json:"image,omitzero"`       // an image block
	Dir    string `json:"dir,omitempty"`        // absolute path of a directory
	Layout string `json:"oci_layout,omitempty"` // absolute path of an OCI layout, with :TAG or @DIGEST
	Ref    string `json:"reference,omitempty"`  // normalised reference of an image in a registry
	URL    string `json:"url,omitempty"`        // of a git repository or a tar file
}

// BuildSecret is a file that RUN --mount=type=secret sees, and no layer. One of File and Env is set; the value is read when it is needed.
type BuildSecret struct {
	ID   string `json:"id"`
	File string `json:"file,omitempty"` // absolute path
	Env  string `json:"env,omitempty"`  // name of an environment variable
}

// BuildCache is a place that a build's cache is taken from or written to.
type BuildCache struct {
	Type  string            `json:"type"`            // registry, local or inline
	Attrs map[string]string `json:"attrs,omitempty"` // ref of a registry; src or dest of a local one, absolute; mode, compression …, as BuildKit names them
}

// Rootfs is an image whose one layer is a root filesystem.
type Rootfs struct {
	Path     string      `json:"path"`     // absolute path of a tar file, compressed or not, or of a directory; or the URL of a tar file
	Platform string      `json:"platform"` // normalised; "": the host's own
	Config   ImageConfig `json:"config,omitzero"`
}

// ImageConfig is what an image gives to its containers.
type ImageConfig struct {
	Entrypoint []string          `json:"entrypoint,omitzero"`
	Command    []string          `json:"command,omitzero"`
	Env        map[string]string `json:"env,omitempty"`
	WorkingDir string            `json:"working_dir,omitempty"`
	User       string            `json:"user,omitempty"`
	StopSignal string            `json:"stop_signal,omitempty"`
	Expose     []string          `json:"expose,omitempty"`  // PORT/PROTOCOL, sorted
	Volumes    []string          `json:"volumes,omitempty"` // absolute paths, sorted
	Labels     map[string]string `json:"labels,omitempty"`
}
