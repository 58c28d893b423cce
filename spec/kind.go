package spec

import (
	"fmt"
	"strings"
)

// Kind is a kind of block that a plan can act on.
type Kind string

// kind is a row of the table of kinds. What reads, links, orders and evaluates blocks knows no kind but by its row, and by the methods of its [Resource].
type kind struct {
	name       Kind
	label      blockLabel
	schema     *schema
	empty      func(Block) Resource
	attributes []string          // that a reference may name; nil: nothing can refer to such a block
	orders     map[string][]Kind // paths of attributes whose references say only what comes first, with the kinds that they may name
}

// kinds has every kind, each after those that it refers to.
var kinds = []*kind{imageKind, containerKind, emulatorKind}

// Kinds gives the names of all kinds, each after those that it refers to.
func Kinds() []Kind {
	out := make([]Kind, len(kinds))
	for i, k := range kinds {
		out[i] = k.name
	}
	return out
}

// kindNamed gives the row of a kind; nil where there is none of that name.
func kindNamed(name string) *kind {
	for _, k := range kinds {
		if string(k.name) == name {
			return k
		}
	}
	return nil
}

// referable has the kinds that a reference can lead to.
func referable() (out []Kind) {
	for _, k := range kinds {
		if k.attributes != nil {
			out = append(out, k.name)
		}
	}
	return out
}

// AttributeNames gives the names of the attributes and nested blocks of a kind's block, without for_each and count, which are of the block and not
// of an instance.
func AttributeNames(k Kind) []string { return kindNamed(string(k)).schema.names() }

// AttributePaths gives the paths of all attributes of a kind's block, those in nested blocks too, as mount.read_only or mount.tmpfs.size;
// without for_each and count.
func AttributePaths(k Kind) []string { return kindNamed(string(k)).schema.paths() }

// oneOf writes kinds as people do: "an image or a container".
func oneOf(kinds []Kind) string {
	out := make([]string, len(kinds))
	for i, k := range kinds {
		article := "a"
		if strings.ContainsRune("aeiou", rune(k[0])) {
			article = "an"
		}
		out[i] = fmt.Sprintf("%s %s", article, k)
	}
	return strings.Join(out, " or ")
}
