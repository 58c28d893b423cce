package main

import (
	"context"
	"strings"
	"testing"

	"github.com/containerd/containerd/v2/pkg/namespaces"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/fairlead-dev/fairlead/cmd/internal/harness"
)

// TestBuiltContentIsLost: each blob of a built image of two platforms, taken away by hand, is there again after the next apply, though
// the builder's cache knows it.
func TestBuiltContentIsLost(t *testing.T) {
	shared.start(t)
	eachDaemon(t, func(t *testing.T, d *harness.Daemon) {
		l := newBuildLab(t, d)
		l.file("src/Dockerfile", "FROM scratch\nCOPY busybox /bin/sh\nCOPY text /text\nARG TARGETARCH\nENV ARCH=$TARGETARCH\nCMD [\"/bin/sh\", \"-c\", \"while :; do sleep 1; done\"]\n")
		l.write(strings.Replace(buildStack, `context = "./src"`, "\n    context   = \"./src\"\n    platforms = [\"linux/amd64\", \"linux/arm64\"]\n ", 1))
		l.must("apply", "--yes")
		client, err := d.Connect()
		l.ok(err)
		defer client.Close()
		ctx := namespaces.WithNamespace(context.Background(), l.namespace)
		blobs, err := blobsOf(ctx, client, "docker.io/s/app:latest")
		l.ok(err)
		if !full() {
			blobs = []ocispec.Descriptor{blobs[0], blobs[len(blobs)-1]} // the index, and a layer
		}
		for _, b := range blobs {
			if err := client.ContentStore().Delete(ctx, b.Digest); err != nil {
				t.Logf("%s: %v", b.Digest, err) // the platforms share layers
			}
			out, err := l.try("apply", "--yes")
			if err != nil {
				t.Errorf("%s %s is lost: %v\n%s", b.MediaType, b.Digest, err, out)
			}
			if _, err := client.ContentStore().Info(ctx, b.Digest); err != nil {
				t.Errorf("%s of %v: %v\n%s", b.MediaType, b.Platform, err, out)
			}
			l.must("plan", "--detailed-exitcode")
		}
		l.must("destroy", "--yes")
	})
}
