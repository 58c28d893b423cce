package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/fairlead-dev/fairlead/cmd/internal/harness"
)

// commands are what scripts have besides testscript's own; testdata/script/README.md describes them.
func commands() map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){
		"fairlead":   cmdFairlead,
		"apply":      cmdApply,
		"destroy":    cmdDestroy,
		"ctr":        cmdCtr,
		"image":      cmdImage,
		"registry":   cmdRegistry,
		"push":       cmdPush,
		"http":       cmdHTTP,
		"task":       cmdTask,
		"id":         cmdID,
		"content":    cmdContent,
		"readonly":   cmdReadOnly,
		"cmpplan":    cmdCmpPlan,
		"replace":    cmdReplace,
		"exit":       cmdExit,
		"signal":     cmdSignal,
		"await":      cmdAwait,
		"quote":      cmdQuote,
		"background": cmdBackground,
		"ended":      cmdEnded,
		"alone":      cmdAlone,
		"builder":    cmdBuilder,
		"document":   cmdDocument,
		"elf":        cmdELF,
		"log":        cmdLog,
		"nowhere":    cmdNowhere,
		"program":    cmdProgram,
		"serve":      cmdServe,
		"json":       cmdJSON,
		"clean":      cmdClean,
		"edit":       cmdEdit,
	}
}

func stageOf(ts *testscript.TestScript) *stage { return ts.Value(stageKey{}).(*stage) }

func usage(ts *testscript.TestScript, ok bool, text string) {
	if !ok {
		ts.Fatalf("usage: %s", text)
	}
}

// run calls a program and checks whether it succeeds as the script expects.
func run(ts *testscript.TestScript, neg bool, name string, args ...string) {
	err := ts.Exec(name, args...)
	switch {
	case err != nil && !neg:
		ts.Fatalf("%s %s: %v", name, strings.Join(args, " "), err)
	case err == nil && neg:
		ts.Fatalf("%s %s: it should have failed", name, strings.Join(args, " "))
	}
}

func cmdFairlead(ts *testscript.TestScript, neg bool, args []string) {
	run(ts, neg, "fairlead", args...)
}

// exit CODE program args...: the program ends with just that code.
func cmdExit(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) >= 2, "exit CODE PROGRAM [ARGS]")
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var e *exec.ExitError
		if !errors.As(err, &e) {
			ts.Fatalf("%s: %v", args[1], err)
		}
		got = e.ExitCode()
	}
	if strconv.Itoa(got) != args[0] {
		ts.Fatalf("%s: exit code %d, not %s", strings.Join(args[1:], " "), got, args[0])
	}
}

// cmdApply runs fairlead apply, and then demands an empty plan and that containerd's own tools agree with fairlead's.
func cmdApply(ts *testscript.TestScript, neg bool, args []string) {
	run(ts, neg, "fairlead", append([]string{"apply", "--yes"}, args...)...)
	if neg {
		return
	}
	out, err := quiet(ts, "fairlead", append([]string{"plan", "--detailed-exitcode"}, inputs(args)...)...)
	if err != nil {
		ts.Fatalf("the plan after an apply must be empty (%v):\n%s", err, out)
	}
	agree(ts)
}

// destroy removes all, and then demands that nothing of the stack is left.
func cmdDestroy(ts *testscript.TestScript, neg bool, args []string) {
	run(ts, neg, "fairlead", append([]string{"destroy", "--yes"}, args...)...)
	if !neg {
		agree(ts)
	}
}

// inputs keeps of an apply's arguments what the plan after it needs too.
func inputs(args []string) []string {
	var kept []string
	for i := 0; i < len(args); i++ {
		flag, _, whole := strings.Cut(args[i], "=")
		if !slices.Contains([]string{"--var", "--var-file", "--target", "--exclude", "-C"}, flag) {
			continue
		}
		kept = append(kept, args[i])
		if flag == "-C" || !whole {
			i++
			kept = append(kept, args[i])
		}
	}
	return kept
}

