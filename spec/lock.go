package spec

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/opencontainers/go-digest"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/gocty"
)

// LockFile is the name of the file that pins image references to digests. It is kept in the stack's directory and checked in.
const LockFile = ".fairlead.lock.hcl"

// Lock pins references: the key is the normalised reference of an image, tag included; or the URL that an ADD takes a file or a repository
// from, as Shown gives it.
type Lock map[string]Pin

// Pin is what one reference or URL stands for.
type Pin struct {
	Digest    string           // of the manifest or the index that the registry gave for the tag; of a file's content
	Commit    string           // of a repository; Digest is "" then
	Platforms map[string]int64 // bytes to download for each platform that the image has (manifest, config and layers)
	OnBuild   []string         // instructions that the image has for a stage that begins with it; nil: nobody asked
}

// Remote is a file or a repository on a server that ADD takes, with the content that it is taken at: one of Digest and Commit is set.
type Remote struct {
	URL    string `json:"url"`              // whole, with a password that it may have
	Digest string `json:"digest,omitempty"` // of a file's content
	Commit string `json:"commit,omitempty"` // of a repository
}

// Key is the URL as it is shown, and as the lock file has it.
func (r Remote) Key() string { return Shown(r.URL) }

// The types of blocks in a lock file.
const (
	lockImage  = "image"
	lockSource = "source"
)

var lockSchema = &hcl.BodySchema{Blocks: []hcl.BlockHeaderSchema{
	{Type: lockImage, LabelNames: []string{"reference"}}, {Type: lockSource, LabelNames: []string{"url"}},
}}

var pinSchemas = map[string]*hcl.BodySchema{
	lockImage:  {Attributes: []hcl.AttributeSchema{{Name: "digest", Required: true}, {Name: "platforms"}, {Name: "onbuild"}}},
	lockSource: {Attributes: []hcl.AttributeSchema{{Name: "digest"}, {Name: "commit"}}},
}

// IsSource tells a URL that an ADD takes something from apart from the reference of an image.
func IsSource(key string) bool {
	return strings.Contains(key, "://") || overSSH.MatchString(key)
}

// overSSH matches USER@HOST:PATH. The reference of an image with a digest has a slash before its @.
var overSSH = regexp.MustCompile(`^[A-Za-z0-9_-]+@[A-Za-z0-9.-]+:`)

// readLock reads the lock file of a directory; where there is none the lock is empty.
func readLock(dir string) (Lock, *hcl.File, hcl.Diagnostics) {
	lock := Lock{}
	src, err := ReadSource(filepath.Join(dir, LockFile), true) // fairlead wrote it
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return lock, nil, nil
	}
	if err != nil {
		return lock, nil, hcl.Diagnostics{faultWithoutRange("Unreadable lock file", "%s cannot be read: %s.", LockFile, err)}
	}
	file, diags := Parse(src, LockFile, false)
	if file == nil || file.Body == nil {
		return lock, file, diags
	}
	content, more := file.Body.Content(lockSchema)
	diags = append(diags, more...)
	for _, b := range content.Blocks {
		pin, ds := readPin(b)
		diags = append(diags, ds...)
		ref, err := b.Labels[0], error(nil)
		if b.Type == lockImage {
			ref, err = ParseReference(ref)
		}
		if err != nil {
			diags = append(diags, fault(b.LabelRanges[0], "Bad reference", "%s.", err))
			continue
		}
		if _, twice := lock[ref]; twice {
			diags = append(diags, fault(b.LabelRanges[0], "Pinned twice", "The reference %s has two blocks in the lock file. Take the older one out, or remove the file and run `fairlead lock`.", ref))
		}
		if pin.Digest != "" || pin.Commit != "" {
			lock[ref] = pin
		}
	}
	return lock, file, diags
}

func readPin(b *hcl.Block) (Pin, hcl.Diagnostics) {
	content, diags := b.Body.Content(pinSchemas[b.Type])
	attrs := content.Attributes
	var pin Pin
	for _, read := range []struct {
		attr string
		into func(a *hcl.Attribute, v cty.Value) *hcl.Diagnostic
	}{{"digest", pin.readDigest}, {"commit", pin.readCommit}, {"onbuild", pin.readOnBuild}, {"platforms", pin.readPlatforms}} {
		a := attrs[read.attr]
		if a == nil {
			continue
		}
		v, ds := a.Expr.Value(nil)
		diags = append(diags, ds...)
		if ds.HasErrors() {
			continue
		}
		if d := read.into(a, v); d != nil {
			diags = append(diags, d)
		}
	}
	if b.Type == lockSource && (attrs["digest"] != nil) == (attrs["commit"] != nil) && !diags.HasErrors() {
		diags = append(diags, fault(b.DefRange, "Bad pin", "A source has a digest, if it is a file, or a commit, if it is a repository. Run `fairlead lock --update` to write it anew."))
	}
	return pin, diags
}

