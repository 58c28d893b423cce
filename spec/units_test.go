package spec

import (
	"encoding/json"
	"sort"
	"strings"
	"testing"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

func TestParseSize(t *testing.T) {
	for in, want := range map[string]int64{
		"0": 0, "4096": 4096, "1B": 1, "64MiB": 64 << 20, "64MB": 64e6, "64 MB": 64e6, "1.5GiB": 3 << 29, "1KiB": 1024, "1KB": 1000, "0.1KB": 100, "7PiB": 7 << 50,
		"0.0001KB": 0,
	} {
		if got, err := ParseSize(in); err != nil || got != want {
			t.Errorf("%q: %d, %v; %d is wanted", in, got, err, want)
		}
	}
	for _, in := range []string{"", "-1", "1k", "64mb", "MiB", "1e3", "1,5GiB", "1.GiB", " 1", "1\n", "99999999999999999999", "9999999PiB", "0x10"} {
		if got, err := ParseSize(in); err == nil {
			t.Errorf("%q is taken as %d", in, got)
		}
	}
}

func TestParseDuration(t *testing.T) {
	for in, want := range map[string]time.Duration{"10s": 10 * time.Second, "1m30s": 90 * time.Second, "500ms": time.Second / 2, "1h": time.Hour, "0s": 0} {
		if got, err := ParseDuration(in); err != nil || got != want {
			t.Errorf("%q: %s, %v; %s is wanted", in, got, err, want)
		}
	}
	for _, in := range []string{"", "10", "ten", "-1s", "1d", "1 s", "9999999999h"} {
		if got, err := ParseDuration(in); err == nil {
			t.Errorf("%q is taken as %s", in, got)
		}
	}
}

func TestParsePlatform(t *testing.T) {
	for in, want := range map[string]string{
		"linux/arm64": "linux/arm64", "linux/arm64/v8": "linux/arm64", "aarch64": "linux/arm64", "arm64": "linux/arm64", "linux/arm": "linux/arm/v7",
		"linux/arm/v7": "linux/arm/v7", "arm/v6": "linux/arm/v6", "armhf": "linux/arm/v7", "x86_64": "linux/amd64", "linux/amd64/v1": "linux/amd64", "LINUX/AMD64": "linux/amd64",
		"i386": "linux/386", "linux/riscv64": "linux/riscv64",
	} {
		if got, err := ParsePlatform(in); err != nil || got != want {
			t.Errorf("%q: %q, %v; %q is wanted", in, got, err, want)
		}
	}
	for _, in := range []string{"", "linux", "linux/", "/amd64", "linux/arm65", "windows/amd64", "a/b/c/d", "*", "linux/*", "darwin/arm64", "linux/amd64 "} {
		if got, err := ParsePlatform(in); err == nil {
			t.Errorf("%q is taken as %q", in, got)
		}
	}
}

func TestParseReference(t *testing.T) {
	hex := "@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	for in, want := range map[string]string{
		"nginx": "docker.io/library/nginx:latest", "docker.io/nginx": "docker.io/library/nginx:latest", "index.docker.io/library/nginx:1": "docker.io/library/nginx:1",
		"team/app": "docker.io/team/app:latest", "localhost:5000/a/b/c:v": "localhost:5000/a/b/c:v", "nginx" + hex: "docker.io/library/nginx" + hex, "nginx:1" + hex: "docker.io/library/nginx" + hex,
	} {
		if got, err := ParseReference(in); err != nil || got != want {
			t.Errorf("%q: %q, %v; %q is wanted", in, got, err, want)
		}
	}
	for _, in := range []string{"", "Nginx", "a b", "https://x/y", "x:", ":x", "x@sha256:1", "x//y", "../x"} {
		if got, err := ParseReference(in); err == nil {
			t.Errorf("%q is taken as %q", in, got)
		}
	}
}

func TestParseSignal(t *testing.T) {
	for in, want := range map[string]string{"SIGINT": "SIGINT", "int": "SIGINT", "2": "SIGINT", "SIGRTMIN+3": "SIGRTMIN+3", "37": "SIGRTMIN+3", "rtmin": "SIGRTMIN", "SIGRTMAX-1": "SIGRTMIN+29", "9": "SIGKILL"} {
		if got, err := ParseSignal(in); err != nil || got != want {
			t.Errorf("%q: %q, %v; %q is wanted", in, got, err, want)
		}
	}
	for _, in := range []string{"", "SIG", "0", "-1", "32", "65", "SIGTREM", "SIGRTMIN+", "SIGRTMIN+99", "SIGRTMAX+1"} {
		if got, err := ParseSignal(in); err == nil {
			t.Errorf("%q is taken as %q", in, got)
		}
	}
}