// quiet runs a program with the script's environment, and leaves the script's stdout and stderr alone.
func quiet(ts *testscript.TestScript, name string, args ...string) (string, error) {
	path := name
	if name == "fairlead" {
		path = filepath.Join(shared.bin, "fairlead")
	}
	cmd := exec.Command(path, args...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = environ(ts)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if err != nil {
		return out.String() + errs.String(), err
	}
	return out.String(), nil
}

func environ(ts *testscript.TestScript) []string {
	env := []string{"LANG=C"}
	for _, k := range []string{"PATH", "CONTAINERD_ADDRESS", "CONTAINERD_NAMESPACE", "DATAROOT", "HOME", "NO_COLOR", "DOCKER_CONFIG", "BUILDKIT_HOST", "TOKEN", "SSH_AUTH_SOCK"} {
		env = append(env, k+"="+ts.Getenv(k))
	}
	return env
}

// agree checks that ps and images name just what containerd lists.
func agree(ts *testscript.TestScript) {
	for _, c := range []struct{ what, list string }{{"ps", "containers"}, {"images", "images"}} {
		out, err := quiet(ts, "fairlead", c.what, "-a", "--json")
		if err != nil {
			ts.Fatalf("fairlead %s -a --json: %v\n%s", c.what, err, out)
		}
		var doc any
		if err := json.Unmarshal([]byte(out), &doc); err != nil {
			ts.Fatalf("fairlead %s -a --json: %v\n%s", c.what, err, out)
		}
		said := map[string]bool{}
		collect(doc, said)
		list, err := ctr(ts, c.list, "ls", "-q")
		if err != nil {
			ts.Fatalf("ctr: %v\n%s", err, list)
		}
		there := strings.Fields(list)
		for _, name := range there {
			if !said[name] {
				ts.Fatalf("ctr %s ls has %s, fairlead %s has not:\n%s", c.list, name, c.what, out)
			}
		}
		if n := objects(doc); n != len(there) {
			ts.Fatalf("ctr %s ls has %d, fairlead %s has %d:\n%s\n%s", c.list, len(there), c.what, n, list, out)
		}
	}
	agreeOnTasks(ts)
}

// agreeOnTasks checks each process and its state against `ctr tasks ls`. What may move by itself in between is looked at again.
func agreeOnTasks(ts *testscript.TestScript) {
	var said, there []string
	for range 5 {
		out, err := quiet(ts, "fairlead", "ps", "-a", "--json")
		if err != nil {
			ts.Fatalf("fairlead ps -a --json: %v\n%s", err, out)
		}
		var doc struct {
			Rows []struct {
				ID, State string
				PID       int
			}
		}
		ts.Check(json.Unmarshal([]byte(out), &doc))
		said = nil
		for _, r := range doc.Rows {
			if r.State != "none" {
				said = append(said, fmt.Sprintf("%s %d %s", r.ID, r.PID, r.State))
			}
		}
		list, err := ctr(ts, "tasks", "ls")
		if err != nil {
			ts.Fatalf("ctr: %v\n%s", err, list)
		}
		there = nil
		for _, line := range strings.Split(strings.TrimSpace(list), "\n")[1:] {
			there = append(there, strings.ToLower(strings.Join(strings.Fields(line), " ")))
		}
		slices.Sort(said)
		slices.Sort(there)
		if slices.Equal(said, there) {
			return
		}
		time.Sleep(200 * time.Millisecond)
	}
	ts.Fatalf("fairlead ps has\n%s\nctr tasks ls has\n%s", strings.Join(said, "\n"), strings.Join(there, "\n"))
}

// collect gathers all strings of a document.
func collect(v any, into map[string]bool) {
	switch v := v.(type) {
	case string:
		into[v] = true
	case []any:
		for _, e := range v {
			collect(e, into)
		}
	case map[string]any:
		for _, e := range v {
			collect(e, into)
		}
	}
}

// objects counts the elements of the document's list: the document itself, or the one list in it.
func objects(v any) int {
	switch v := v.(type) {
	case []any:
		return len(v)
	case map[string]any:
		for _, e := range v {
			if list, ok := e.([]any); ok {
				return len(list)
			}
		}
	}
	return 0
}

func ctrPath(ts *testscript.TestScript) string {
	if stageOf(ts).daemon.Version == "1.6" {
		return "/usr/bin/ctr"
	}
	return filepath.Join(shared.top, "bin/ctr")
}

func ctr(ts *testscript.TestScript, args ...string) (string, error) {
	s := stageOf(ts)
	return quiet(ts, ctrPath(ts), append([]string{"-a", s.daemon.Address, "-n", s.namespace}, args...)...)
}

func cmdCtr(ts *testscript.TestScript, neg bool, args []string) {
	s := stageOf(ts)
	run(ts, neg, ctrPath(ts), append([]string{"-a", s.daemon.Address, "-n", s.namespace}, args...)...)
}

// image FILE REF [version=] [pad=] [platform=] [kind=] [label=]: writes an archive of a test image.
func cmdImage(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) >= 2, "image FILE REF [version=V] [pad=BYTES] [platform=P] [config=FILE] [label=KEY=VALUE] [kind=docker|oci|layout]")
	opts, kind := imageOptions(ts, args[2:])
	img, err := shared.probes.Image(opts)
	ts.Check(err)
	ts.Check(harness.Write(ts.MkAbs(args[0]), args[1], kind, img))
}

