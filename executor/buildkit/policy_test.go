package buildkit

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/frontend/dockerfile/dfgitutil"
	"github.com/moby/buildkit/solver/pb"
	"github.com/moby/buildkit/sourcepolicy"
	policy "github.com/moby/buildkit/sourcepolicy/pb"

	"github.com/fairlead-dev/fairlead/spec"
)

// What a Dockerfile takes from servers is converted to what is pinned, as BuildKit's own engine does it; what has a checksum stays.
func TestPolicy(t *testing.T) {
	commit := "1111111111111111111111111111111111111111"
	p, err := policyOf(Request{Pins: map[string]string{"docker.io/library/a:1": "docker.io/library/a@sha256:1"}, Remotes: []spec.Remote{
		{URL: "https://example.com/f", Digest: "sha256:f"}, {URL: "https://example.com/r.git", Commit: commit},
		{URL: "https://me:hidden@example.com/r.git?branch=dev&subdir=x", Commit: commit}, {URL: "git@example.com:s.git#v1:y", Commit: commit},
	}})
	if err != nil {
		t.Fatal(err)
	}
	engine := sourcepolicy.NewEngine([]*policy.Policy{p})
	git := func(url, checksum string) *pb.SourceOp {
		ref, _, err := dfgitutil.ParseGitRef(url)
		if err != nil {
			t.Fatal(err)
		}
		options := []llb.GitOption{llb.GitRef(ref.Ref), llb.GitSubDir(ref.SubDir), llb.KnownSSHHosts("none")}
		if checksum != "" {
			options = append(options, llb.GitChecksum(checksum))
		}
		d, err := llb.Git(ref.Remote, "", options...).Marshal(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var op pb.Op
		if err := op.UnmarshalVT(d.Def[0]); err != nil {
			t.Fatal(err)
		}
		return op.GetSource()
	}
	for _, tt := range []struct {
		op             *pb.SourceOp
		want, checksum string
	}{
		{&pb.SourceOp{Identifier: "docker-image://docker.io/library/a:1"}, "docker-image://docker.io/library/a@sha256:1", ""},
		{&pb.SourceOp{Identifier: "https://example.com/f"}, "https://example.com/f", "sha256:f"},
		{&pb.SourceOp{Identifier: "https://example.com/f", Attrs: map[string]string{pb.AttrHTTPChecksum: "sha256:own"}}, "https://example.com/f", "sha256:own"},
		{&pb.SourceOp{Identifier: "https://example.com/f2"}, "https://example.com/f2", ""},
		{git("https://example.com/r.git", ""), "git://example.com/r.git#" + commit, ""},
		{git("https://example.com/r.git#other", ""), "git://example.com/r.git#other", ""},
		{git("https://example.com/r.git", "abc"), "git://example.com/r.git", ""},
		{git("https://me:hidden@example.com/r.git?branch=dev&subdir=x", ""), "git://example.com/r.git#" + commit + ":x", ""},
		{git("git@example.com:s.git#v1:y", ""), "git://example.com/s.git#" + commit + ":y", ""},
	} {
		was := tt.op.Identifier
		if _, err := engine.Evaluate(t.Context(), tt.op); err != nil {
			t.Error(was, err)
		}
		if diff := cmp.Diff([]string{tt.want, tt.checksum}, []string{tt.op.Identifier, tt.op.Attrs[pb.AttrHTTPChecksum]}); diff != "" {
			t.Errorf("%s (-want +got): %s", was, diff)
		}
	}
}
