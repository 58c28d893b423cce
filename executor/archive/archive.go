package archive

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/containerd/containerd/v2/pkg/archive/compression"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/fairlead-dev/fairlead/executor/stream"
)

// Bounds on what is kept in memory: one document, all of them, and what one of them names.
const (
	maxDocument  = 8 << 20
	maxDocuments = 128 << 20
	maxChildren  = 4096
)

// Archive is what a file holds: its images, and its documents in memory. Layers stay in the file.
type Archive struct {
	Path        string
	Fingerprint string

	images    []image
	blobs     map[digest.Digest]blob
	documents map[digest.Digest][]byte // indexes, manifests and configs, those of a docker archive made here
}

// blob is one file's content.
type blob struct {
	name  string // of the file, in the archive
	size  int64
	plain bool // not compressed
}

// image is one image of the archive.
type image struct {
	names   []string // normalised references, or only a tag
	target  ocispec.Descriptor
	attests bool // it says something of another one, and is none itself
}

// Open reads the archive or layout at path and checks that it is whole: each blob against its digest, each document for
// sense. It takes as long as reading the file.
func Open(ctx context.Context, path string) (*Archive, error) {
	print, err := Fingerprint(path)
	if err != nil {
		return nil, err
	}
	a := &Archive{Path: path, Fingerprint: print, blobs: map[digest.Digest]blob{}, documents: map[digest.Digest][]byte{}}
	s := scan{archive: a, files: map[string]digest.Digest{}, links: map[string]string{}, at: map[digest.Digest]int{}, has: map[string]bool{}}
	err = eachFile(ctx, path, s.visit)
	if s.cut = errors.Is(err, errUnended); err != nil && !s.cut {
		return nil, err
	}
	if err := s.images(); err != nil {
		return nil, err
	}
	if len(a.images) == 0 {
		return nil, fmt.Errorf("%s: there is no image in it", path)
	}
	return a, nil
}

// scan is one pass over an archive.
type scan struct {
	archive *Archive
	files   map[string]digest.Digest
	links   map[string]string
	kept    int64
	cut     bool // the archive may go on

	at  map[digest.Digest]int // the place of an image among all, by its target
	has map[string]bool       // digest and name of each

	layout, index, manifest []byte // oci-layout, index.json, manifest.json
}

func (s *scan) visit(e entry, r io.Reader) error {
	if e.link != "" {
		s.links[e.name] = e.link
		return nil
	}
	switch e.name {
	case ocispec.ImageLayoutFile:
		return s.document(e, r, &s.layout)
	case "manifest.json":
		return s.document(e, r, &s.manifest)
	case ocispec.ImageIndexFile:
		if err := s.document(e, r, &s.index); err != nil {
			return err
		}
		return s.add(e, digest.FromBytes(s.index), blob{plain: true}, s.index)
	}
	return s.blob(e, r)
}

func (s *scan) document(e entry, r io.Reader, to *[]byte) error {
	if e.size > maxDocument {
		return fmt.Errorf("%s: %s in it has %d bytes: more than %d are not read", s.archive.Path, e.name, e.size, maxDocument)
	}
	if *to != nil {
		return fmt.Errorf("%s: %s is in it twice", s.archive.Path, e.name)
	}
	b, err := io.ReadAll(r)
	if err == nil && int64(len(b)) != e.size {
		err = stream.MarkRead(io.ErrUnexpectedEOF)
	}
	*to = b
	return err
}

// blob hashes a file, and keeps it if it may be a document: small, and beginning as JSON does.
func (s *scan) blob(e entry, r io.Reader) error {
	br := bufio.NewReaderSize(r, 1<<16)
	head, err := br.Peek(6)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	plain := compression.DetectCompression(head) == compression.Uncompressed // before more is read: head is the buffer itself
	sum := digest.Canonical.Digester()
	if !bytes.HasPrefix(head, []byte("{")) || e.size > maxDocument {
		n, err := io.Copy(sum.Hash(), br)
		if err != nil {
			return err
		}
		if n != e.size {
			return stream.MarkRead(io.ErrUnexpectedEOF)
		}
		return s.add(e, sum.Digest(), blob{plain: plain}, nil)
	}
	if err := s.countKept(e.size); err != nil {
		return err
	}
	b, err := io.ReadAll(br)
	if err != nil {
		return err
	}
	if int64(len(b)) != e.size {
		return stream.MarkRead(io.ErrUnexpectedEOF)
	}
	return s.add(e, digest.FromBytes(b), blob{plain: true}, b)
}

// countKept makes room for a document.
func (s *scan) countKept(size int64) error {
	if s.kept += size; s.kept > maxDocuments {
		return fmt.Errorf("%s: its documents have more than %d bytes together, which no image has", s.archive.Path, maxDocuments)
	}
	return nil
}

// add notes a file. A name stands for one content, or nobody could say later which of two was meant.
func (s *scan) add(e entry, d digest.Digest, b blob, document []byte) error {
	if old, ok := s.files[e.name]; ok && old != d {
		return fmt.Errorf("%s: it is corrupt: %s is in it twice, and not the same. Save it again", s.archive.Path, e.name)
	}
	s.files[e.name] = d
	b.name, b.size = e.name, e.size
	s.archive.blobs[d] = b
	if document != nil {
		s.archive.documents[d] = document
	}
	if hex, ok := strings.CutPrefix(e.name, "blobs/sha256/"); ok && hex != d.Encoded() { // in a layout
		return fmt.Errorf("%s: it is corrupt: the content of %s is %s. Copy or save it again", s.archive.Path, e.name, d)
	}
	return nil
}

// images finds the images. An archive that is both, as newer dockers write it, is read as an OCI layout.
func (s *scan) images() error {
	switch {
	case s.layout != nil:
		return s.readLayout()
	case s.manifest != nil:
		return s.readDocker()
	}
	if s.cut {
		return archives.Truncated(s.archive.Path)
	}
	return notArchive(s.archive.Path)
}

func (s *scan) parse(what string, b []byte, v any) error {
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%s: it is corrupt: %s in it is no valid JSON: %w", s.archive.Path, what, err)
	}
	return nil
}
