package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/fairlead-dev/fairlead/cmd/internal/view"
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
			findings := a.examine(cmd)
			broken := false
			for _, f := range findings {
				broken = broken || !f.OK
			}
			if a.json {
				if err := view.JSON(os.Stdout, listed{"fairlead.doctor", view.Version, findings}); err != nil {
					return err
				}
			} else {
				for _, f := range findings {
					mark := "ok  "
					if !f.OK {
						mark = "BAD "
					}
					fmt.Printf("%s %-12s %s\n", mark, f.What, f.Is)
					if f.Fix != "" && !f.OK {
						fmt.Printf("     %-12s %s\n", "", f.Fix)
					}
				}
			}
			if broken {
				return exitCode(exitTrouble)
			}
			return nil
		},
	}
}

func (a *app) examine(cmd *cobra.Command) []finding {
	var found []finding
	note := func(what string, ok bool, is, fix string) { found = append(found, finding{what, ok, is, fix}) }
	note("user", os.Geteuid() == 0, fmt.Sprintf("uid %d", os.Geteuid()), "run as root: containerd's socket and its mounts need it")
	r, err := ctrd.OpenReader(cmd.Context(), a.host(nil))
	var have *planner.State
	if err == nil {
		defer r.Close()
		have, err = r.Observe(cmd.Context(), &spec.Config{Stack: spec.Stack{Name: "doctor"}}, ctrd.ObserveOptions{Offline: true})
	}
	if err != nil {
		note("containerd", false, err.Error(), "start it (systemctl start containerd), name its socket with --address, or try a private one: fairlead engine start")
	} else {
		note("containerd", true, have.Host.Daemon+" at "+a.address, "")
		note("platform", have.Host.Platform != "", have.Host.Platform, "")
	}
	_, err = beside("runc")
	note("runc", err == nil, say(err, "found"), "install it (Debian: apt install runc)")
	_, err = os.Stat("/sys/fs/cgroup")
	note("cgroups", err == nil, say(err, cgroups()), "mount them below /sys/fs/cgroup")
	var fs unix.Statfs_t
	dir := a.dataRoot
	for unix.Statfs(dir, &fs) != nil && dir != "/" {
		dir = filepath.Dir(dir)
	}
	free := int64(fs.Bavail) * fs.Bsize
	note("disk", free > 1<<30, planner.Bytes(free)+" free at "+dir, "make room: pulls and containers need it")
	return found
}

func say(err error, good string) string {
	if err != nil {
		return err.Error()
	}
	return good
}

func cgroups() string {
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err == nil {
		return "v2"
	}
	return "v1"
}
