package archive

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/containerd/containerd/v2/core/images"
	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// weigh is what go-containerregistry says that one platform of an image has: its bytes and its blobs.
func weigh(t *testing.T, img v1.Image) (int64, []string) {
	t.Helper()
	raw := must[[]byte](t)(img.RawManifest())
	m := must[*v1.Manifest](t)(img.Manifest())
	sum, all := int64(len(raw))+m.Config.Size, []string{digest.FromBytes(raw).String(), m.Config.Digest.String()}
	for _, l := range m.Layers {
		sum += l.Size
		all = append(all, l.Digest.String())
	}
	return sum, all
}

// delivered collects what Blobs gives, and checks its promises: each blob once, its bytes those of its digest and size, nothing
// before what it refers to.
func delivered(t *testing.T, a *Archive, f Found, wanted ...string) map[string][]byte {
	t.Helper()
	got := map[string][]byte{}
	err := a.Blobs(t.Context(), f, wanted, func(d ocispec.Descriptor, r io.Reader) error {
		b, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		if got[d.Digest.String()] != nil {
			t.Errorf("%s came twice", d.Digest)
		}
		if sum := digest.FromBytes(b); sum != d.Digest || int64(len(b)) != d.Size {
			t.Errorf("%s came with %d bytes of digest %s; want %d bytes", d.Digest, len(b), sum, d.Size)
		}
		if images.IsManifestType(d.MediaType) {
			var m ocispec.Manifest
			if err := json.Unmarshal(b, &m); err != nil {
				return err
			}
			for _, c := range append(m.Layers, m.Config) {
				if got[c.Digest.String()] == nil {
					t.Errorf("manifest %s came before its %s", d.Digest, c.Digest)
				}
			}
		}
		got[d.Digest.String()] = b
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func names(m map[string][]byte) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

func select1(t *testing.T, path, name string) (*Archive, Found) {
	t.Helper()
	a := must[*Archive](t)(Open(t.Context(), path))
	return a, must[Found](t)(a.Select(name))
}

// Every way of packing an OCI layout gives the same image: digest, platforms and sizes are what go-containerregistry says.
func TestOCIIsReadAsItIs(t *testing.T) {
	img, idx := imageFor(t, "amd64"), indexFor(t, "amd64", "arm64", "s390x")
	arm := must[v1.Image](t)(mutate.ConfigFile(imageFor(t, "arm"), &v1.ConfigFile{OS: "linux", Architecture: "arm", RootFS: must[*v1.ConfigFile](t)(imageFor(t, "arm").ConfigFile()).RootFS}))
	for _, tt := range []struct {
		name      string
		what      any
		platforms map[string]v1.Image
	}{
		{"one image", img, map[string]v1.Image{"linux/amd64": img}},
		{"arm without a variant is v7", arm, map[string]v1.Image{"linux/arm/v7": arm}},
		{"index", idx, map[string]v1.Image{"linux/amd64": imageFor(t, "amd64"), "linux/arm64": imageFor(t, "arm64"), "linux/s390x": imageFor(t, "s390x")}},
	} {
		dir := ociLayout(t, named{what: tt.what, name: "example.com/app:1"})
		packed := tarDir(t, dir)
		for packing, path := range map[string]string{
			"directory": dir, "tar": write(t, packed), "gzip": write(t, gzipped(t, packed)), "zstd": write(t, zstded(t, packed)),
		} {
			t.Run(tt.name+"/"+packing, func(t *testing.T) {
				a, f := select1(t, path, "example.com/app:1")
				want := must[v1.Hash](t)(tt.what.(interface{ Digest() (v1.Hash, error) }).Digest()).String()
				if f.Digest != want || f.Target.Digest.String() != want || f.Name != "example.com/app:1" {
					t.Errorf("found %s named %q; want %s", f.Digest, f.Name, want)
				}
				sizes, all, wanted := map[string]int64{}, map[string]bool{want: true}, []string{}
				for p, img := range tt.platforms {
					sum, blobs := weigh(t, img)
					sizes[p], wanted = sum, append(wanted, p)
					for _, b := range blobs {
						all[b] = true
					}
				}
				if diff := cmp.Diff(sizes, f.Platforms); diff != "" {
					t.Error("platforms (-want +got):", diff)
				}
				got := delivered(t, a, f, wanted...)
				if diff := cmp.Diff(slices.Sorted(maps.Keys(all)), names(got)); diff != "" {
					t.Error("blobs (-want +got):", diff)
				}
				if diff := cmp.Diff(slices.Sorted(maps.Keys(all)), a.Contents(f)); diff != "" {
					t.Error("contents (-want +got):", diff)
				}
			})
		}
	}
}

// A docker archive has no manifest: the one that is made has the config and the layers that go-containerregistry reads, and its
// digest is that of the bytes that Blobs gives.
func TestDockerArchiveIsReadAsItIs(t *testing.T) {
	img := imageFor(t, "arm64")
	packed := dockerSave(t, map[string]v1.Image{"example.com/app:1": img})
	for packing, b := range map[string][]byte{"tar": packed, "gzip": gzipped(t, packed), "zstd": zstded(t, packed)} {
		t.Run(packing, func(t *testing.T) {
			a, f := select1(t, write(t, b), "example.com/app:1")
			got := delivered(t, a, f, "linux/arm64")
			var m ocispec.Manifest
			if err := json.Unmarshal(got[f.Digest], &m); err != nil {
				t.Fatal(err)
			}
			want := must[*v1.Manifest](t)(img.Manifest())
			size := f.Target.Size + want.Config.Size
			if m.Config.Digest.String() != want.Config.Digest.String() || len(m.Layers) != len(want.Layers) {
				t.Errorf("config %s and %d layers; want %s and %d", m.Config.Digest, len(m.Layers), want.Config.Digest, len(want.Layers))
			}
			for i, l := range want.Layers {
				size += l.Size
				if m.Layers[i].Digest.String() != l.Digest.String() || m.Layers[i].Size != l.Size || m.Layers[i].MediaType != images.MediaTypeDockerSchema2LayerGzip {
					t.Errorf("layer %d is %+v; want %s of %d bytes, gzip'd", i, m.Layers[i], l.Digest, l.Size)
				}
			}
			if diff := cmp.Diff(map[string]int64{"linux/arm64": size}, f.Platforms); diff != "" {
				t.Error("platforms (-want +got):", diff)
			}
			if len(got) != 4 || int64(len(got[f.Digest])) != f.Target.Size {
				t.Errorf("%d blobs came; want manifest, config and 2 layers", len(got))
			}
		})
	}
}

// Layers that are not compressed, that are shared, and that docker writes as links to where they were first.
func TestDockerLayersMayBePlainSharedOrLinked(t *testing.T) {
	layer := string(tarOf(t, file{name: "a", body: "a"}))
	b := saved(t, []entryJSON{{Config: "c.json", RepoTags: []string{"example.com/app:1"}, Layers: []string{"1/layer.tar", "2/layer.tar", "3/layer.tar"}}},
		file{name: "c.json", body: linuxConfig}, file{name: "1/layer.tar", body: layer},
		file{name: "2/layer.tar", link: "../1/layer.tar", kind: '2'}, file{name: "./3/layer.tar", link: "./2/layer.tar", kind: '1'})
	a, f := select1(t, write(t, b), "anything")
	got := delivered(t, a, f, "linux/amd64")
	var m ocispec.Manifest
	if err := json.Unmarshal(got[f.Digest], &m); err != nil {
		t.Fatal(err)
	}
	for _, l := range m.Layers {
		if l.Digest != digest.FromString(layer) || l.MediaType != images.MediaTypeDockerSchema2Layer {
			t.Errorf("layer is %+v; want %s, not compressed", l, digest.FromString(layer))
		}
	}
	if want := f.Target.Size + int64(len(linuxConfig)+len(layer)); len(m.Layers) != 3 || f.Platforms["linux/amd64"] != want {
		t.Errorf("%d layers, %d bytes; want 3 layers that count once: %d", len(m.Layers), f.Platforms["linux/amd64"], want)
	}
}

// One image has any name; of several, the full name decides, then the tag alone where the archive says no more.
func TestSelect(t *testing.T) {
	amd, arm, third := imageFor(t, "amd64"), imageFor(t, "arm64"), must[v1.Image](t)(random.Image(100, 1))
	hash := func(img v1.Image) string { return must[v1.Hash](t)(img.Digest()).String() }
	configOf := func(img v1.Image) string { return must[v1.Hash](t)(img.ConfigName()).String() }
	for _, tt := range []struct {
		name, path, ask string
		digest          string // of the manifest or, for a docker archive, of the config
		names           []string
	}{
		{"docker, several tags of one", write(t, dockerSave(t, map[string]v1.Image{"example.com/aa:1": amd, "example.com/aa:2": amd})),
			"example.com/other:9", configOf(amd), []string{"example.com/aa:1", "example.com/aa:2"}},
		{"docker, by name", write(t, dockerSave(t, map[string]v1.Image{"example.com/aa:1": amd, "example.com/bb:1": arm})),
			"example.com/bb:1", configOf(arm), []string{"example.com/aa:1", "example.com/bb:1"}},
		{"docker, a short name is in normal form", write(t, dockerSave(t, map[string]v1.Image{"aa": amd, "bb": arm})),
			"docker.io/library/bb:latest", configOf(arm), []string{"docker.io/library/aa:latest", "docker.io/library/bb:latest"}},
		{"oci, by name", ociLayout(t, named{what: amd, name: "example.com/aa:1"}, named{what: third, name: "example.com/bb:1"}),
			"example.com/aa:1", hash(amd), []string{"example.com/aa:1", "example.com/bb:1"}},
		{"oci, by tag", ociLayout(t, named{what: amd, name: "v1"}, named{what: arm, name: "v2"}),
			"example.com/any:v2", hash(arm), []string{"v1", "v2"}},
		{"oci, the full name before the tag", ociLayout(t, named{what: amd, name: "v1"}, named{what: arm, name: "example.com/any:v1"}),
			"example.com/any:v1", hash(arm), []string{"example.com/any:v1", "v1"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, f := select1(t, tt.path, tt.ask)
			if diff := cmp.Diff(tt.names, a.Names()); diff != "" {
				t.Error("names (-want +got):", diff)
			}
			if strings.HasPrefix(tt.name, "docker") {
				var m ocispec.Manifest
				if err := json.Unmarshal(a.documents[f.Target.Digest], &m); err != nil || m.Config.Digest.String() != tt.digest {
					t.Errorf("selected the one with config %s (%v); want %s", m.Config.Digest, err, tt.digest)
				}
			} else if f.Digest != tt.digest {
				t.Errorf("selected %s; want %s", f.Digest, tt.digest)
			}
		})
	}
}

// Entries of index.json for several platforms under one name are one image, whose target is index.json itself.
func TestEntriesOfOneNameAreOneImage(t *testing.T) {
	for _, name := range []string{"", "example.com/app:1"} {
		dir := ociLayout(t, named{what: imageFor(t, "amd64"), name: name}, named{what: imageFor(t, "arm64"), name: name})
		a, f := select1(t, dir, "example.com/app:1")
		if diff := cmp.Diff([]string{"linux/amd64", "linux/arm64"}, slices.Sorted(maps.Keys(f.Platforms))); diff != "" {
			t.Error(diff)
		}
		raw := must[[]byte](t)(os.ReadFile(filepath.Join(dir, "index.json")))
		if got := delivered(t, a, f, slices.Sorted(maps.Keys(f.Platforms))...); !bytes.Equal(got[f.Digest], raw) || f.Name != name {
			t.Errorf("the image is %s named %q; want index.json named %q", f.Digest, f.Name, name)
		}
	}
}

// Only platforms that are whole are reported and delivered, whichever of their blobs is missing.
func TestAPlatformWithoutItsContentIsNotReported(t *testing.T) {
	arm := imageFor(t, "arm64")
	m := must[*v1.Manifest](t)(arm.Manifest())
	for what, gone := range map[string]v1.Hash{
		"manifest": must[v1.Hash](t)(arm.Digest()), "config": m.Config.Digest, "layer": m.Layers[1].Digest,
	} {
		t.Run(what, func(t *testing.T) {
			dir := ociLayout(t, named{what: indexFor(t, "amd64", "arm64")})
			if err := os.Remove(filepath.Join(dir, "blobs", "sha256", gone.Hex)); err != nil {
				t.Fatal(err)
			}
			a, f := select1(t, dir, "example.com/app:1")
			sum, _ := weigh(t, imageFor(t, "amd64"))
			if diff := cmp.Diff(map[string]int64{"linux/amd64": sum}, f.Platforms); diff != "" {
				t.Error("platforms (-want +got):", diff)
			}
			if got := delivered(t, a, f, "linux/amd64"); len(got) != 5 {
				t.Errorf("%d blobs came; want index, manifest, config and 2 layers", len(got))
			}
			err := a.Blobs(t.Context(), f, []string{"linux/arm64"}, nil)
			wantError(t, err, dir, "it has no linux/arm64: it has linux/amd64")
		})
	}
}

// What is no platform, such as an attestation, and what is no image is passed over.
func TestAttestationsAreNoPlatforms(t *testing.T) {
	idx := mutate.AppendManifests(indexFor(t, "amd64"), mutate.IndexAddendum{Add: must[v1.Image](t)(random.Image(10, 1)),
		Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "unknown", Architecture: "unknown"}}})
	_, f := select1(t, ociLayout(t, named{what: idx}), "x")
	if diff := cmp.Diff([]string{"linux/amd64"}, slices.Sorted(maps.Keys(f.Platforms))); diff != "" {
		t.Error(diff)
	}
	_, f = select1(t, ociLayout(t, named{what: mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: indexFor(t, "amd64")})}), "x")
	if diff := cmp.Diff([]string{"linux/amd64"}, slices.Sorted(maps.Keys(f.Platforms))); diff != "" {
		t.Error("an index in an index:", diff)
	}
}

