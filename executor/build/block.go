package build

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/fairlead-dev/fairlead/executor/stream"
	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

// blockInputs are those that the block itself has. What only changes how fast or from where it is built is none: cache_from,
// cache_to but an inline one, ssh.
func blockInputs(b *spec.Build, o Options, u *uses) planner.Inputs {
	out := argInputs(b, u)
	for _, p := range o.Platforms {
		out = append(out, planner.Input{Kind: planner.InputPlatform, Name: p, Value: "yes"})
	}
	for name, value := range optionValues(b) {
		out = append(out, planner.Input{Kind: planner.InputOption, Name: name, Value: value})
	}
	return out
}

// optionValues are the set attributes that change the result, by name.
func optionValues(b *spec.Build) map[string]string {
	inline := slices.ContainsFunc(b.CacheTo, func(c spec.BuildCache) bool { return c.Type == "inline" })
	out := map[string]string{}
	for name, value := range map[string]string{
		"target":       strings.ToLower(b.Target),
		"network":      b.Network,
		"shm_size":     positiveText(b.ShmSize),
		"provenance":   yesIf(b.Provenance),
		"sbom":         yesIf(b.SBOM),
		"inline cache": yesIf(inline), // it is written into the image's config
	} {
		if value != "" {
			out[name] = value
		}
	}
	for prefix, set := range map[string]map[string]string{"label": b.Labels, "annotation": b.Annotations, "extra_host": b.ExtraHosts, "ulimit": b.Ulimits} {
		for name, value := range set {
			out[prefix+" "+name] = value
		}
	}
	return out
}

func yesIf(b bool) string {
	if b {
		return "yes"
	}
	return ""
}

func positiveText(n int64) string {
	if n > 0 {
		return strconv.FormatInt(n, 10)
	}
	return ""
}

// maxSecret bounds a secret, as BuildKit does.
const maxSecret = 500 << 10

// readSecrets reads the values of a build's secrets, by ID.
func readSecrets(all []spec.BuildSecret, o Options) (map[string]Secret, error) {
	out := map[string]Secret{}
	var key []byte
	for _, s := range all {
		value, err := secretValue(s, o)
		if err != nil {
			return nil, fmt.Errorf("secret %q: %w", s.ID, err)
		}
		if key == nil {
			if key, err = o.Key(); err != nil {
				return nil, err
			}
		}
		out[s.ID] = Secret{value, keyedHash(s.ID, value, key)}
	}
	return out, nil
}

func secretValue(s spec.BuildSecret, o Options) ([]byte, error) {
	if s.Env != "" {
		value, ok := o.Env(s.Env)
		if !ok {
			return nil, fmt.Errorf("the environment has no %s, which it is taken from. Set it, or take the secret from a file", s.Env)
		}
		return []byte(value), nil
	}
	f, err := spec.OpenRegular(s.File)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: there is no such file. Write it, or correct the path", s.File)
	}
	if err != nil {
		return nil, stream.Unreadable(s.File, err)
	}
	defer f.Close()
	value, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return nil, stream.Unreadable(s.File, err)
	}
	if len(value) > maxSecret {
		return nil, fmt.Errorf("%s: it must have at most %d bytes, which is BuildKit's limit for a secret", s.File, maxSecret)
	}
	return value, nil
}

// keyedHash is of a secret's value, with its ID in it: two secrets of one value look different.
func keyedHash(id string, value, key []byte) string {
	sum := hmac.New(sha256.New, key)
	fmt.Fprintf(sum, "%d:%s%s", len(id), id, value)
	return "hmac-sha256:" + hex.EncodeToString(sum.Sum(nil))
}

// digestOf is the digest of bytes in memory.
func digestOf(b []byte) string {
	return digest.FromBytes(b).String()
}
