package spec

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// What the kernel takes of a new process: bytes of one argument or NAME=value, and of all of them together with their addresses. The
// second is a quarter of the usual stack, less a margin for what the runtime and an interpreter add.
const (
	maxArgument  = 128<<10 - 1 // 32 pages, with a zero byte at the end
	maxArguments = 2<<20 - 64<<10
)

// What the kernel takes of a path, of a name in it, and containerd of a user's or group's number.
const (
	maxPath     = 4095
	maxFileName = 255
	maxUserID   = math.MaxInt32
)

// PathTrouble says why no process can use a path; "" where one can.
func PathTrouble(p string) string {
	if strings.ContainsRune(p, 0) {
		return "has a zero byte in it"
	}
	if len(p) > maxPath {
		return fmt.Sprintf("is %d bytes long, and the kernel takes at most %d", len(p), maxPath)
	}
	for name := range strings.SplitSeq(p, "/") {
		if len(name) > maxFileName {
			return fmt.Sprintf("has a name of %d bytes in it, and the kernel takes at most %d", len(name), maxFileName)
		}
	}
	return ""
}

// UserTrouble says why USER or USER:GROUP can be nobody, whoever is in the image; "" where it can be somebody. Nobody has a name that is a number.
func UserTrouble(user string) string {
	parts := strings.Split(user, ":")
	if len(parts) > 2 {
		return "has more than one colon"
	}
	for _, part := range parts {
		if n, err := strconv.Atoi(part); errors.Is(err, strconv.ErrRange) || err == nil && (n < 0 || n > maxUserID) {
			return fmt.Sprintf("has a number that is not from 0 to %d", maxUserID)
		}
	}
	return ""
}

// ProcessTrouble says why the kernel can't start a process with these arguments and this environment, as NAME=value; "" where it can.
func ProcessTrouble(args, env []string) string {
	if len(args) > 0 && args[0] == "" {
		return "its program has no name: the first argument is empty"
	}
	if len(args) > 0 && len(args[0]) <= maxArgument {
		if text := PathTrouble(args[0]); text != "" {
			return "the path of its program " + text
		}
	}
	sum := 0
	for _, s := range args {
		sum += len(s) + 9
		switch {
		case strings.ContainsRune(s, 0):
			return "an argument has a zero byte in it"
		case len(s) > maxArgument:
			return fmt.Sprintf("an argument is %d bytes long, and the kernel takes at most %d", len(s), maxArgument)
		}
	}
	for _, kv := range env {
		sum += len(kv) + 9
		name, _, named := strings.Cut(kv, "=")
		switch {
		case !named || name == "":
			return "an environment variable has no name"
		case strings.ContainsRune(kv, 0):
			return fmt.Sprintf("the environment variable %q has a zero byte in it", name)
		case len(kv) > maxArgument:
			return fmt.Sprintf("the environment variable %.64q is %d bytes long with its name, and the kernel takes at most %d", name, len(kv), maxArgument)
		}
	}
	if sum > maxArguments {
		return fmt.Sprintf("its arguments and its environment are %d bytes together, and the kernel takes at most %d", sum, maxArguments)
	}
	return ""
}

// checkProcess says which of a container's arguments and variables the kernel doesn't take.
func (d *decoder) checkProcess(c *Container, attrs hcl.Attributes) {
	long := func(at hcl.Range, what string, n int) {
		d.fail(fault(at, "Too long", "%s is %d bytes long, and the kernel starts no process with more than %d. Put it into a file that is mounted.", what, n, maxArgument))
	}
	before := len(d.diags)
	for _, attr := range []string{"entrypoint", "command"} {
		list := c.Entrypoint
		if attr == "command" {
			list = c.Command
		}
		for i, s := range list {
			if len(s) > maxArgument {
				long(listElementAt(attrs[attr], i), "An element of "+attr, len(s))
			}
		}
	}
	for _, k := range slices.Sorted(maps.Keys(c.Env)) {
		if n := len(k) + 1 + len(c.Env[k]); n > maxArgument {
			what := "An environment variable, with its name,"
			if !d.block.Marks.Sensitive["env"] { // of which the keys aren't shown either
				what = fmt.Sprintf("The environment variable %.64q, with its name,", k)
			}
			long(variableAt(c, k), what, n)
		}
	}
	if len(d.diags) > before {
		return
	}
	env := make([]string, 0, len(c.Env))
	for k, v := range c.Env {
		env = append(env, k+"="+v)
	}
	if text := ProcessTrouble(slices.Concat([]string{"-"}, c.Entrypoint, c.Command), env); text != "" {
		d.fail(fault(biggest(c), "Too much", "%s: %s. Put what is long into a file that is mounted.", d.i.addr, text))
	}
}

// variableAt is where an environment variable is written, or may be.
func variableAt(c *Container, name string) hcl.Range {
	if at, ok := c.AttrsAt[element("env", name)]; ok {
		return at
	}
	if at, ok := c.AttrsAt["env_file"]; ok {
		return at
	}
	return c.AttrAt("env")
}

func listElementAt(a *hcl.Attribute, i int) hcl.Range {
	if exprs, diags := hcl.ExprList(a.Expr); !diags.HasErrors() && i < len(exprs) {
		return exprs[i].Range()
	}
	return a.Expr.Range()
}

// biggest is where most of a container's arguments and variables are written.
func biggest(c *Container) hcl.Range {
	bytes := func(list []string) (n int) {
		for _, s := range list {
			n += len(s)
		}
		return n
	}
	env := bytes(slices.Collect(maps.Values(c.Env)))
	command, entrypoint := bytes(c.Command), bytes(c.Entrypoint)
	switch _, written := c.AttrsAt["env"]; {
	case env >= max(command, entrypoint) && written:
		return c.AttrAt("env")
	case env >= max(command, entrypoint):
		return c.AttrAt("env_file")
	case command >= entrypoint:
		return c.AttrAt("command")
	}
	return c.AttrAt("entrypoint")
}
