package buildkit

import (
	"testing"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"
)

// A RUN's key differs where what it mounts or resolves differs, and where nothing of that is there, the definition stays as it is. Whatever
// is built on a RUN names it by its new digest.
func TestCacheKeys(t *testing.T) {
	run := func(o ...llb.RunOption) llb.State {
		st := llb.Image("example.com/a").Run(append(o, llb.Shlex("true"))...).Root()
		return llb.Scratch().File(llb.Copy(st, "/a", "/b"))
	}
	pass, env := llb.AddSecret("/run/secrets/x", llb.SecretID("pass")), llb.AddSecret("TOKEN", llb.SecretID("token"), llb.SecretAsEnv(true))
	head := func(st llb.State, k cacheKeys) (string, bool) {
		def, err := st.Marshal(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		translated := def.ToPB()
		changed, err := k.complete(translated)
		if err != nil {
			t.Fatal(err)
		}
		known := map[string]bool{}
		for _, raw := range translated.Def {
			var op pb.Op
			if err := op.Unmarshal(raw); err != nil {
				t.Fatal(err)
			}
			for _, in := range op.Inputs {
				if !known[in.Digest] {
					t.Errorf("an op takes %s, which isn't there", in.Digest)
				}
			}
			d := digest.FromBytes(raw).String()
			known[d] = true
			if _, ok := translated.Metadata[d]; !ok {
				t.Errorf("%s has no metadata", d)
			}
		}
		return digest.FromBytes(translated.Def[len(translated.Def)-1]).String(), changed
	}
	for _, tt := range []struct {
		name          string
		state, other  llb.State
		keys, after   cacheKeys
		changed, same bool
	}{
		{"a secret as a file", run(pass), run(pass), cacheKeys{"pass": "1"}, cacheKeys{"pass": "2"}, true, false},
		{"a secret in the environment", run(env), run(env), cacheKeys{"token": "1"}, cacheKeys{"token": "2"}, true, false},
		{"two secrets of one value", run(pass, env), run(pass, env), cacheKeys{"pass": "1", "token": "2"}, cacheKeys{"pass": "2", "token": "1"}, true, false},
		{"unchanged", run(pass, env), run(pass, env), cacheKeys{"pass": "1", "token": "2"}, cacheKeys{"pass": "1", "token": "2"}, true, true},
		{"another's secret", run(pass), run(pass), cacheKeys{"pass": "1", "token": "1"}, cacheKeys{"pass": "1", "token": "2"}, true, true},
		{"one that the block doesn't have", run(pass), run(pass), cacheKeys{}, cacheKeys{"token": "1"}, false, true},
		{"no secret", run(), run(), cacheKeys{"pass": "1"}, cacheKeys{"pass": "2"}, false, true},
		{"an extra host", run(llb.AddExtraHost("h", []byte{10, 0, 0, 1})), run(llb.AddExtraHost("h", []byte{10, 0, 0, 2})), cacheKeys{}, cacheKeys{}, true, false},
	} {
		before, changed := head(tt.state, tt.keys)
		after, _ := head(tt.other, tt.after)
		if changed != tt.changed || (before == after) != tt.same {
			t.Errorf("%s: changed %v, same %v", tt.name, changed, before == after)
		}
	}
}
