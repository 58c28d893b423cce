package view

import (
	"bytes"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
)

// TestWholeTextIsNotBroken: what stands for copying is in one piece, wherever it stands; the prose around it is wrapped.
func TestWholeTextIsNotBroken(t *testing.T) {
	digest := "sha256:" + strings.Repeat("0123456789abcdef", 4)
	command := "  export CONTAINERD_ADDRESS='/a directory/" + strings.Repeat("of/", 20) + "containerd.sock'"
	block := "  import {\n    to = image.app\n    id = \"registry.example.com/" + strings.Repeat("long/", 20) + "app:1.0\"\n  }"
	prose := strings.Repeat("some words ", 12)
	var diag bytes.Buffer
	d := &hcl.Diagnostic{Severity: hcl.DiagError, Summary: "Taken", Detail: prose + digest + " " + prose + "\n\n" + block + "\n\n" + prose}
	if err := Diagnostics(&diag, hcl.Diagnostics{d}, nil, Style{Width: 60}); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		text  string
		whole []string // lines, or a word of one
	}{
		"command": {Wrap(prose+"\n"+Whole(command)+"\n", 60), []string{command}},
		"words":   {Wrap(WholeWords(prose+digest+" "+prose), 60), []string{digest}},
		"blocks":  {Wrap(WholeBlocks(prose+"\n"+block), 60), strings.Split(block, "\n")},
		"row":     {Wrap(WholeWords("NAME  DIGEST\napp   "+digest), 60), []string{digest}},
		"diag":    {diag.String(), append(strings.Split(block, "\n"), digest)},
		"none":    {Wrap(Whole(command)+WholeWords(prose), 0), []string{command + prose}},
		"prose":   {diag.String(), []string{strings.TrimSpace(strings.Repeat("some words ", 5)) + "\n"}}, // 54 columns of 60, as without marks
	} {
		for _, w := range c.whole {
			if !strings.Contains(c.text, w) {
				t.Errorf("%s: %q is not in one piece in %q", name, w, c.text)
			}
		}
		for _, l := range strings.Split(c.text, "\n") {
			if strings.Contains(l, own) || name != "none" && columnsOf(l) > 60 && strings.Contains(l, "some words") {
				t.Errorf("%s: %q", name, l)
			}
		}
	}
}
