package view

import (
	"bytes"
	"cmp"
	"io"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/fairlead-dev/fairlead/spec"
)

// Diagnostics writes what is wrong, in file order, each with its source line.
func Diagnostics(w io.Writer, diags hcl.Diagnostics, files map[string]*hcl.File, s Style) error {
	// hcl's own control sequences are told from what files say by another byte in the place of the files' escape character, as ranges
	// count bytes.
	const other = "\x1a"
	hide := func(text string) string { return strings.ReplaceAll(text, "\x1b", other) }
	shown := sortedByPlace(diags)
	for i, d := range shown {
		c := *d
		c.Summary, c.Detail = hide(Line(d.Summary)), strings.ReplaceAll(wholeBlocks(hide(Told(d.Detail)), s.width()), own, "\x1b")
		shown[i] = &c
	}
	sources := map[string]*hcl.File{}
	for name, f := range files {
		if f != nil {
			c := *spec.WithoutSensitiveText(f)
			c.Bytes = []byte(hide(string(c.Bytes)))
			sources[name] = &c
		}
	}
	var b strings.Builder
	gone := 0
	for _, d := range shown {
		from := sources
		if f := fileOf(d, sources); f != nil {
			if gone > mostGone || lineLength(f.Bytes, d.Subject.Start.Byte) > longLine {
				from = nil
			} else {
				gone += len(f.Bytes)
			}
		}
		if err := hcl.NewDiagnosticTextWriter(&b, from, uint(s.width()), s.Color).WriteDiagnostic(d); err != nil {
			return err
		}
	}
	_, err := io.WriteString(w, Wrap(strings.NewReplacer("\x1b", own, other, "\x1b").Replace(b.String()), s.Width))
	return err
}

// To quote a line, hcl goes through the file from its beginning: mostGone bounds how many bytes that may be for all. A line of more than longLine
// bytes is quoted by nobody.
const (
	mostGone = 8 << 20
	longLine = 16 << 10
)

func fileOf(d *hcl.Diagnostic, files map[string]*hcl.File) *hcl.File {
	if d.Subject == nil {
		return nil
	}
	return files[d.Subject.Filename]
}

// lineLength is how long the line at a place is.
func lineLength(text []byte, at int) int {
	at = min(at, len(text))
	from, to := bytes.LastIndexByte(text[:at], '\n')+1, bytes.IndexByte(text[at:], '\n')
	if to < 0 {
		return len(text) - from
	}
	return at + to - from
}

func sortedByPlace(diags hcl.Diagnostics) hcl.Diagnostics {
	diags = slices.Clone(diags)
	slices.SortStableFunc(diags, func(a, b *hcl.Diagnostic) int {
		switch {
		case a.Subject == nil && b.Subject == nil:
			return 0
		case a.Subject == nil:
			return 1
		case b.Subject == nil:
			return -1
		}
		return cmp.Or(cmp.Compare(a.Subject.Filename, b.Subject.Filename), cmp.Compare(a.Subject.Start.Byte, b.Subject.Start.Byte))
	})
	return diags
}

// Diagnostic is one of them for programs.
type Diagnostic struct {
	Severity string `json:"severity"`
	Summary  string `json:"summary"`
	Detail   string `json:"detail"`
	Range    *Range `json:"range,omitempty"`
}

// Range is a piece of a file. Lines, columns and bytes are as hcl counts them: the first line and column are 1, the first byte is 0.
type Range struct {
	Filename string `json:"filename"`
	Start    Pos    `json:"start"`
	End      Pos    `json:"end"`
}

// Pos is a place in a file.
type Pos struct {
	Line   int `json:"line"`
	Column int `json:"column"`
	Byte   int `json:"byte"`
}

func rangeOf(r *hcl.Range) *Range {
	if r == nil {
		return nil
	}
	return &Range{Filename: r.Filename, Start: Pos(r.Start), End: Pos(r.End)}
}

// DiagnosticsJSON writes them as one document.
func DiagnosticsJSON(w io.Writer, diags hcl.Diagnostics) error {
	out := struct {
		Format      string       `json:"format"`
		Version     int          `json:"version"`
		Valid       bool         `json:"valid"`
		Diagnostics []Diagnostic `json:"diagnostics"`
	}{Format: "fairlead.diagnostics", Version: Version, Valid: !diags.HasErrors(), Diagnostics: []Diagnostic{}}
	for _, d := range sortedByPlace(diags) {
		severity := "error"
		if d.Severity == hcl.DiagWarning {
			severity = "warning"
		}
		out.Diagnostics = append(out.Diagnostics, Diagnostic{Severity: severity, Summary: d.Summary, Detail: d.Detail, Range: rangeOf(d.Subject)})
	}
	return JSON(w, out)
}
