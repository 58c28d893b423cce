package main

import (
	"bytes"
	"context"
	"debug/elf"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/mount"
	"github.com/containerd/containerd/v2/pkg/archive/compression"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/platforms"
	"github.com/fairlead-dev/fairlead/cmd/internal/harness"
	"github.com/opencontainers/image-spec/identity"
	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// What scripts about builds have: they look into the content store, the snapshots and the logs themselves.

// builder start [containerd] | stop | runs: a buildkitd that fairlead did not start, at $BUILDER; by itself, or on the script's containerd.
func cmdBuilder(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) > 0, "builder start [containerd] | stop | runs")
	s := stageOf(ts)
	switch args[0] {
	case "start":
		namespace := ""
		if len(args) > 1 {
			namespace = s.namespace
		}
		b, err := s.daemon.NewBuilder(shared.top, s.builderRoot(), namespace)
		ts.Check(err)
		ts.Check(b.Start())
		s.builder = b
		ts.Setenv("BUILDER", b.Host)
	case "stop":
		s.endBuilder()
	case "runs":
		if s.builder.Ended() {
			ts.Fatalf("the builder has ended")
		}
	default:
		ts.Fatalf("builder: %q is no command", args[0])
	}
}

func (s *stage) builderRoot() string { return filepath.Join(shared.dir, s.namespace+".bk") }

// endBuilder ends the buildkitd that the script started, and takes its root away.
func (s *stage) endBuilder() {
	if s.builder == nil {
		return
	}
	s.builder.Stop()
	s.builder = nil
	_ = os.RemoveAll(s.builderRoot())
}

// serve DIR: a directory's files over HTTP, at $FILES.
func cmdServe(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 1, "serve DIR")
	s := stageOf(ts)
	s.files = httptest.NewServer(http.FileServer(http.Dir(ts.MkAbs(args[0]))))
	ts.Setenv("FILES", s.files.URL)
}

// program FILE [ARCH]: testdata/tiny, compiled for that architecture as Go names it, or the host's own.
func cmdProgram(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) > 0, "program FILE [ARCH]")
	arch := "amd64"
	if len(args) > 1 {
		arch = args[1]
	}
	built, err := shared.tiny.For(arch)
	ts.Check(err)
	b, err := os.ReadFile(built)
	ts.Check(err)
	ts.Check(os.MkdirAll(filepath.Dir(ts.MkAbs(args[0])), 0o755))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), b, 0o755))
}

// with calls f with the script's containerd and its namespace.
func (s *stage) with(f func(context.Context, *containerd.Client) error) error {
	client, err := s.daemon.Connect()
	if err != nil {
		return err
	}
	defer client.Close()
	return f(namespaces.WithNamespace(context.Background(), s.namespace), client)
}

// document index|manifest|config FILE IMAGE [PLATFORM]: writes the document of an image into the file, and its digest into $DIGEST.
func cmdDocument(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && (len(args) == 3 || len(args) == 4), "document index|manifest|config FILE IMAGE [PLATFORM]")
	platform := platforms.Default()
	if len(args) == 4 {
		p, err := platforms.Parse(args[3])
		ts.Check(err)
		platform = platforms.OnlyStrict(p)
	}
	ts.Check(stageOf(ts).with(func(ctx context.Context, client *containerd.Client) error {
		rec, err := client.ImageService().Get(ctx, args[2])
		if err != nil {
			return err
		}
		store, desc := client.ContentStore(), rec.Target
		if args[0] == "config" {
			if desc, err = images.Config(ctx, store, desc, platform); err != nil {
				return err
			}
		}
		b, err := content.ReadBlob(ctx, store, desc)
		if err != nil {
			return err
		}
		if args[0] == "manifest" && images.IsIndexType(desc.MediaType) {
			m, err := images.Manifest(ctx, store, desc, platform)
			if err != nil {
				return err
			}
			if b, err = json.Marshal(m); err != nil {
				return err
			}
		}
		ts.Setenv("DIGEST", desc.Digest.String())
		return os.WriteFile(ts.MkAbs(args[1]), b, 0o644)
	}))
}

