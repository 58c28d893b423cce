package stream

import (
	"bytes"
	"compress/bzip2"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/therootcompany/xz"
)

// maxWindow bounds the memory that unpacking takes: what xz and zstd take at most unless they are told otherwise.
const maxWindow = 128 << 20

// Compression is a way in which a tar may be compressed.
type Compression struct {
	Name   string                                 // of the program; "": it isn't
	Layer  string                                 // media type of a layer of this kind; "": containerd unpacks none
	Unpack func(io.Reader) (io.ReadCloser, error) // its errors are none of reading

	magic []byte // what it begins with
}

var compressions = []Compression{
	{"gzip", ocispec.MediaTypeImageLayerGzip, func(r io.Reader) (io.ReadCloser, error) { return gzip.NewReader(r) }, []byte{0x1f, 0x8b}},
	{"zstd", ocispec.MediaTypeImageLayerZstd, unpackZstd, []byte{0x28, 0xb5, 0x2f, 0xfd}},
	{"zstd", "", unpackZstd, []byte{0x50, 0x2a, 0x4d, 0x18}}, // a frame that is skipped comes first, as pzstd writes it: containerd 1.6 doesn't know it
	{"xz", "", unpackXZ, []byte{0xfd, '7', 'z', 'X', 'Z', 0}},
	{"bzip2", "", func(r io.Reader) (io.ReadCloser, error) { return io.NopCloser(bzip2.NewReader(r)), nil }, []byte("BZh")},
}

// HeadSize is how much of a file CompressionOf looks at, in bytes.
const HeadSize = 6

// CompressionOf tells by its first bytes how a file is compressed.
func CompressionOf(head []byte) Compression {
	for _, c := range compressions {
		if bytes.HasPrefix(head, c.magic) {
			return c
		}
	}
	return Compression{Layer: ocispec.MediaTypeImageLayer, Unpack: func(r io.Reader) (io.ReadCloser, error) { return io.NopCloser(r), nil }}
}

func unpackZstd(r io.Reader) (io.ReadCloser, error) {
	z, err := zstd.NewReader(r, zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	return z.IOReadCloser(), nil
}

func unpackXZ(r io.Reader) (io.ReadCloser, error) {
	z, err := xz.NewReader(r, maxWindow)
	if err != nil {
		return nil, err
	}
	return io.NopCloser(z), nil
}
