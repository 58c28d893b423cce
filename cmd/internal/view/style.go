// Package view turns plans, events and diagnostics into text and JSON for people and programs. It computes no action and
// asks nothing: all it reads is data.
package view

import "github.com/fairlead-dev/fairlead/planner"

// Style is how text is written: decided once, in main. Colours are right only in what is written through a Writer.
type Style struct {
	Color bool
	Width int // columns; 0: unknown, taken as 100
}

func (s Style) width() int {
	if s.Width <= 0 {
		return 100
	}
	return s.Width
}

// The colours, as ANSI sequences.
const (
	green  = "32"
	yellow = "33"
	red    = "31"
	cyan   = "36"
	dim    = "2"
	bold   = "1"
)

func (s Style) paint(code, text string) string {
	if !s.Color || text == "" {
		return text
	}
	return own + "[" + code + "m" + text + own + "[0m"
}

// symbols are the marks of the actions, three columns wide, with their colours.
var symbols = map[planner.Action]struct{ mark, color string }{
	planner.Create:  {"  +", green},
	planner.Update:  {"  ~", yellow},
	planner.Replace: {"-/+", yellow},
	planner.Remove:  {"  -", red},
	planner.Run:     {"  >", cyan},
}

// costs say what a difference does to what runs.
var costs = map[planner.Cost]string{
	planner.Recreate: "a new container",
	planner.Relabel:  "the process runs on",
}
