package archive

import (
	"fmt"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// All that an index names comes with it, whatever platform it is for and wherever the index lies; index.json itself is the image where its
// entries are one.
func TestAllEntriesOfAnIndexCome(t *testing.T) {
	const empty = ""
	config := func(v string) string {
		return fmt.Sprintf(`{"os":"linux","architecture":"amd64","os.version":%q,"rootfs":{"type":"layers"}}`, v)
	}
	image := func(v string) string {
		return manifestOf(config(v), empty)
	}
	statement := `{"_type":"https://in-toto.io/Statement/v0.1"}`
	unknown := `{"architecture":"unknown","os":"unknown","rootfs":{"type":"layers"}}`
	attestation := manifestOf(unknown, statement)
	artifact := manifestOf("{}", "file")
	blobs := []string{empty, config("1"), config("2"), image("1"), image("2"), statement, unknown, attestation, artifact, "{}", "file"}
	entry := func(body, more string) string { return descOf(ocispec.MediaTypeImageManifest, body, more) }
	amd64 := `,"platform":{"os":"linux","architecture":"amd64"}`
	v2 := `,"platform":{"os":"linux","architecture":"amd64","os.version":"2"}`
	attests := `,"platform":{"os":"unknown","architecture":"unknown"},"annotations":{"vnd.docker.reference.type":"attestation-manifest"}`
	name := `,"annotations":{"org.opencontainers.image.ref.name":"1"}`
	for _, tt := range []struct {
		name, index string
		want        []string // manifests that come
		images      int
	}{
		{"attested", indexOf(entry(image("1"), amd64), entry(attestation, attests)), []string{image("1"), attestation}, 1},
		{"attested, with a name", indexOf(entry(image("1"), name), entry(attestation, attests)), []string{image("1"), attestation}, 1},
		{"two versions", indexOf(entry(image("1"), amd64), entry(image("2"), v2), entry(attestation, attests)), []string{image("1"), image("2"), attestation}, 1},
		{"two versions, which their configs tell", indexOf(entry(image("1"), ""), entry(image("2"), "")), []string{image("1"), image("2")}, 1},
		{"two images", indexOf(entry(image("1"), amd64), entry(image("2"), amd64)), nil, 2},
		{"nothing but attestations", indexOf(entry(attestation, attests), entry(artifact, attests)), nil, 2},
	} {
		for _, below := range []bool{false, true} {
			index, more := tt.index, blobs
			if below {
				index, more = indexOf(descOf(ocispec.MediaTypeImageIndex, tt.index, "")), append([]string{tt.index}, blobs...)
			}
			a, err := Open(t.Context(), write(t, oci(t, index, more...)))
			if err != nil {
				t.Errorf("%s: %v", tt.name, err)
				continue
			}
			if !below && len(a.images) != tt.images {
				t.Errorf("%s: %d images; want %d", tt.name, len(a.images), tt.images)
			}
			if tt.want == nil {
				continue
			}
			f, err := a.Select("docker.io/library/x:1")
			if err != nil {
				t.Errorf("%s: %v", tt.name, err)
				continue
			}
			got := delivered(t, a, f, "linux/amd64")
			for _, m := range append(tt.want, tt.index, empty) {
				if _, ok := got[digest.FromString(m).String()]; !ok {
					t.Errorf("%s (below: %v): %s doesn't come", tt.name, below, m)
				}
			}
			if f.Digest != digest.FromString(tt.index).String() {
				t.Errorf("%s (below: %v): its digest is %s", tt.name, below, f.Digest)
			}
		}
	}
}
