package main

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// writing are the commands that change a host, and why the others cannot. All else is proved to be read-only at the wire.
var writing = map[string]string{
	"apply":      "changes the host",
	"destroy":    "changes the host",
	"pull":       "brings an image, and writes its record",
	"push":       "writes to a registry, and on the record what was pushed",
	"tag":        "writes image records",
	"untag":      "deletes image records",
	"build":      "builds images, and writes their records",
	"import":     "makes an image, and writes its record",
	"prune":      "deletes image records and the builder's cache",
	"load":       "brings images, and writes their records",
	"engine":     "starts and ends a daemon, and makes no call to one",
	"completion": "cobra's own; connects to nothing",
	"help":       "cobra's own; connects to nothing",
}

// TestEveryReadingCommandIsWatched: each command that only reads is run by readonly.txtar behind a containerd that refuses to be
// written to. A new command belongs there, or above with its reason.
func TestEveryReadingCommandIsWatched(t *testing.T) {
	script, err := os.ReadFile("testdata/script/readonly.txtar")
	if err != nil {
		t.Fatal(err)
	}
	cmd := (&app{}).root()
	cmd.InitDefaultCompletionCmd()
	cmd.InitDefaultHelpCmd()
	commands := map[string]*cobra.Command{}
	for _, c := range cmd.Commands() {
		commands[c.Name()] = c
	}
	for _, name := range slices.Sorted(maps.Keys(commands)) {
		watched := regexp.MustCompile(`(?m)^readonly ` + name + `\b`).Match(script)
		switch why := writing[name]; {
		case why == "" && !watched:
			t.Errorf("%s: readonly.txtar does not run it", name)
		case why != "" && watched:
			t.Errorf("%s: %s, and yet readonly.txtar runs it", name, why)
		}
		if c := commands[name]; name != "help" && name != "completion" && !strings.Contains(c.Example, "fairlead") {
			t.Errorf("%s: its --help has no example", name)
		}
	}
}
