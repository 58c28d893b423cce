package mark

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/fairlead-dev/fairlead/planner"
)

// Image is what fairlead writes on an image record.
type Image struct {
	Owner     planner.Owner    // zero: written by hand, so the record stays whose it is
	Protect   bool             // prevent_destroy is set
	Platforms map[string]int64 // whose content is whole, with its bytes
	Source    string           // fingerprint of the archive that it was loaded from
	Inputs    string           // digest of what it was built or imported from
	TagOf     string           // the record of the same owner that this name was made from
	Sole      bool             // it was built or imported: the same content on another owner's record doesn't make that record this owner's
}

// Labels gives a record's labels anew. Labels of others stay, and so does what is known of the same content. old are the labels that the
// record has; same tells whether its content stays.
func (m Image) Labels(name string, old map[string]string, same bool) map[string]string {
	owned := OwnerOf(old, name) != nil
	if m.Owner == (planner.Owner{}) {
		return m.byHand(old, owned, same)
	}
	out := map[string]string{}
	for k, v := range old {
		if k == GCRefInputs && owned {
			continue
		}
		if !strings.HasPrefix(k, "fairlead/") || owned && (strings.HasPrefix(k, LabelPushed) || strings.HasPrefix(k, LabelTag)) {
			out[k] = v
		}
	}
	maps.Copy(out, OwnerLabels(m.Owner, name, m.Protect))
	m.notePlatforms(out, old, owned && same)
	if m.Source != "" {
		out[LabelSource] = m.Source
	}
	if m.TagOf != "" {
		out[LabelTagOf] = m.TagOf
	}
	if m.Inputs != "" {
		out[LabelInputs], out[GCRefInputs] = m.Inputs, m.Inputs
	}
	return out
}

// byHand gives the labels for a write by hand: the owner stays, and facts about old content are dropped if the content changed, so that
// the owner's next plan sees that.
func (m Image) byHand(old map[string]string, owned, same bool) map[string]string {
	out := maps.Clone(old)
	if !owned {
		return out
	}
	if !same {
		for _, fact := range []string{LabelSource, LabelPlatforms, LabelInputs, GCRefInputs} {
			delete(out, fact)
		}
	}
	m.notePlatforms(out, old, same)
	return out
}

// notePlatforms writes which platforms are whole now: those of the old labels too, if the content is the same.
func (m Image) notePlatforms(out, old map[string]string, same bool) {
	whole := map[string]int64{}
	if same {
		maps.Copy(whole, ParsePlatforms(old[LabelPlatforms]))
	}
	maps.Copy(whole, m.Platforms)
	if len(whole) > 0 {
		out[LabelPlatforms] = formatPlatforms(whole)
	}
}

// ParsePlatforms reads the label of the platforms whose content is whole, with its bytes: linux/amd64=1234,linux/arm/v7=1234.
func ParsePlatforms(label string) map[string]int64 {
	if label == "" {
		return nil
	}
	out := map[string]int64{}
	for _, word := range strings.Split(label, ",") {
		p, size, _ := strings.Cut(word, "=")
		out[p], _ = strconv.ParseInt(size, 10, 64)
	}
	return out
}

func formatPlatforms(sizes map[string]int64) string {
	var words []string
	for _, p := range slices.Sorted(maps.Keys(sizes)) {
		words = append(words, p+"="+strconv.FormatInt(sizes[p], 10))
	}
	return strings.Join(words, ",")
}

// PushedLabel is the label that says what was pushed to a reference.
func PushedLabel(ref string) string { return LabelPushed + shortHash(ref) }

// TagLabel is the label of a record that says that another name was made from it.
func TagLabel(name string) string { return LabelTag + shortHash(name) }

func shortHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])[:16]
}
