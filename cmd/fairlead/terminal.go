package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"golang.org/x/term"

	"github.com/fairlead-dev/fairlead/cmd/internal/view"
)

// terminal is where people and programs read: the standard output has results, the standard error all else. What is written through it is
// cleaned; no other file of this package writes to either by itself.
type terminal struct {
	*view.Writer
	file *os.File
}

var (
	stdout = terminal{view.NewWriter(os.Stdout), os.Stdout}
	stderr = terminal{view.NewWriter(os.Stderr), os.Stderr}
)

func (t terminal) isTerminal() bool { return term.IsTerminal(int(t.file.Fd())) }

// columns is the terminal's width; 0 where there is none.
func (t terminal) columns() int {
	w, _, err := term.GetSize(int(t.file.Fd()))
	if err != nil {
		return 0
	}
	return w
}

// say writes text as fmt.Printf does, wrapped to the terminal.
func (t terminal) say(format string, args ...any) {
	fmt.Fprint(t, view.Wrap(fmt.Sprintf(format, args...), t.columns())) // a reader that went away is no reason to stop
}

func (a *app) style(t terminal) view.Style {
	return view.Style{Color: !a.noColor && t.isTerminal(), Width: t.columns()}
}

// printNote tells people something that is no result; programs get it as a diagnostic.
func (a *app) printNote(format string, args ...any) {
	a.printReport(hcl.DiagWarning, fmt.Sprintf(format, args...))
}

// printReport writes text to the standard error, in the form that was asked for.
func (a *app) printReport(severity hcl.DiagnosticSeverity, text string) {
	if !a.json {
		stderr.say("%s\n", view.WholeBlocks(view.Told(text)))
		return
	}
	summary, detail, _ := strings.Cut(text, "\n")
	_ = view.DiagnosticsJSON(stderr, hcl.Diagnostics{{Severity: severity, Summary: summary, Detail: detail}})
}
