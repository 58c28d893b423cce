package buildkit

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/session/secrets/secretsprovider"
	"github.com/moby/buildkit/session/sshforward/sshprovider"
	"github.com/moby/buildkit/util/entitlements"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/fairlead-dev/fairlead/spec"
)

const (
	frontend  = "dockerfile.v0"
	epochArg  = "SOURCE_DATE_EPOCH"
	zeroEpoch = "0"
)

// solveOpt writes a request as BuildKit wants it, but for where the image goes. done lets go of the files that are open for it.
func (b *Builder) solveOpt(r Request, store content.Store) (opt client.SolveOpt, done func(), err error) {
	in, err := inputsOf(r, store)
	if err != nil {
		return opt, nil, err
	}
	maps.Copy(in.attrs, attrsOf(r))
	opt = client.SolveOpt{
		Frontend:      frontend,
		FrontendAttrs: in.attrs,
		LocalMounts:   in.mounts,
		OCIStores:     in.stores,
		SharedKey:     b.o.Stack + " " + r.Key, // uploads of one context find what the last one left
		Session:       append(in.attach, &logins{hosts: b.hosts}, secretsprovider.FromMap(r.secretValues())),
		CacheImports:  cachesOf(slices.DeleteFunc(slices.Clone(r.Build.CacheFrom), isNoCache)),
		CacheExports:  cachesOf(r.Build.CacheTo),
		Internal:      true, // BuildKit's history would keep the image after its record is gone
	}
	if len(r.Build.SSH) > 0 {
		agents, err := sshprovider.NewSSHAgentProvider(agentsOf(r.Build.SSH))
		if err != nil {
			in.close()
			return opt, nil, fmt.Errorf("ssh: %w", err)
		}
		opt.Session = append(opt.Session, agents)
	}
	if r.Build.Network == "host" {
		opt.AllowedEntitlements = []string{entitlements.EntitlementNetworkHost.String()}
	}
	if opt.SourcePolicy, err = policyOf(r); err != nil {
		in.close()
		return opt, nil, err
	}
	return opt, in.close, nil
}

func (r Request) secretValues() map[string][]byte {
	out := map[string][]byte{}
	for id, s := range r.Local.Secrets {
		out[id] = s.Value
	}
	return out
}

// attrsOf gives the frontend's options, but for the inputs.
func attrsOf(r Request) map[string]string {
	bd := r.Build
	attrs := map[string]string{"build-arg:" + epochArg: zeroEpoch}
	for k, v := range bd.Args {
		attrs["build-arg:"+k] = v
	}
	for k, v := range bd.Labels {
		attrs["label:"+k] = v
	}
	for _, o := range []struct {
		key, value string
		set        bool
	}{
		{"platform", strings.Join(r.Platforms, ","), len(r.Platforms) > 0},
		{"target", bd.Target, bd.Target != ""},
		{"force-network-mode", bd.Network, bd.Network != ""},
		{"add-hosts", joinPairs(bd.ExtraHosts), len(bd.ExtraHosts) > 0},
		{"shm-size", strconv.FormatInt(bd.ShmSize, 10), bd.ShmSize > 0},
		{"ulimit", joinPairs(bd.Ulimits), len(bd.Ulimits) > 0},
		{"no-cache", "", bd.NoCache},
		{"attest:provenance", "mode=min", bd.Provenance},
		{"attest:sbom", "", bd.SBOM},
	} {
		if o.set {
			attrs[o.key] = o.value
		}
	}
	return attrs
}

// joinPairs writes a map as K=V,K=V, sorted.
func joinPairs(m map[string]string) string {
	words := make([]string, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		words = append(words, k+"="+m[k])
	}
	return strings.Join(words, ",")
}

// cachesOf copies the attributes: the client writes into them.
func cachesOf(caches []spec.BuildCache) []client.CacheOptionsEntry {
	var out []client.CacheOptionsEntry
	for _, c := range caches {
		attrs := maps.Clone(c.Attrs)
		if attrs == nil {
			attrs = map[string]string{}
		}
		out = append(out, client.CacheOptionsEntry{Type: c.Type, Attrs: attrs})
	}
	return out
}

// isNoCache tells of a local cache that isn't there, as before it is first written: the client would make its directory.
func isNoCache(c spec.BuildCache) bool {
	if c.Type != "local" {
		return false
	}
	_, err := os.Stat(filepath.Join(c.Attrs["src"], ocispec.ImageIndexFile))
	return err != nil
}

func agentsOf(words []string) []sshprovider.AgentConfig {
	out := make([]sshprovider.AgentConfig, len(words))
	for i, w := range words {
		id, path, named := strings.Cut(w, "=")
		if out[i].ID = id; named {
			out[i].Paths = []string{path}
		}
	}
	return out
}
