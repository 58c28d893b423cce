package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/containerd/containerd/v2/pkg/seccomp"
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/fairlead-dev/fairlead/cmd/internal/view"
	"github.com/fairlead-dev/fairlead/executor/binfmt"
	"github.com/fairlead-dev/fairlead/executor/buildkit"
	"github.com/fairlead-dev/fairlead/executor/ctrd"
	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

// finding is one thing that doctor looked at.
type finding struct {
	What string `json:"what"`
	OK   bool   `json:"ok"`
	Is   string `json:"is"`
	Fix  string `json:"fix,omitempty"`
}

func doctorCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "doctor", Short: "check the host, and say the fix for what is wrong", Args: cobra.NoArgs,
		Example: "  fairlead doctor\n  fairlead doctor --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			findings := a.examine(cmd.Context())
			if a.json {
				if err := view.JSON(stdout, listed{"fairlead.doctor", view.Version, findings}); err != nil {
					return err
				}
			} else {
				for _, f := range findings {
					mark := "ok  "
					if !f.OK {
						mark = "BAD "
					}
					stdout.say("%s %-12s %s\n", mark, f.What, f.Is)
					if f.Fix != "" && !f.OK {
						stdout.say("     %-12s %s\n", "", f.Fix)
					}
				}
			}
			if slices.ContainsFunc(findings, func(f finding) bool { return !f.OK }) {
				return exitCode(exitTrouble)
			}
			return nil
		},
	}
}

func (a *app) examine(ctx context.Context) []finding {
	var found []finding
	note := func(what string, ok bool, is, fix string) { found = append(found, finding{what, ok, is, fix}) }
	note("user", os.Geteuid() == 0, fmt.Sprintf("uid %d", os.Geteuid()), "run as root: containerd's socket and its mounts need it")
	have, plugins, err := a.askHost(ctx)
	dirs := []string{a.dataRoot}
	if err != nil {
		is, _, _ := strings.Cut(err.Error(), ". ") // what to do stands below it
		note("containerd", false, is, a.engine().remedyFor(err))
	} else {
		host := have.Host
		note("containerd", true, host.Daemon+" at "+a.address, "")
		note("platform", host.Platform != "", host.Platform, "")
		note("snapshotter", slices.Contains(host.Snapshotters, host.Snapshotter), host.Snapshotter+", of "+strings.Join(host.Snapshotters, ", "),
			"see containerd's log for why it does not work")
		monitor := slices.ContainsFunc(plugins, func(p ctrd.Plugin) bool { return p.ID == "restart" && p.Works })
		note("restarts", monitor, describeRestarts(monitor, host),
			"take it out of disabled_plugins in containerd's config.toml: without it nothing comes back after a crash or a reboot")
		note("defaults", true, describeLacks(have.Containers), "")
		for _, p := range plugins {
			if root := p.Exports["root"]; root != "" && p.Type == "io.containerd.content.v1" {
				dirs = append(dirs, filepath.Dir(root))
			}
		}
	}
	_, err = findProgram("runc")
	note("runc", err == nil, errorOr(err, "found"), "install it (Debian: apt install runc)")
	builder, err := buildkit.Program()
	if err != nil {
		builder = "none is installed; builds need one"
	}
	note("seccomp", seccomp.IsEnabled(), map[bool]string{true: "the kernel filters system calls", false: "the kernel has no seccomp: containers run without a filter"}[seccomp.IsEnabled()],
		"use a kernel with CONFIG_SECCOMP_FILTER")
	note("builder", true, cmp.Or(a.builder, builder), "")
	is, fix := describeEmulators(ctx)
	note("emulators", fix == "", is, fix)
	_, err = os.Stat("/sys/fs/cgroup")
	note("cgroups", err == nil, errorOr(err, cgroupVersion()), "mount them below /sys/fs/cgroup")
	for _, dir := range dirs {
		free, at := freeSpace(dir)
		note("disk", free > 1<<30, planner.Bytes(free)+" free at "+at, "make room: pulls and containers need it")
	}
	return found
}

// emulated are the platforms that doctor looks at: those that people build for.
var emulated = []string{"linux/amd64", "linux/arm64", "linux/arm/v7", "linux/riscv64", "linux/s390x", "linux/ppc64le"}

