package main

import (
	"context"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/containerd/v2/pkg/namespaces"

	"github.com/fairlead-dev/fairlead/cmd/internal/harness"
)

// TestHarness keeps the tests' own tools honest: what they shall find, they find.
func TestHarness(t *testing.T) {
	shared.start(t)
	archive := filepath.Join(t.TempDir(), "probe.tar")
	img, err := shared.probes.Image(harness.ImageOptions{Version: "1"})
	if err != nil {
		t.Fatal(err)
	}
	if err := harness.Write(archive, "example.com/probe:1", harness.OCIArchive, img); err != nil {
		t.Fatal(err)
	}
	eachDaemon(t, func(t *testing.T, d *harness.Daemon) {
		ns := "harness" + d.Version // runc keeps the containers of both daemons in one place
		out, err := exec.Command(shared.top+"/bin/ctr", "-a", d.Address, "-n", ns, "image", "import", "--no-unpack", "--local", archive).CombinedOutput()
		if err != nil {
			t.Fatalf("ctr: %v\n%s", err, out)
		}
		lines, err := d.Inventory(ns)
		if err != nil || !slices.Contains(lines, "image example.com/probe:1") || !strings.Contains(strings.Join(lines, "\n"), "content sha256:") {
			t.Fatalf("inventory after an import: %v, %q", err, lines)
		}
		testProxy(t, d, ns)
		testLeak(t, d, ns)
	})
}

// testProxy checks that reading passes the read-only proxy and that writing doesn't.
func testProxy(t *testing.T, d *harness.Daemon, ns string) {
	proxy, err := harness.NewProxy(d.Address+".ro", d.Address, harness.ReadOnly)
	if err != nil {
		t.Fatal(err)
	}
	defer proxy.Close()
	client, err := containerd.New(proxy.Address)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx := namespaces.WithNamespace(context.Background(), ns)
	if list, err := client.ImageService().List(ctx); err != nil || len(list) != 1 {
		t.Errorf("list through the proxy: %d images, %v", len(list), err)
	}
	if _, err := client.LeasesService().Create(ctx, leases.WithID("forbidden")); err == nil {
		t.Error("a lease was made through the read-only proxy")
	}
	if got := proxy.Writes(); len(got) != 1 || !strings.HasSuffix(got[0], "Leases/Create") {
		t.Errorf("writes: %v", got)
	}
}

// testLeak checks that a lease with fairlead's mark is found as a leak, once.
func testLeak(t *testing.T, d *harness.Daemon, ns string) {
	client, err := d.Connect()
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx := namespaces.WithNamespace(context.Background(), ns)
	if _, err := client.LeasesService().Create(ctx, leases.WithID("mine"), leases.WithLabels(map[string]string{"fairlead/stack": "x"})); err != nil {
		t.Fatal(err)
	}
	left, err := d.Leaks(ns, t.TempDir())
	if err != nil || !slices.Contains(left, "owned lease mine") {
		t.Errorf("leaks: %v, %q", err, left)
	}
	if err := client.LeasesService().Delete(ctx, leases.Lease{ID: "mine"}); err != nil {
		t.Fatal(err)
	}
	if left, err := d.Leaks(ns, t.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("leaks after the sweep: %v, %q", err, left)
	}
}

// TestFloor runs what fairlead is measured against: it must work to be a measure.
func TestFloor(t *testing.T) {
	shared.start(t)
	dir := t.TempDir()
	floor := filepath.Join(dir, "floor")
	if out, err := exec.Command("go", "build", "-o", floor, "./testdata/floor").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	archive := filepath.Join(dir, "app.tar")
	img, err := shared.probes.Image(harness.ImageOptions{Version: "1"})
	if err != nil {
		t.Fatal(err)
	}
	if err := harness.Write(archive, "example.com/app:1", harness.DockerArchive, img); err != nil {
		t.Fatal(err)
	}
	eachDaemon(t, func(t *testing.T, d *harness.Daemon) {
		ns := "floor" + d.Version // runc keeps the containers of both daemons in one place
		call := func(program string, args ...string) {
			cmd := exec.Command(program, args...)
			cmd.Env = append(cmd.Environ(), "CONTAINERD_ADDRESS="+d.Address, "CONTAINERD_NAMESPACE="+ns)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%s: %v\n%s", cmd, err, out)
			}
		}
		call(floor, "up", archive, "example.com/app:1", "3", "2")
		call(floor, "list")
		lines, err := d.Inventory(ns)
		if err != nil || strings.Count(strings.Join(lines, "\n"), "shim ") != 3 {
			t.Errorf("inventory with three running: %v, %q", err, lines)
		}
		call(floor, "down", "2")
		if left, err := d.Leaks(ns, dir); err != nil || len(left) > 0 {
			t.Errorf("leaks: %v, %q", err, left)
		}
	})
}
