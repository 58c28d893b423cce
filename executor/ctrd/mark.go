package ctrd

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/fairlead-dev/fairlead/planner"
)

// marks makes and verifies the marks of one namespace: a mark is a keyed hash over whose an object is, which nobody writes who can't read
// the host's key.
type marks struct {
	namespace string
	key       []byte // nil: there is none, so that no mark can be of it
	unread    bool   // the key is there and may not be read, as by a user who isn't root: marks are taken as they are
}

// readMarks reads the host's key, and makes none.
func (o Options) readMarks() marks {
	key, err := os.ReadFile(keyPath(o.root()))
	if err != nil || len(key) != keySize {
		return marks{namespace: o.Namespace, unread: err != nil && !errors.Is(err, fs.ErrNotExist)}
	}
	return marks{namespace: o.Namespace, key: key}
}

// writeMarks reads the host's key, and makes it where there is none.
func (o Options) writeMarks() (marks, error) {
	key, err := hostKey(o.root())
	return marks{namespace: o.Namespace, key: key}, err
}

// of gives the mark of the container id as the owner's.
func (m marks) of(id string, o planner.Owner) string {
	h := hmac.New(sha256.New, m.key)
	for _, part := range []string{"fairlead container", m.namespace, id, o.Stack, o.Addr.String()} {
		fmt.Fprintf(h, "%d %s ", len(part), part)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// owner reads whose a container is, from its labels and what is in its extension; a is nil where there is none that can be read. By another
// key is who the owner would be, if the mark were of this host's key. Both are nil where nothing but labels says whose it is: an image gives
// labels to the containers that are made from it, and can give no extension. Containers of
// versions that wrote no marks have none.
func (m marks) owner(labels map[string]string, id string, extended bool, a *applied) (owner, byOtherKey *planner.Owner) {
	o := ownerOf(labels, id)
	if o == nil || !extended {
		return nil, nil
	}
	if a == nil || a.Mark == "" || m.unread || m.key != nil && hmac.Equal([]byte(a.Mark), []byte(m.of(id, *o))) {
		return o, nil
	}
	return nil, o
}
