package buildkit

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fairlead-dev/fairlead/executor/ctrd/ctrdtest"
	"github.com/fairlead-dev/fairlead/spec"
)

// What is wrong with a Dockerfile is said with its line, in words that say what to do.
func TestStepErrors(t *testing.T) {
	each(t, func(b *bench) {
		for _, c := range []struct {
			dockerfile string // after shell
			words      string
		}{
			{"RUN echo out; exit 3\n", "inline Dockerfile:3: RUN echo out; exit 3: exit code 3\n  | out"},
			{"RUN i=0; while [ $i -lt 30 ]; do i=$((i+1)); echo $i; done; exit 1\n", "exit code 1\n  | 11\n  | 12\n"},
			{"RUN nocommand\n", "inline Dockerfile:3: RUN nocommand: exit code 127\n  | /bin/sh: nocommand: not found"},
			{"RUN [\"/nothing\"]\n", `inline Dockerfile:3: RUN ["/nothing"]: exec: "/nothing": stat /nothing: no such file or directory`},
			{"FRM x\n", "inline Dockerfile:3: unknown instruction: FRM (did you mean FROM?)"},
			{"COPY nothing /x\n", "inline Dockerfile:3: COPY nothing /x: /nothing is not there to be copied"},
			{"COPY ../x /x\n", "inline Dockerfile:3: COPY ../x /x: /x is not there to be copied"},
			{"RUN --mount=type=secret,id=s,required=true true\n", `secret s is not given. Add a secret "s" block`},
			{"RUN --mount=type=ssh,required=true true\n", `no ssh agent is given. Add ssh = ["default"]`},
			{"USER nobody\nRUN true\n", "inline Dockerfile:4: RUN true: unable to find user nobody"},
			{"ADD http://127.0.0.1:1/x /x\n", "ADD http://127.0.0.1:1/x /x: Get"},
			{"FROM 127.0.0.1:1/nothing:1\n", "inline Dockerfile:3: image 127.0.0.1:1/nothing:1: its registry cannot be reached: dial tcp 127.0.0.1:1: connect: connection refused"},
			{"FROM nosuch.invalid/nothing:1\n", "inline Dockerfile:3: image nosuch.invalid/nothing:1: its registry cannot be reached"},
		} {
			_, err := b.Build(b.ctx, b.inline(record, shell+c.dockerfile), b.report)
			var step *StepError
			if !errors.As(err, &step) || !strings.Contains(err.Error(), c.words) {
				b.t.Errorf("%q:\n%v\nmisses %q", c.dockerfile, err, c.words)
			}
		}
		r := b.inline(record, shell)
		r.Build.Target = "bas"
		if _, err := b.Build(b.ctx, r, nil); err == nil || !strings.Contains(err.Error(), `target "bas": it has no such stage (did you mean base?)`) {
			b.t.Errorf("error: %v", err)
		}
	})
}

// A builder that isn't there is said to be so, with what to do.
func TestNoBuilder(t *testing.T) {
	ctrdtest.Each(t, func(t *testing.T, d *ctrdtest.Daemon) {
		dir := t.TempDir()
		broken := filepath.Join(dir, program)
		if err := os.WriteFile(broken, []byte("#!/bin/sh\necho it is broken; exit 1\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct{ host, path, words string }{
			{"unix:///nowhere/s", "", "builder unix:///nowhere/s: no such socket: nothing listens there. Check --builder or BUILDKIT_HOST"},
			{"tcp://127.0.0.1:1", "", "builder tcp://127.0.0.1:1: connection refused: nothing listens there"},
			{"unix://" + d.Address, "", "builder unix://" + d.Address + ": "},
			{"nonsense", "", "builder nonsense: "},
			{Own, "/nowhere", "no buildkitd runs, and none is installed. Put the program buildkitd beside fairlead"},
			{Own, dir + ":" + os.Getenv("PATH"), "ended at once. It says:\nit is broken"},
		} {
			if c.path != "" {
				t.Setenv("PATH", c.path)
			}
			b := newBench(t, d, Options{Host: c.host})
			if _, err := b.Build(b.ctx, Request{Build: &spec.Build{Inline: "FROM scratch\n"}}, nil); err == nil || !strings.Contains(err.Error(), c.words) {
				t.Errorf("%v misses %q", err, c.words)
			}
		}
	})
}
