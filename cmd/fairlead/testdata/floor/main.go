// Floor does with plain client calls, and no thought, what fairlead is measured against:
//
//	floor list              the two calls without which no plan can be: containers and tasks
//	floor up FILE IMAGE N P import IMAGE from an archive, create and start N containers, P at once
//	floor down P            kill and delete all containers, P at once
//	floor peak PROGRAM ARGS run a program, and write the most memory that it had, in KiB: what a process is begun with counts as its own, and
//	                        floor is smaller than what it measures
//
// CONTAINERD_ADDRESS and CONTAINERD_NAMESPACE say where.
package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"

	"github.com/containerd/containerd/api/services/tasks/v1"
	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/contrib/seccomp"
	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/containerd/v2/pkg/cio"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/containerd/v2/pkg/oci"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sync/errgroup"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "floor:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) > 1 && args[0] == "peak" {
		return peak(args[1:])
	}
	client, err := containerd.New(os.Getenv("CONTAINERD_ADDRESS"))
	if err != nil {
		return err
	}
	defer client.Close()
	ctx := namespaces.WithNamespace(context.Background(), os.Getenv("CONTAINERD_NAMESPACE"))
	switch {
	case len(args) == 1 && args[0] == "list":
		return list(ctx, client)
	case len(args) == 5 && args[0] == "up":
		if err := load(ctx, client, args[1]); err != nil {
			return err
		}
		return up(ctx, client, args[2], number(args[3]), number(args[4]))
	case len(args) == 2 && args[0] == "down":
		return down(ctx, client, number(args[1]))
	}
	return fmt.Errorf("usage: floor list | up FILE IMAGE N P | down P")
}

func peak(args []string) error {
	cmd := exec.Command(args[0], args[1:]...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", args[0], err, out)
	}
	fmt.Println(cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss)
	return nil
}

func number(s string) int { n, _ := strconv.Atoi(s); return max(n, 1) }

func list(ctx context.Context, client *containerd.Client) error {
	if _, err := client.ContainerService().List(ctx); err != nil {
		return err
	}
	_, err := client.TaskService().List(ctx, &tasks.ListTasksRequest{})
	return err
}

func load(ctx context.Context, client *containerd.Client, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = client.Import(ctx, f)
	return err
}

func up(ctx context.Context, client *containerd.Client, name string, n, parallel int) error {
	image, err := client.GetImage(ctx, name)
	if err != nil {
		return err
	}
	if err := image.Unpack(ctx, ""); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for i := range n {
		group.Go(func() error {
			id := fmt.Sprintf("floor-%d", i)
			c, err := client.NewContainer(ctx, id, containerd.WithNewSnapshot(id, image), containerd.WithNewSpec(oci.WithImageConfig(image), asFairlead))
			if err != nil {
				return err
			}
			task, err := c.NewTask(ctx, cio.NullIO)
			if err != nil {
				return err
			}
			return task.Start(ctx)
		})
	}
	return group.Wait()
}

// asFairlead gives a container what fairlead gives it: the default seccomp profile and the daemon's own limits. It leaves the score of
// the out-of-memory killer alone: to lower it needs a capability that not each root has.
func asFairlead(_ context.Context, _ oci.Client, _ *containers.Container, s *specs.Spec) error {
	s.Process.OOMScoreAdj = nil
	s.Process.NoNewPrivileges = false
	s.Process.Rlimits = nil
	s.Linux.Seccomp = seccomp.DefaultProfile(s)
	return nil
}

func down(ctx context.Context, client *containerd.Client, parallel int) error {
	all, err := client.Containers(ctx)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for _, c := range all {
		group.Go(func() error {
			task, err := c.Task(ctx, nil)
			if err != nil {
				return err
			}
			exited, err := task.Wait(ctx)
			if err != nil {
				return err
			}
			if err := task.Kill(ctx, syscall.SIGTERM); err != nil {
				return err
			}
			<-exited
			if _, err := task.Delete(ctx); err != nil {
				return err
			}
			return c.Delete(ctx, containerd.WithSnapshotCleanup)
		})
	}
	return group.Wait()
}