// elf MACHINE PATH IMAGE PLATFORM: the header of the program in the image's unpacked layers says that machine, as EM_AARCH64.
func cmdELF(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 4, "elf MACHINE PATH IMAGE PLATFORM")
	p, err := platforms.Parse(args[3])
	ts.Check(err)
	ts.Check(stageOf(ts).with(func(ctx context.Context, client *containerd.Client) error {
		ctx, done, err := client.WithLease(ctx)
		if err != nil {
			return err
		}
		defer func() { ts.Check(done(ctx)) }()
		rec, err := client.ImageService().Get(ctx, args[2])
		if err != nil {
			return err
		}
		layers, err := containerd.NewImageWithPlatform(client, rec, platforms.OnlyStrict(p)).RootFS(ctx)
		if err != nil {
			return err
		}
		snapshots, key := client.SnapshotService("overlayfs"), stageOf(ts).namespace+"-elf"
		mounts, err := snapshots.View(ctx, key, identity.ChainID(layers).String())
		if err != nil {
			return fmt.Errorf("%s for %s is not unpacked: %w", args[2], args[3], err)
		}
		defer func() { ts.Check(snapshots.Remove(ctx, key)) }()
		return mount.WithTempMount(ctx, mounts, func(root string) error {
			program, err := elf.Open(filepath.Join(root, args[1]))
			if err != nil {
				return err
			}
			defer program.Close()
			if program.Machine.String() != args[0] {
				return fmt.Errorf("%s of %s for %s is of %s", args[1], args[2], args[3], program.Machine)
			}
			return nil
		})
	}))
}

// log NAME REGEXP: what the container wrote matches, within seconds.
func cmdLog(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, len(args) == 2, "log NAME REGEXP")
	re, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	found, _, done, err := stageOf(ts).containers(args[0])
	ts.Check(err)
	defer done()
	if len(found) != 1 {
		ts.Fatalf("%s: %d containers", args[0], len(found))
	}
	var text []byte
	for end := time.Now().Add(90 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		logs, err := filepath.Glob(filepath.Join(stageOf(ts).dataRoot, "*", "*", "*", found[0].ID(), "output.log"))
		ts.Check(err)
		for _, path := range logs {
			text, err = os.ReadFile(path)
			ts.Check(err)
		}
		if re.Match(text) != neg {
			return
		}
	}
	ts.Fatalf("%s: its log is %q; wanted %s", args[0], text, args[1])
}

// nowhere TEXT: it is in no blob of the content store, compressed or not, in no snapshot, in no file of the data root or of the stack's
// directory but those named secret*, and in no command line.
func cmdNowhere(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, len(args) == 1, "nowhere TEXT")
	s := stageOf(ts)
	places, err := s.placesOf([]byte(args[0]))
	ts.Check(err)
	if len(places) > 0 != neg {
		ts.Fatalf("%s is in %d places: %s", args[0], len(places), strings.Join(places, ", "))
	}
}

func (s *stage) placesOf(text []byte) (places []string, err error) {
	err = s.with(func(ctx context.Context, client *containerd.Client) error {
		store := client.ContentStore()
		return store.Walk(ctx, func(i content.Info) error {
			b, err := os.ReadFile(s.daemon.Blob(i.Digest))
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err == nil && (bytes.Contains(b, text) || bytes.Contains(decompressed(b), text)) {
				places = append(places, i.Digest.String())
			}
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	for _, dir := range []string{s.dataRoot, s.work, filepath.Join(s.daemon.Dir, "root", "io.containerd.snapshotter.v1.overlayfs", "snapshots")} {
		_ = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
			if err != nil || !e.Type().IsRegular() || strings.HasPrefix(e.Name(), "secret") {
				return nil // other scripts' snapshots come and go
			}
			if b, err := os.ReadFile(path); err == nil && bytes.Contains(b, text) {
				places = append(places, path)
			}
			return nil
		})
	}
	for _, p := range harness.RunWith(string(text)) {
		places = append(places, fmt.Sprintf("process %d", p.PID))
	}
	return places, nil
}

// decompressed is what is in a compressed layer; nothing for what isn't one.
func decompressed(b []byte) []byte {
	r, err := compression.DecompressStream(bytes.NewReader(b))
	if err != nil {
		return nil
	}
	defer r.Close()
	text, _ := io.ReadAll(r)
	return text
}

// alone ARCH: until the script's end, no other script has to do with what runs the programs of that architecture, as qemu names it. Then
// it is taken away, and what would register it at the next boot.
func cmdAlone(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 1, "alone ARCH")
	rule, err := os.Open("/usr/lib/binfmt.d/qemu-" + args[0] + ".conf") // the handlers are the machine's: other runs of the tests take turns, too
	ts.Check(err)
	ts.Check(unix.Flock(int(rule.Fd()), unix.LOCK_EX))
	ts.Defer(func() {
		defer rule.Close()
		for _, name := range []string{"qemu-" + args[0], "fairlead-qemu-" + args[0]} {
			path := "/proc/sys/fs/binfmt_misc/" + name
			if _, err := os.Stat(path); err == nil {
				ts.Check(os.WriteFile(path, []byte("-1"), 0))
			}
		}
		if err := os.Remove("/etc/binfmt.d/fairlead-qemu-" + args[0] + ".conf"); err != nil && !errors.Is(err, fs.ErrNotExist) {
			ts.Check(err)
		}
	})
}
