package buildkit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/moby/buildkit/client"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/pb"
	"github.com/moby/buildkit/solver/result"
	"github.com/opencontainers/go-digest"
)

// keyMount is where the mount is that carries a key: nowhere, because nothing has its secret and it is optional.
const keyMount = "/run/fairlead"

// cacheKeys complete the cache keys of RUN instructions. BuildKit's key of a RUN leaves out the content of the secrets that it mounts and
// the addresses of its extra hosts, so a RUN whose secret changed would be taken from the cache. With cacheKeys, each RUN that depends on
// one of these has one more mount, of an optional secret that nobody has: its ID is in BuildKit's key, and the RUN sees nothing of it.
type cacheKeys map[string]string // keyed hash of a secret's value, by the secret's ID

// keysOf gives a request's; nil where BuildKit's own keys are enough.
func keysOf(r Request) cacheKeys {
	if len(r.Local.Secrets) == 0 && len(r.Build.ExtraHosts) == 0 {
		return nil
	}
	keys := cacheKeys{}
	for id, s := range r.Local.Secrets {
		keys[id] = s.Sum
	}
	return keys
}

// build lets the frontend translate the Dockerfile, and solves what it gives with complete keys. The frontend has evaluated nothing by then
// but what it reads itself.
func (k cacheKeys) build(ctx context.Context, c gateway.Client, opt client.SolveOpt) (*gateway.Result, error) {
	res, err := c.Solve(ctx, gateway.SolveRequest{Frontend: opt.Frontend, FrontendOpt: maps.Clone(opt.FrontendAttrs)})
	if err != nil {
		return nil, err
	}
	imports, err := cacheImports(c.BuildOpts().Opts)
	if err != nil {
		return nil, err
	}
	return result.ConvertResult(res, func(ref gateway.Reference) (gateway.Reference, error) {
		state, err := ref.ToState()
		if err != nil {
			return nil, err
		}
		def, err := state.Marshal(ctx)
		if err != nil {
			return nil, err
		}
		translated := def.ToPB()
		if changed, err := k.complete(translated); err != nil || !changed {
			return ref, err
		}
		res, err := c.Solve(ctx, gateway.SolveRequest{Definition: translated, CacheImports: imports})
		if err != nil {
			return nil, err
		}
		return res.SingleRef()
	})
}

// cacheImports are the caches to read from, which the client passes to frontends as one of their options.
func cacheImports(opts map[string]string) (out []gateway.CacheOptionsEntry, err error) {
	if text := opts["cache-imports"]; text != "" {
		err = json.Unmarshal([]byte(text), &out)
	}
	return out, err
}

// complete puts the mounts into a definition. An op is named by its digest in the ops that take its result, so these change too.
func (k cacheKeys) complete(def *pb.Definition) (changed bool, err error) {
	renamed := map[string]string{}
	for i, raw := range def.Def {
		var op pb.Op
		if err := op.Unmarshal(raw); err != nil {
			return false, fmt.Errorf("definition of the build: %w", err)
		}
		dirty := k.mount(op.GetExec())
		for _, in := range op.Inputs {
			if to, ok := renamed[in.Digest]; ok {
				in.Digest, dirty = to, true
			}
		}
		if !dirty {
			continue
		}
		if def.Def[i], err = op.Marshal(); err != nil {
			return false, fmt.Errorf("definition of the build: %w", err)
		}
		renamed[digest.FromBytes(raw).String()] = digest.FromBytes(def.Def[i]).String()
	}
	for from, to := range renamed {
		renameKey(def.Metadata, from, to)
		renameKey(def.GetSource().GetLocations(), from, to)
	}
	return len(renamed) > 0, nil
}

func renameKey[V any](m map[string]V, from, to string) {
	if v, ok := m[from]; ok {
		delete(m, from)
		m[to] = v
	}
}

// mount adds the mount to an instruction that needs it; nil is an op that runs nothing.
func (k cacheKeys) mount(op *pb.ExecOp) bool {
	if op == nil {
		return false
	}
	parts := map[string]string{}
	note := func(id string) {
		if sum, ok := k[id]; ok {
			parts["secret "+id] = sum
		}
	}
	for _, m := range op.Mounts {
		if m.MountType == pb.MountType_SECRET {
			note(m.SecretOpt.GetID())
		}
	}
	for _, s := range op.Secretenv {
		note(s.ID)
	}
	for _, h := range op.GetMeta().GetExtraHosts() {
		parts["host "+h.Host] = h.IP
	}
	if len(parts) == 0 {
		return false
	}
	sum := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		fmt.Fprintf(sum, "%d:%s%d:%s", len(name), name, len(parts[name]), parts[name])
	}
	op.Mounts = append(op.Mounts, &pb.Mount{
		Input: int64(pb.Empty), Output: int64(pb.SkipOutput), Dest: keyMount, MountType: pb.MountType_SECRET,
		SecretOpt: &pb.SecretOpt{ID: "fairlead:" + hex.EncodeToString(sum.Sum(nil)), Mode: 0o400, Optional: true},
	})
	return true
}