func TestParseMode(t *testing.T) {
	for in, want := range map[string]string{"755": "0755", "0755": "0755", "1777": "1777", "01777": "1777", "0": "0000"} {
		if got, err := ParseMode(in); err != nil || got != want {
			t.Errorf("%q: %q, %v; %q is wanted", in, got, err, want)
		}
	}
	for _, in := range []string{"", "0999", "77777", "rwx", "0o755", "-1"} {
		if got, err := ParseMode(in); err == nil {
			t.Errorf("%q is taken as %q", in, got)
		}
	}
}

func TestAddr(t *testing.T) {
	for text, want := range map[string]Addr{
		"container.web":                          {Kind: KindContainer, Name: "web"},
		`container.web["a"]`:                     {Kind: KindContainer, Name: "web", Key: `"a"`},
		`container.web["]\"."]`:                  {Kind: KindContainer, Name: "web", Key: `"]\"."`},
		"image.app[0]":                           {Kind: KindImage, Name: "app", Key: "0"},
		`image."docker.io/library/nginx:latest"`: {Kind: KindImage, Name: "docker.io/library/nginx:latest"},
		"emulator.arm64":                         {Kind: KindEmulator, Name: "arm64"},
		`emulator."arm/v7"`:                      {Kind: KindEmulator, Name: "arm/v7"},
		`emulator."386"`:                         {Kind: KindEmulator, Name: "386"},
	} {
		got, err := ParseAddr(text)
		if err != nil || got != want || got.String() != text {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
		b, err := json.Marshal(map[Addr]Addr{got: got})
		var back map[Addr]Addr
		if err != nil || json.Unmarshal(b, &back) != nil || back[want] != want {
			t.Errorf("%s does not survive JSON: %s, %v", text, b, err)
		}
	}
	for _, text := range []string{"", "web", "container.", "contaner.web", "container.web[", "container.web[]", "container.web[-1]", "container.web[01]", `container.web["a]`, "container.web]", "container.a.b", `image."x`, `image.""`, "emulator.", "emulator.arm65", "emulator.arm64[0]"} {
		if got, err := ParseAddr(text); err == nil {
			t.Errorf("%q is taken as %+v", text, got)
		}
	}
	for text, want := range map[string]string{"emulator.arm": `emulator."arm/v7"`, "emulator.linux/arm64": "emulator.arm64", `emulator."linux/386"`: `emulator."386"`, "emulator.riscv64": "emulator.riscv64"} {
		if got, err := ParseAddr(text); err != nil || got.String() != want {
			t.Errorf("%s is %s, %v, and %s is wanted", text, got, err, want)
		}
	}
	if k := (Addr{Key: `"a b"`}).KeyText(); k != "a b" {
		t.Error(k)
	}
}

func FuzzUnits(f *testing.F) {
	for _, s := range []string{"64MiB", "1.5GiB", "10s", "linux/arm/v7", "SIGRTMIN+3", "0755", "nginx:1", "on-failure:3", `container.web["a"]`, "image.app[0]", `image."a/b:c"`, "emulator.arm", `emulator."arm/v6"`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if n, err := ParseSize(s); err == nil && n < 0 {
			t.Errorf("size %q is %d", s, n)
		}
		if d, err := ParseDuration(s); err == nil && d < 0 {
			t.Errorf("duration %q is %s", s, d)
		}
		again(t, "platform", s, ParsePlatform)
		again(t, "reference", s, ParseReference)
		again(t, "signal", s, ParseSignal)
		again(t, "mode", s, ParseMode)
		again(t, "restart", s, func(s string) (string, error) { r, err := parseRestart(s); return r.String(), err })
		again(t, "address", s, func(s string) (string, error) { a, err := ParseAddr(s); return a.String(), err })
	})
}

// again checks that a normal form is its own normal form.
func again(t *testing.T, what, s string, parse func(string) (string, error)) {
	t.Helper()
	once, err := parse(s)
	if err != nil {
		return
	}
	if twice, err := parse(once); err != nil || twice != once {
		t.Errorf("%s %q is %q, and that is %q, %v", what, s, once, twice, err)
	}
}

func TestPlatformName(t *testing.T) {
	var got []string
	for _, p := range []ocispec.Platform{{OS: "linux", Architecture: "x86_64"}, {OS: "linux", Architecture: "aarch64", Variant: "8"}, {OS: "linux", Architecture: "arm"},
		{OS: "linux", Architecture: "arm", Variant: "v6"}, {OS: "windows", Architecture: "amd64", OSVersion: "10.0"}, {OS: "unknown", Architecture: "unknown"}, {OS: "linux"}} {
		s, ok := PlatformName(&p)
		if ok {
			got = append(got, s)
		}
	}
	sort.Strings(got)
	if want := "linux/amd64 linux/arm/v6 linux/arm/v7 linux/arm64 windows/amd64"; strings.Join(got, " ") != want {
		t.Errorf("%q; want %q", got, want)
	}
	if _, ok := PlatformName(nil); ok {
		t.Error("nothing is a platform")
	}
}
