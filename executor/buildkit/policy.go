package buildkit

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/distribution/reference"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/frontend/dockerfile/dfgitutil"
	"github.com/moby/buildkit/solver/pb"
	policy "github.com/moby/buildkit/sourcepolicy/pb"

	"github.com/fairlead-dev/fairlead/spec"
)

// policyOf makes the builder take each pinned image at its digest, wherever a Dockerfile names it: FROM, COPY --from, # syntax; each file
// with the content that is pinned, or fail; and each repository at its commit.
func policyOf(r Request) (*policy.Policy, error) {
	out := &policy.Policy{Version: 1}
	for _, name := range slices.Sorted(maps.Keys(r.Pins)) {
		named, err := reference.ParseDockerRef(name)
		if err != nil {
			return nil, fmt.Errorf("image %s: %w", name, err)
		}
		out.Rules = append(out.Rules, convertRule("docker-image://"+named.String(), &policy.Update{Identifier: "docker-image://" + r.Pins[name]}))
	}
	for _, remote := range r.Remotes {
		rule, err := ruleOf(remote)
		if err != nil {
			return nil, fmt.Errorf("ADD %s: %w", spec.Shown(remote.URL), err)
		}
		out.Rules = append(out.Rules, rule)
	}
	if len(out.Rules) == 0 {
		return nil, nil
	}
	return out, nil
}

func convertRule(identifier string, to *policy.Update) *policy.Rule {
	return &policy.Rule{
		Action:   policy.PolicyAction_CONVERT,
		Selector: &policy.Selector{Identifier: identifier, MatchType: policy.MatchType_EXACT},
		Updates:  to,
	}
}

// ruleOf is for what has no checksum of its own: an ADD of the same URL with one stays as it is.
func ruleOf(r spec.Remote) (*policy.Rule, error) {
	if r.Commit == "" {
		rule := convertRule(r.URL, &policy.Update{Attrs: map[string]string{pb.AttrHTTPChecksum: r.Digest}})
		rule.Selector.Constraints = []*policy.AttrConstraint{{Key: pb.AttrHTTPChecksum, Condition: policy.AttrMatch_EQUAL}}
		return rule, nil
	}
	ref, _, err := dfgitutil.ParseGitRef(r.URL)
	if err != nil {
		return nil, err
	}
	from, err := gitIdentifier(ref, ref.Ref)
	if err != nil {
		return nil, err
	}
	to, err := gitIdentifier(ref, r.Commit)
	if err != nil {
		return nil, err
	}
	rule := convertRule(from, &policy.Update{Identifier: to})
	rule.Selector.Constraints = []*policy.AttrConstraint{{Key: pb.AttrGitChecksum, Condition: policy.AttrMatch_EQUAL}}
	return rule, nil
}

// gitIdentifier is the name that the frontend gives a repository at a ref.
func gitIdentifier(ref *dfgitutil.GitRef, at string) (string, error) {
	// The host's keys are asked for where none are given.
	state := llb.Git(ref.Remote, "", llb.GitRef(at), llb.GitSubDir(ref.SubDir), llb.KnownSSHHosts("none"))
	definition, err := state.Marshal(context.Background())
	if err != nil {
		return "", err
	}
	var op pb.Op
	if err := op.UnmarshalVT(definition.Def[0]); err != nil {
		return "", err
	}
	return op.GetSource().GetIdentifier(), nil
}
