package spec

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// The kinds, as they are written in files and addresses.
const (
	KindImage     Kind = "image"
	KindContainer Kind = "container"
	KindEmulator  Kind = "emulator"
)

// Addr names one block or one instance of it, as in container.web, container.web["a"] or container.web[0]. It is
// comparable: the key of every map, and the name that people see in plans, events and errors.
type Addr struct {
	Kind Kind
	Name string // the block's label; of an image that only a container's string names, the reference itself; of an emulator, see EmulatorAddr
	Key  string // "" where the block has no for_each or count; else the index as written: "a" with its quotes, or 0
}

// String gives the address as it is written in expressions and on the command line.
func (a Addr) String() string {
	name := a.Name
	if !hclsyntax.ValidIdentifier(name) {
		name = strconv.Quote(name)
	}
	if a.Key == "" {
		return fmt.Sprintf("%s.%s", a.Kind, name)
	}
	return fmt.Sprintf("%s.%s[%s]", a.Kind, name, a.Key)
}

// KeyText is the key without quotes, as it appears in the names of what the instance makes; "" where there is none.
func (a Addr) KeyText() string {
	if s, err := strconv.Unquote(a.Key); err == nil {
		return s
	}
	return a.Key
}

// Block is the address of the whole block: the instance's address without its key.
func (a Addr) Block() Addr { return Addr{Kind: a.Kind, Name: a.Name} }

// IsZero tells whether a names nothing.
func (a Addr) IsZero() bool { return a == Addr{} }

// MarshalText and UnmarshalText let an address be a JSON value and a JSON key. The zero address is the empty text.
func (a Addr) MarshalText() ([]byte, error) {
	if a.IsZero() {
		return []byte{}, nil
	}
	return []byte(a.String()), nil
}

// UnmarshalText reads what MarshalText wrote; the empty text is the zero address.
func (a *Addr) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*a = Addr{}
		return nil
	}
	got, err := ParseAddr(string(b))
	*a = got
	return err
}

// ParseAddr reads an address as String writes it.
func ParseAddr(s string) (Addr, error) {
	bad := func(why string) (Addr, error) {
		return Addr{}, fmt.Errorf("address %q: %s; an address looks like container.web, container.web[\"a\"] or container.web[0]", s, why)
	}
	kind, rest, ok := strings.Cut(s, ".")
	if !ok {
		return bad("it has no dot")
	}
	k := kindNamed(kind)
	if k == nil {
		return bad(fmt.Sprintf("%q is no kind of block", kind))
	}
	a := Addr{Kind: k.name}
	if strings.HasPrefix(rest, `"`) {
		q, err := strconv.QuotedPrefix(rest)
		if err != nil {
			return bad("its quotes do not end")
		}
		a.Name, _ = strconv.Unquote(q)
		rest = rest[len(q):]
	} else {
		i := strings.IndexByte(rest, '[')
		if i < 0 {
			i = len(rest)
		}
		a.Name, rest = rest[:i], rest[i:]
		if k.label.parse == nil && !hclsyntax.ValidIdentifier(a.Name) {
			return bad(fmt.Sprintf("%q is no name", a.Name))
		}
	}
	if a.Name == "" {
		return bad("it has no name")
	}
	if k.label.parse != nil {
		var err error
		if a.Name, err = k.label.parse(a.Name); err != nil {
			return Addr{}, fmt.Errorf("address %q: %w", s, err)
		}
	}
	if rest == "" {
		return a, nil
	}
	if !k.schema.repeats {
		return bad(oneOf([]Kind{k.name}) + " has no instances")
	}
	if !strings.HasPrefix(rest, "[") || !strings.HasSuffix(rest, "]") {
		return bad("its index is not in brackets")
	}
	a.Key = rest[1 : len(rest)-1]
	if _, err := strconv.Unquote(a.Key); err != nil {
		if n, err := strconv.Atoi(a.Key); err != nil || n < 0 || strconv.Itoa(n) != a.Key {
			return bad("its index is neither a number nor a string in quotes")
		}
	}
	return a, nil
}

// Compare orders addresses as people read them: numbers by value.
func (a Addr) Compare(b Addr) int {
	if c := cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name)); c != 0 {
		return c
	}
	if !strings.HasPrefix(a.Key, `"`) && !strings.HasPrefix(b.Key, `"`) {
		return cmp.Or(cmp.Compare(len(a.Key), len(b.Key)), cmp.Compare(a.Key, b.Key))
	}
	return cmp.Compare(a.Key, b.Key)
}