// describeEmulators says what of other architectures runs here, and what to do about a handler that doesn't serve.
func describeEmulators(ctx context.Context) (is, fix string) {
	h := binfmt.System()
	var runs, could []string
	for _, p := range emulated {
		status, err := h.Check(ctx, p)
		if err != nil {
			return err.Error(), "look at " + h.Mount
		}
		_, rule, err := h.RuleFor(p)
		switch {
		case status.State == binfmt.Native:
		case status.State == binfmt.Works:
			runs = append(runs, p)
		case status.Problem != "" && !status.Handler.Owned():
			return "a handler for " + p + " does not serve", status.Problem
		case err == nil && rule:
			could = append(could, p)
		}
	}
	var parts []string
	if len(runs) > 0 {
		parts = append(parts, strings.Join(runs, ", "))
	}
	if len(could) > 0 {
		parts = append(parts, "can be registered: "+strings.Join(could, ", "))
	}
	return cmp.Or(strings.Join(parts, "; "), "none"), ""
}

// remedyFor says what to do about a daemon that gave this error.
func (e engine) remedyFor(err error) string {
	var hangs *ctrd.Hangs
	switch {
	case !errors.As(err, &hangs):
		return "start it (systemctl start containerd), name its socket with --address, or try a private one: fairlead engine start"
	case hangs.PID != 0 && hangs.PID == e.pid():
		return "end it and start it again: fairlead engine stop && fairlead engine start"
	case hangs.PID != 0:
		return fmt.Sprintf("look at why process %d hangs (/proc/%d/status, its log), then start it again: systemctl restart containerd", hangs.PID, hangs.PID)
	}
	return "look at why it hangs, in its log, then start it again: systemctl restart containerd"
}

// askHost asks the daemon what it is and can do.
func (a *app) askHost(ctx context.Context) (*planner.State, []ctrd.Plugin, error) {
	r, err := ctrd.OpenReader(ctx, a.hostOptions(nil))
	if err != nil {
		return nil, nil, err
	}
	defer r.Close()
	have, err := r.Observe(ctx, &spec.Config{Stack: spec.Stack{Name: "doctor"}}, ctrd.ObserveOptions{All: true})
	if err != nil {
		return nil, nil, err
	}
	plugins, err := r.Plugins(ctx)
	return have, plugins, err
}

// describeRestarts says what the daemon's restart monitor does.
func describeRestarts(atWork bool, h planner.Host) string {
	if !atWork {
		return "containerd's restart monitor is not at work"
	}
	for _, policy := range []string{spec.RestartOnFailure, spec.RestartUnlessStopped} {
		if trouble := planner.RestartTrouble(h, policy); trouble != "" {
			return "the restart monitor is at work, but not for restart = " + strconv.Quote(policy) + ": " + trouble
		}
	}
	return "the restart monitor is at work"
}

// mostNamed is how many containers doctor names.
const mostNamed = 10

// describeLacks names the containers of stacks that were created without what new ones get by default.
func describeLacks(all []*planner.LiveContainer) string {
	var names []string
	for _, c := range all {
		if c.Owner != nil && len(c.Lacks) > 0 {
			names = append(names, c.Name+" ("+strings.Join(c.Lacks, ", ")+")")
		}
	}
	switch n := len(names); {
	case n == 0:
		return "every container of a stack has what new ones get"
	case n > mostNamed:
		names = append(names[:mostNamed], fmt.Sprintf("and %d more", n-mostNamed))
	}
	return "the next replacement (fairlead apply --replace ADDRESS) brings what is lacking here: " + strings.Join(names, ", ")
}

// freeSpace gives the bytes that are free where dir is or would be, and the directory that says so.
func freeSpace(dir string) (int64, string) {
	var fs unix.Statfs_t
	for unix.Statfs(dir, &fs) != nil && dir != filepath.Dir(dir) {
		dir = filepath.Dir(dir)
	}
	return int64(fs.Bavail) * fs.Bsize, dir
}

func errorOr(err error, good string) string {
	if err != nil {
		return err.Error()
	}
	return good
}

func cgroupVersion() string {
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err == nil {
		return "v2"
	}
	return "v1"
}
