package mark

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

// Signer makes and verifies the marks of one namespace. A mark is a keyed hash over whose a container is: nobody can forge one who can't
// read the host's key.
type Signer struct {
	namespace string
	key       []byte // nil: there is none, so no mark can be of it
	unread    bool   // the key is there and may not be read, as by a user who isn't root: marks are taken as they are
}

// ReadSigner reads the host's key from its file. It makes none.
func ReadSigner(namespace, keyPath string) Signer {
	key, err := os.ReadFile(keyPath)
	if err != nil || len(key) != keySize {
		return Signer{namespace: namespace, unread: err != nil && !errors.Is(err, fs.ErrNotExist)}
	}
	return Signer{namespace: namespace, key: key}
}

// NewSigner reads the host's key from its file, and makes it where there is none.
func NewSigner(namespace, keyPath string) (Signer, error) {
	key, err := HostKey(keyPath)
	return Signer{namespace: namespace, key: key}, err
}

// Sign gives the mark of the container id as the owner's.
func (s Signer) Sign(id string, o planner.Owner) string {
	h := hmac.New(sha256.New, s.key)
	for _, part := range []string{"fairlead container", s.namespace, id, o.Stack, o.Addr.String()} {
		fmt.Fprintf(h, "%d %s ", len(part), part)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Owner reads whose a container is, from its labels and its extension. extended tells whether the record has fairlead's extension; a is
// nil where that can't be read.
//
// Both results are nil where labels alone name an owner: an image gives labels to the containers that are made from it, and can give no
// extension. byOtherKey is who the owner would be if the mark were of this host's key. Versions before the mark wrote the extension alone,
// which counts.
func (s Signer) Owner(labels map[string]string, id string, extended bool, a *Applied) (owner, byOtherKey *planner.Owner) {
	o := OwnerOf(labels, id)
	if o == nil || !extended {
		return nil, nil
	}
	if a == nil || a.Mark == "" || s.unread || s.key != nil && hmac.Equal([]byte(a.Mark), []byte(s.Sign(id, *o))) {
		return o, nil
	}
	return nil, o
}
