package planner

import "github.com/fairlead-dev/fairlead/spec"

// Sources is what the files' side says: what archives, build contexts, root filesystems, registries and servers hold that the files name.
type Sources struct {
	Images map[string]*Source `json:"images,omitzero"` // what image blocks stand for, by SourceKey; only those that are neither pinned nor there
}

// SourceKey tells apart what image blocks stand for: a reference, or an archive and the name of the image in it.
func SourceKey(im *spec.Image) string {
	if builtHere(im) {
		return im.Addr.String()
	}
	if im.Load != "" {
		return im.Load + "\x00" + im.Name
	}
	return im.Pull
}

// Of gives what an image block stands for; nil where nobody asked.
func (s *Sources) Of(im *spec.Image) *Source {
	if s == nil {
		return nil
	}
	return s.Images[SourceKey(im)]
}

// Source is what a reference in a registry or an archive on disk stands for now, or what an image is built from.
type Source struct {
	Digest      string                 `json:"digest,omitzero"`
	Platforms   map[string]int64       `json:"platforms,omitzero"`   // bytes of each platform's content
	Contents    map[string][]string    `json:"contents,omitzero"`    // digests of each platform's blobs; under "" those that come whatever platforms are asked for
	Configs     map[string]ImageConfig `json:"configs,omitzero"`     // of an archive: by platform
	Fingerprint string                 `json:"fingerprint,omitzero"` // of an archive: changes whenever the file does
	Names       []string               `json:"names,omitzero"`       // of an archive: the names in it
	Missing     string                 `json:"missing,omitzero"`     // of an archive: the digest of something that the image names and neither it nor the host has
	Inputs      Inputs                 `json:"inputs,omitzero"`      // of a build or an import: all but the bases
	LastInputs  Inputs                 `json:"last_inputs,omitzero"` // what the image there was made from, where that differs from Inputs and what its bases are; nil: nobody can tell
	Bases       []Base                 `json:"bases,omitzero"`       // of a build
	Remotes     []spec.Remote          `json:"remotes,omitzero"`     // of a build: what ADD takes from servers
	Taken       map[string][]string    `json:"taken,omitzero"`       // of a build: patterns of what of each directory is an input, by the context's name; nil: all is
	Opaque      bool                   `json:"opaque,omitzero"`      // of a build: only the builder can read the Dockerfile, so its bases and its RUN instructions are not known
	Emulated    []RunInstruction       `json:"emulated,omitzero"`    // of a build: the RUN instructions that need an emulator
	Err         string                 `json:"err,omitzero"`         // why it could not be read: what is wrong and what to do; the rest is zero then
}

// Base is an image that a build starts from or copies from.
type Base struct {
	Name      string           `json:"name"`           // as the Dockerfile has it, with its arguments filled in
	Ref       string           `json:"ref,omitempty"`  // normalised reference
	Image     spec.Addr        `json:"image,omitzero"` // the image block that it is; Ref is that image's name
	Digest    string           `json:"digest"`
	Local     bool             `json:"local,omitempty"`    // an image record of the host has it; no registry was asked
	Platforms map[string]int64 `json:"platforms,omitzero"` // that it has; nil: nobody asked
	Needs     []string         `json:"needs,omitzero"`     // platforms that are needed of it
	At        string           `json:"at,omitempty"`       // where: "Dockerfile:3"
	Use       string           `json:"use,omitempty"`      // as what: FROM, COPY --from …

	// What it has for a stage that begins with it. OnBuild is nil where nobody asked or can tell; Opaque: it is known once it is built.
	OnBuild []string `json:"onbuild,omitzero"`
	Opaque  bool     `json:"opaque,omitempty"`
}

// RunInstruction is a RUN of a Dockerfile that runs programs of platforms that need an emulator.
type RunInstruction struct {
	Line      int      `json:"line,omitzero"`
	Text      string   `json:"text,omitzero"`
	Platforms []string `json:"platforms,omitzero"`
}
