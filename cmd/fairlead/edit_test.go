package main

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/containerd/containerd/v2/core/containers"
	ptypes "github.com/containerd/containerd/v2/pkg/protobuf/types"
	"github.com/rogpeppe/go-internal/testscript"
)

// edit NAME PATH JSON: writes into a container's OCI spec, as `nerdctl update` does.
func cmdEdit(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 3, "edit NAME PATH JSON")
	s := stageOf(ts)
	found, ctx, done, err := s.containers(args[0])
	ts.Check(err)
	defer done()
	if len(found) != 1 {
		ts.Fatalf("%s: %d containers", args[0], len(found))
	}
	client, err := s.daemon.Connect()
	ts.Check(err)
	defer client.Close()
	ts.Check(editSpec(ctx, client.ContainerService(), found[0].ID(), args[1], args[2]))
}

func editSpec(ctx context.Context, store containers.Store, id, path, value string) error {
	c, err := store.Get(ctx, id)
	if err != nil {
		return err
	}
	var doc map[string]any
	if err := json.Unmarshal(c.Spec.GetValue(), &doc); err != nil {
		return err
	}
	var v any
	if err := json.Unmarshal([]byte(value), &v); err != nil {
		return err
	}
	at, parts := doc, strings.Split(path, ".")
	for _, k := range parts[:len(parts)-1] {
		next, ok := at[k].(map[string]any)
		if !ok {
			next = map[string]any{}
			at[k] = next
		}
		at = next
	}
	last := parts[len(parts)-1]
	if at[last] = v; v == nil {
		delete(at, last)
	}
	b, err := json.Marshal(doc)
	if err != nil {
		return err
	}
	_, err = store.Update(ctx, containers.Container{ID: id, Spec: &ptypes.Any{TypeUrl: c.Spec.GetTypeUrl(), Value: b}}, "spec")
	return err
}