func imageOptions(ts *testscript.TestScript, args []string) (harness.ImageOptions, string) {
	o, kind := harness.ImageOptions{Version: "1"}, harness.DockerArchive
	for _, a := range args {
		k, v, _ := strings.Cut(a, "=")
		switch k {
		case "version":
			o.Version = v
		case "platform":
			o.Platform = v
		case "label":
			if o.Labels == nil {
				o.Labels = map[string]string{}
			}
			key, value, _ := strings.Cut(v, "=")
			o.Labels[key] = value
		case "config":
			o.Config = []byte(ts.ReadFile(v))
		case "kind":
			kind = v
		case "pad":
			n, err := strconv.Atoi(v)
			ts.Check(err)
			o.Pad = n
		default:
			ts.Fatalf("image: %q is no option", a)
		}
	}
	return o, kind
}

// registry start [auth] [tls] | stop | fault NAME | ca FILE: a registry at $REGISTRY.
func cmdRegistry(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) > 0, "registry start [auth] [tls] | stop | fault [NAME] | ca FILE")
	s := stageOf(ts)
	switch args[0] {
	case "start":
		s.registry = harness.NewRegistry(slices.Contains(args, "auth"), slices.Contains(args, "tls"))
		ts.Setenv("REGISTRY", s.registry.Host)
	case "stop":
		s.registry.Stop()
		s.registry = nil
	case "fault":
		s.registry.Fault.Store(strings.Join(args[1:], ""))
	case "ca":
		ts.Check(s.registry.CA(ts.MkAbs(args[1])))
	default:
		ts.Fatalf("registry: %q is no command", args[0])
	}
}

// push REPO:TAG [options of image]: puts a test image into the registry, or an index where there are platforms with commas between.
func cmdPush(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) >= 1, "push REPO:TAG [version=V] [pad=BYTES] [platform=P]")
	opts, _ := imageOptions(ts, args[1:])
	var imgs []v1.Image
	for _, platform := range strings.Split(opts.Platform, ",") {
		opts.Platform = platform
		img, err := shared.probes.Image(opts)
		ts.Check(err)
		imgs = append(imgs, img)
	}
	ts.Check(stageOf(ts).registry.Push(context.Background(), args[0], imgs...))
}

// http URL REGEXP: a GET answers, within some seconds, with a body that matches; `! http URL`: nobody listens.
func cmdHTTP(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, len(args) == 2 || neg && len(args) == 1, "http URL REGEXP, or ! http URL")
	if neg && len(args) == 1 {
		if body, err := get(args[0]); err == nil {
			ts.Fatalf("%s: it answers: %s", args[0], body)
		}
		return
	}
	re, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	var body string
	for end := time.Now().Add(90 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if body, err = get(args[0]); err == nil && re.MatchString(body) != neg {
			return
		}
	}
	ts.Fatalf("%s: body %q, error %v; wanted %s", args[0], body, err, args[1])
}

