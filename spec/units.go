package spec

import (
	"fmt"
	"math"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/containerd/platforms"
	"github.com/distribution/reference"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sys/unix"
)

var sizePattern = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?) ?([KMGTP]i?B|B)?$`)

var sizeUnits = map[string]int64{
	"": 1, "B": 1,
	"KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "PB": 1e15,
	"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40, "PiB": 1 << 50,
}

// ParseSize reads a number of bytes: "64MiB" (powers of 1024), "64MB" (powers of 1000), "1.5GiB", "4096".
func ParseSize(s string) (int64, error) {
	m := sizePattern.FindStringSubmatch(s)
	if m == nil {
		return 0, fmt.Errorf("%q is no size: write a number of bytes, or a number and a unit, as in \"64MiB\" (64 × 1024 × 1024) or \"64MB\" (64 × 1000 × 1000)", s)
	}
	n, ok := new(big.Rat).SetString(m[1])
	if !ok {
		return 0, fmt.Errorf("%q is no size", s)
	}
	n.Mul(n, new(big.Rat).SetInt64(sizeUnits[m[2]]))
	whole := new(big.Int).Quo(n.Num(), n.Denom())
	if !whole.IsInt64() {
		return 0, fmt.Errorf("%q is more bytes than a file system can hold", s)
	}
	return whole.Int64(), nil
}

// ParseDuration reads a length of time with its units: "10s", "1m30s", "500ms".
func ParseDuration(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil {
		if _, bare := strconv.ParseFloat(s, 64); bare == nil {
			return 0, fmt.Errorf("%q has no unit: write \"%ss\" for seconds, \"%sm\" for minutes", s, s, s)
		}
		return 0, fmt.Errorf("%q is no length of time: write numbers with units, as in \"10s\", \"1m30s\" or \"500ms\"", s)
	}
	if d < 0 {
		return 0, fmt.Errorf("%q is below zero", s)
	}
	return d, nil
}

var (
	knownOS     = []string{"linux", "windows", "darwin", "freebsd"}
	knownArches = []string{"amd64", "arm64", "arm", "386", "ppc64le", "s390x", "riscv64", "mips64le", "mips64", "mipsle", "mips", "loong64", "ppc64"}
)

// ParsePlatform reads a platform and gives its normal form: "linux/arm64", "linux/arm/v7". The architecture alone will do.
func ParsePlatform(s string) (string, error) {
	full := s
	if arch, _, _ := strings.Cut(s, "/"); slices.Contains(knownArches, arch) && arch != s {
		full = "linux/" + s
	}
	p, err := platforms.Parse(full)
	if err != nil || s == "" || strings.Contains(s, "*") || slices.Contains(knownOS, strings.ToLower(s)) {
		return "", fmt.Errorf("%q is no platform: write os/architecture or os/architecture/variant, as in \"linux/arm64\" or \"linux/arm/v7\"", s)
	}
	p = platforms.Normalize(p)
	if !slices.Contains(knownOS, p.OS) {
		return "", fmt.Errorf("%q is no platform: there is no operating system %q.%s", s, p.OS, DidYouMean(p.OS, knownOS))
	}
	if p.OS != "linux" {
		return "", fmt.Errorf("%q cannot run here: containers are of linux", s)
	}
	if !slices.Contains(knownArches, p.Architecture) {
		return "", fmt.Errorf("%q is no platform: there is no architecture %q.%s", s, p.Architecture, DidYouMean(p.Architecture, knownArches))
	}
	if p.Architecture == "arm" && p.Variant == "" {
		p.Variant = "v7"
	}
	p.OSVersion, p.OSFeatures = "", nil
	return platforms.Format(p), nil
}

// PlatformName gives a platform's normal form, as ParsePlatform does; false for what is no platform, such as an attestation.
func PlatformName(p *ocispec.Platform) (string, bool) {
	if p == nil || p.OS == "" || p.OS == "unknown" || p.Architecture == "" || p.Architecture == "unknown" {
		return "", false
	}
	n := platforms.Normalize(*p)
	n.OSVersion, n.OSFeatures = "", nil
	return platforms.Format(n), true
}

// ParseReference reads the name of an image and gives its normal form, with host, path and tag or digest:
// "nginx" is docker.io/library/nginx:latest.
func ParseReference(s string) (string, error) {
	r, err := reference.ParseDockerRef(s)
	if err != nil {
		why := strings.TrimPrefix(strings.TrimSuffix(err.Error(), "."), "invalid reference format: ")
		if why == "invalid reference format" {
			why = "it is not formed like one"
		}
		switch {
		case s == "":
			why = "it is empty"
		case strings.Contains(s, "://"):
			why = "a reference has no scheme: leave " + s[:strings.Index(s, "://")+3] + " out"
		case strings.ToLower(s) != s && !strings.Contains(why, "lowercase"):
			why = "a repository is in lower case"
		case strings.ContainsAny(s, " \t\n"):
			why = "it has a blank in it"
		}
		return "", fmt.Errorf("%q is no image reference: %s. Write it as in \"nginx:1.27\" or \"registry.example.com/team/app:1.0\"", Shown(s), why)
	}
	return r.String(), nil
}

// ParseTag is ParseReference for a name that is given to something: it has no digest.
func ParseTag(s string) (string, error) {
	r, err := ParseReference(s)
	if err != nil {
		return "", err
	}
	if strings.Contains(r, "@") {
		return "", fmt.Errorf("%q has a digest, which comes from the content and cannot be given: end the name with a tag", s)
	}
	return r, nil
}

const noSignal = "%q is no signal: write a name, as in \"SIGTERM\".%s"

// ParseSignal reads a signal and gives its normal form: "SIGINT". "INT", "int" and "2" are the same.
func ParseSignal(s string) (string, error) {
	if s == "" { // which is like none: images that set no signal say it at each plan
		return "", fmt.Errorf(noSignal, s, "")
	}
	name := strings.ToUpper(s)
	if n, err := strconv.Atoi(name); err == nil {
		return signalByNumber(s, n)
	}
	if !strings.HasPrefix(name, "SIG") {
		name = "SIG" + name
	}
	if rest, ok := strings.CutPrefix(name, "SIGRTMIN"); ok {
		if rest == "" {
			return name, nil
		}
		if n, err := strconv.Atoi(strings.TrimPrefix(rest, "+")); err == nil && rest[0] == '+' && n >= 0 && n <= 30 {
			return signalByNumber(s, 34+n)
		}
	}
	if rest, ok := strings.CutPrefix(name, "SIGRTMAX"); ok {
		if rest == "" {
			return signalByNumber(s, 64)
		}
		if n, err := strconv.Atoi(strings.TrimPrefix(rest, "-")); err == nil && rest[0] == '-' && n >= 0 && n <= 30 {
			return signalByNumber(s, 64-n)
		}
	}
	if sig := unix.SignalNum(name); sig != 0 {
		return unix.SignalName(sig), nil
	}
	var known []string
	for n := 1; n < 32; n++ {
		known = append(known, unix.SignalName(unix.Signal(n)))
	}
	return "", fmt.Errorf(noSignal, s, DidYouMean(name, known))
}

func signalByNumber(s string, n int) (string, error) {
	switch {
	case n >= 1 && n < 32:
		return unix.SignalName(unix.Signal(n)), nil
	case n == 34:
		return "SIGRTMIN", nil
	case n > 34 && n <= 64:
		return "SIGRTMIN+" + strconv.Itoa(n-34), nil
	}
	return "", fmt.Errorf("%q is no signal: numbers go from 1 to 31 and from 34 to 64; write a name, as in \"SIGTERM\"", s)
}

var modePattern = regexp.MustCompile(`^0*([0-7]{1,4})$`)

// ParseMode reads the permissions of a file in octal digits and gives them with four: "1777", "0755".
func ParseMode(s string) (string, error) {
	m := modePattern.FindStringSubmatch(s)
	if m == nil {
		return "", fmt.Errorf("%q is no mode: write octal digits in quotes, as in \"0755\" or \"1777\"", s)
	}
	return strings.Repeat("0", 4-len(m[1])) + m[1], nil
}

// parseRestart reads no, always, unless-stopped, on-failure and on-failure:N.
func parseRestart(s string) (Restart, error) {
	known := []string{RestartNo, RestartAlways, RestartOnFailure, RestartUnlessStopped}
	word, count, counted := strings.Cut(s, ":")
	if !slices.Contains(known, word) {
		return Restart{}, fmt.Errorf("%q is no restart policy: there are %s (and \"on-failure:3\", three times at most).%s", s, quotedList(known, "and"), DidYouMean(word, known))
	}
	if !counted {
		return Restart{Policy: word}, nil
	}
	n, err := strconv.Atoi(count)
	if word != RestartOnFailure || err != nil || n < 1 || n > math.MaxInt32 {
		return Restart{}, fmt.Errorf("%q is no restart policy: only \"on-failure\" takes a number, which is 1 or more, as in \"on-failure:3\"", s)
	}
	return Restart{Policy: word, Max: n}, nil
}