// What lies beside a layout is not its business: nobody reads it.
func TestOtherFilesBesideALayoutAreLeftAlone(t *testing.T) {
	dir := ociLayout(t, named{what: imageFor(t, "amd64")})
	if err := os.Symlink("/nowhere", filepath.Join(dir, "README")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "notes"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	select1(t, dir, "x")
}

// A fingerprint stays as long as the file does, and changes with it.
func TestFingerprint(t *testing.T) {
	path, dir := write(t, dockerSave(t, map[string]v1.Image{"aa": imageFor(t, "amd64")})), ociLayout(t, named{what: imageFor(t, "amd64")})
	for _, p := range []string{path, dir} {
		before := must[string](t)(Fingerprint(p))
		if a := must[*Archive](t)(Open(t.Context(), p)); a.Fingerprint != before || must[string](t)(Fingerprint(p)) != before {
			t.Errorf("%s: the fingerprint changes by reading", p)
		}
		changed := p
		if p == dir {
			changed = filepath.Join(dir, "index.json")
		}
		f := must[*os.File](t)(os.OpenFile(changed, os.O_APPEND|os.O_WRONLY, 0))
		_ = must[int](t)(f.WriteString("\n"))
		_ = f.Close()
		if must[string](t)(Fingerprint(p)) == before {
			t.Errorf("%s: the fingerprint stays, though the file changed", p)
		}
		before = must[string](t)(Fingerprint(p))
		old := must[os.FileInfo](t)(os.Stat(changed))
		text := must[[]byte](t)(os.ReadFile(changed))
		text[len(text)-1] ^= 1
		for now := old; now.ModTime().Equal(old.ModTime()); now = must[os.FileInfo](t)(os.Stat(changed)) { // until the file system's clock goes on
			if err := os.WriteFile(changed, text, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Chtimes(changed, old.ModTime(), old.ModTime()); err != nil {
			t.Fatal(err)
		}
		if must[string](t)(Fingerprint(p)) == before {
			t.Errorf("%s: the fingerprint stays, though the content changed behind a size and a time that stayed", p)
		}
	}
}

// An interrupt ends the reading also in the middle of a large file, and is told as what it is.
func TestReadingEndsWithItsContext(t *testing.T) {
	big := must[v1.Image](t)(mutate.AppendLayers(imageFor(t, "amd64"), must[v1.Layer](t)(random.Layer(1<<20, types.DockerLayer))))
	for what, path := range map[string]string{
		"archive": write(t, dockerSave(t, map[string]v1.Image{"aa": big})), "directory": ociLayout(t, named{what: big}),
	} {
		t.Run(what, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			a, f := select1(t, path, "aa")
			err := a.Blobs(ctx, f, slices.Sorted(maps.Keys(f.Platforms)), func(d ocispec.Descriptor, r io.Reader) error {
				if d.Size < 1<<19 {
					_, err := io.Copy(io.Discard, r)
					return err
				}
				cancel()
				if n, _ := io.Copy(io.Discard, r); n == d.Size {
					t.Error("all of it was read after the interrupt")
				}
				return ctx.Err()
			})
			if !errors.Is(err, context.Canceled) {
				t.Errorf("Blobs gives %v; want that it was cancelled", err)
			}
			if _, err := Open(ctx, path); !errors.Is(err, context.Canceled) {
				t.Errorf("Open gives %v; want that it was cancelled", err)
			}
		})
	}
}

// Trouble where the blobs go is not blamed on the file.
func TestPutsErrorPasses(t *testing.T) {
	a, f := select1(t, write(t, dockerSave(t, map[string]v1.Image{"aa": imageFor(t, "amd64")})), "a")
	err := a.Blobs(t.Context(), f, []string{"linux/amd64"}, func(ocispec.Descriptor, io.Reader) error { return io.ErrUnexpectedEOF })
	if !errors.Is(err, io.ErrUnexpectedEOF) || strings.Contains(err.Error(), "truncated") {
		t.Errorf("Blobs gives %v; want the error of put", err)
	}
}