func get(url string) (string, error) {
	client := http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Get(url)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return string(b), err
}

// containers finds what bears the name that people see, or the ID.
func (s *stage) containers(name string) ([]containerd.Container, context.Context, func(), error) {
	client, err := s.daemon.Connect()
	if err != nil {
		return nil, nil, nil, err
	}
	ctx := namespaces.WithNamespace(context.Background(), s.namespace)
	found, err := client.Containers(ctx, fmt.Sprintf("labels.%q==%s", "nerdctl/name", name), fmt.Sprintf("id==%s", name))
	return found, ctx, func() { _ = client.Close() }, err
}

// task NAME STATUS: the state of the container's process, as containerd says it within a few seconds; none and absent too.
func cmdTask(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 2, "task NAME running|paused|stopped|created|none|absent")
	var got string
	for end := time.Now().Add(90 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		got = taskStatus(ts, args[0])
		if got == args[1] {
			return
		}
	}
	ts.Fatalf("%s: %s, not %s", args[0], got, args[1])
}

func taskStatus(ts *testscript.TestScript, name string) string {
	found, ctx, done, err := stageOf(ts).containers(name)
	ts.Check(err)
	defer done()
	if len(found) == 0 {
		return "absent"
	}
	if len(found) > 1 {
		return fmt.Sprintf("%d containers", len(found))
	}
	task, err := found[0].Task(ctx, nil)
	if err != nil {
		return "none"
	}
	st, err := task.Status(ctx)
	if err != nil {
		return err.Error()
	}
	return string(st.Status)
}

// id VAR NAME: puts the container's ID into a variable, and its process's into VAR_PID.
func cmdID(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 2, "id VAR NAME")
	found, ctx, done, err := stageOf(ts).containers(args[1])
	ts.Check(err)
	defer done()
	if len(found) != 1 {
		ts.Fatalf("%s: %d containers", args[1], len(found))
	}
	ts.Setenv(args[0], found[0].ID())
	if task, err := found[0].Task(ctx, nil); err == nil {
		ts.Setenv(args[0]+"_PID", fmt.Sprint(task.Pid()))
	}
}

// content save: remembers what the content store holds. content freed VAR: puts the bytes that are gone since into VAR.
func cmdContent(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) > 0, "content save | freed VAR | same")
	s := stageOf(ts)
	now, err := s.blobs()
	ts.Check(err)
	var freed int64
	for digest, size := range s.seen {
		if _, ok := now[digest]; !ok {
			freed += size
		}
	}
	switch args[0] {
	case "save":
		s.seen = now
	case "freed":
		ts.Setenv(args[1], fmt.Sprint(freed))
	case "same":
		if freed != 0 || len(now) != len(s.seen) {
			ts.Fatalf("the content store has changed: %d blobs, %d before", len(now), len(s.seen))
		}
	}
}

func (s *stage) blobs() (map[string]int64, error) {
	client, err := s.daemon.Connect()
	if err != nil {
		return nil, err
	}
	defer client.Close()
	blobs := map[string]int64{}
	ctx := namespaces.WithNamespace(context.Background(), s.namespace)
	err = client.ContentStore().Walk(ctx, func(i content.Info) error { blobs[i.Digest.String()] = i.Size; return nil })
	return blobs, err
}

// readonly args...: runs fairlead with a containerd that refuses every call that writes. With `!`, fairlead must fail, and
// must have tried to write: so the refusal is proved to work.
func cmdReadOnly(ts *testscript.TestScript, neg bool, args []string) {
	s := stageOf(ts)
	proxy, err := harness.NewProxy(filepath.Join(shared.dir, s.namespace+".ro"), s.daemon.Address, harness.ReadOnly)
	ts.Check(err)
	defer proxy.Close()
	address := ts.Getenv("CONTAINERD_ADDRESS")
	ts.Setenv("CONTAINERD_ADDRESS", proxy.Address)
	defer ts.Setenv("CONTAINERD_ADDRESS", address)
	run(ts, neg, "fairlead", args...)
	if wrote := proxy.Writes(); len(wrote) > 0 != neg {
		ts.Fatalf("fairlead %s: calls that write: %v", strings.Join(args, " "), wrote)
	}
}