func (p *Pin) readDigest(a *hcl.Attribute, v cty.Value) *hcl.Diagnostic {
	text := stringOf(v)
	if _, err := digest.Parse(text); err != nil {
		return fault(a.Expr.Range(), "Bad digest", "A digest is written as \"sha256:\" and 64 hexadecimal digits. Run `fairlead lock --update` to write it anew.")
	}
	p.Digest = text
	return nil
}

func (p *Pin) readCommit(a *hcl.Attribute, v cty.Value) *hcl.Diagnostic {
	text := stringOf(v)
	if !commitPattern.MatchString(text) {
		return fault(a.Expr.Range(), "Bad commit", "A commit is written as 40 or 64 hexadecimal digits. Run `fairlead lock --update` to write it anew.")
	}
	p.Commit = text
	return nil
}

func (p *Pin) readOnBuild(a *hcl.Attribute, v cty.Value) *hcl.Diagnostic {
	v, err := convert.Convert(v, cty.List(cty.String))
	if err == nil && !v.IsNull() {
		p.OnBuild = []string{}
		err = gocty.FromCtyValue(v, &p.OnBuild)
	}
	if err != nil {
		return fault(a.Expr.Range(), "Wrong type", "The attribute onbuild gives instructions of a Dockerfile. Run `fairlead lock --update` to write it anew.")
	}
	return nil
}

func (p *Pin) readPlatforms(a *hcl.Attribute, v cty.Value) *hcl.Diagnostic {
	v, err := convert.Convert(v, cty.Map(cty.Number))
	if err == nil && !v.IsNull() {
		err = gocty.FromCtyValue(v, &p.Platforms)
	}
	if err != nil {
		return fault(a.Expr.Range(), "Wrong type", "The attribute platforms gives for each platform a whole number of bytes. Run `fairlead lock --update` to write it anew.")
	}
	return nil
}

var commitPattern = regexp.MustCompile(`^[0-9a-f]{40}([0-9a-f]{24})?$`)

// Write writes the lock file of a directory, sorted, through a temporary file and a rename; unchanged text is not written.
func (l Lock) Write(dir string) error {
	path := filepath.Join(dir, LockFile)
	text := l.text()
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, text) {
		return nil
	} else if errors.Is(err, fs.ErrNotExist) && len(l) == 0 {
		return nil
	}
	return ReplaceFile(path, 0o644, Content(text))
}

func (l Lock) text() []byte {
	f := hclwrite.NewEmptyFile()
	f.Body().AppendUnstructuredTokens(hclwrite.Tokens{{Type: hclsyntax.TokenComment, Bytes: []byte("# Which digest each image reference stands for. Written by fairlead; check it in. `fairlead lock --update` renews it.\n")}})
	for _, r := range slices.Sorted(maps.Keys(l)) {
		f.Body().AppendNewline()
		kind := lockImage
		if IsSource(r) {
			kind = lockSource
		}
		b := f.Body().AppendNewBlock(kind, []string{r}).Body()
		if l[r].Commit != "" {
			b.SetAttributeValue("commit", cty.StringVal(l[r].Commit))
		} else {
			b.SetAttributeValue("digest", cty.StringVal(l[r].Digest))
		}
		if sizes := l[r].Platforms; len(sizes) > 0 {
			v := map[string]cty.Value{}
			for p, n := range sizes {
				v[p] = cty.NumberIntVal(n)
			}
			b.SetAttributeValue("platforms", cty.MapVal(v))
		}
		if on := l[r].OnBuild; on != nil {
			lines := make([]cty.Value, len(on))
			for i, line := range on {
				lines[i] = cty.StringVal(line)
			}
			b.SetAttributeValue("onbuild", cty.TupleVal(lines))
		}
	}
	return hclwrite.Format(f.Bytes())
}