// normal are what differs from run to run, and how a plan in a script says it.
var normal = []struct {
	re *regexp.Regexp
	to string
}{
	{regexp.MustCompile(`sha256:[0-9a-f]{6,64}`), "sha256:DIGEST"},
	{regexp.MustCompile(`\b[0-9a-f]{64}\b`), "ID"},
	{regexp.MustCompile(`\b[0-9a-f]{12}\b`), "ID"},
	{regexp.MustCompile(`127\.0\.0\.1:\d{4,5}`), "HOST:PORT"},
	{regexp.MustCompile(`\b\d+(\.\d+)?(ms|s)\b`), "TIME"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT[0-9:.]+Z`), "TIME"},
	{regexp.MustCompile(`\b\d+(\.\d+)? ?[kMG]i?B\b`), "SIZE"},
	{regexp.MustCompile(`[ \t]+\n`), "\n"},
}

// cmpplan FILE: the last stdout is FILE's text, but for digests, IDs, times, ports and sizes.
func cmdCmpPlan(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 1, "cmpplan FILE")
	got := ts.ReadFile("stdout")
	for _, n := range normal {
		got = n.re.ReplaceAllString(got, n.to)
	}
	if want := ts.ReadFile(args[0]); strings.TrimSpace(got) != strings.TrimSpace(want) {
		ts.Fatalf("%s differs; got:\n%s", args[0], got)
	}
}

// replace OLD NEW FILE: edits a file; OLD must be in it.
func cmdReplace(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 3, "replace OLD NEW FILE")
	text := ts.ReadFile(args[2])
	if !strings.Contains(text, args[0]) {
		ts.Fatalf("%s: no %q in it", args[2], args[0])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte(strings.ReplaceAll(text, args[0], args[1])), 0o644))
}

var variable = regexp.MustCompile(`\$[A-Z][A-Z0-9_]*`)

// quote FILE...: replaces $NAME of the script's environment in the files.
func cmdQuote(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) > 0, "quote FILE...")
	for _, f := range args {
		text := variable.ReplaceAllStringFunc(ts.ReadFile(f), func(v string) string {
			if value := ts.Getenv(v[1:]); value != "" {
				return value
			}
			return v
		})
		ts.Check(os.WriteFile(ts.MkAbs(f), []byte(text), 0o644))
	}
}

// signal SIG PID: sends a signal to a process.
func cmdSignal(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 2, "signal KILL|TERM|INT|STOP PID")
	pid, err := strconv.Atoi(args[1])
	ts.Check(err)
	if pid <= 1 {
		ts.Fatalf("signal: %d is nobody's to signal", pid)
	}
	signals := map[string]syscall.Signal{"KILL": syscall.SIGKILL, "TERM": syscall.SIGTERM, "INT": syscall.SIGINT, "STOP": syscall.SIGSTOP, "HUP": syscall.SIGHUP}
	ts.Check(syscall.Kill(pid, signals[args[0]]))
}

// await FILE REGEXP: waits until a file's text matches.
func cmdAwait(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 2, "await FILE REGEXP")
	re, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	for end := time.Now().Add(90 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if b, err := os.ReadFile(ts.MkAbs(args[0])); err == nil && re.Match(b) {
			return
		}
	}
	ts.Fatalf("%s: %s has not come", args[0], args[1])
}

// freePort gives a port that nobody listens at, and that no other caller gets.
func freePort() int {
	for {
		port := 21000 + (os.Getpid()*50)%8000 + int(shared.ports.Add(1))
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			_ = l.Close()
			return port
		}
	}
}
