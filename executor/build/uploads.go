package build

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"

	"github.com/fairlead-dev/fairlead/executor/machine"
	"github.com/fairlead-dev/fairlead/spec"
)

// The builder keeps what it was sent of a directory under a key, and asks, the next time, only for those files whose size, time of
// change, mode or link differ from its copy. A file that was edited with all of these kept (rsync -t, cp -p, unpacked archives) would be
// built from the old copy. So all that was ever sent under a key is noted here: which path with which metadata had which content. If a file
// now has metadata that were sent before with other content, there is a new key, under which the builder has nothing.
//
// The note is one file: magic, CRC-32C of all that follows, the key, and a record for each path with its metadata. What is lost or
// damaged is a new key, and costs that all is sent once more.
const uploadsMagic = "fairlead sent 1\n"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// mark is half of a digest: of a path with its metadata, or of a content.
type mark [sha256.Size / 2]byte

// keySize is of a key, which is random, in bytes.
const keySize = 16

// uploads are what was sent under a key.
type uploads struct {
	key  [keySize]byte
	sent map[mark]mark
}

// stale is how many times more than there is now may be noted of what was sent before it begins anew.
const stale = 4

// uploadKey gives a key under which nothing was sent that the builder could take for what is there now. Where nothing can be kept on disk, it is a
// new one each time.
func (l *Local) uploadKey(cacheDir string) string {
	if len(l.Dirs) == 0 {
		return ""
	}
	now := map[mark]mark{}
	for name, d := range l.Dirs {
		for _, f := range d.files {
			now[markOf("%s\x00%s\x00%d\x00%d\x00%o", name, f.Path, f.Size, f.ModTime, f.Mode)] = markOf("%s", f.value)
		}
	}
	fresh := &uploads{sent: now}
	_, _ = rand.Read(fresh.key[:]) // it never fails
	if cacheDir == "" || os.MkdirAll(cacheDir, 0o700) != nil {
		return hex.EncodeToString(fresh.key[:])
	}
	file := l.uploadsFile(cacheDir)
	lock, err := machine.Lock(file + ".lock")
	if err != nil {
		return hex.EncodeToString(fresh.key[:])
	}
	defer lock.Close()
	u := loadUploads(file)
	if u == nil {
		u = fresh
	} else if more, ok := u.take(now); !ok {
		u = fresh
	} else if !more {
		return hex.EncodeToString(u.key[:])
	}
	if u.save(file) != nil {
		return hex.EncodeToString(fresh.key[:])
	}
	return hex.EncodeToString(u.key[:])
}

func markOf(format string, args ...any) (m mark) {
	sum := sha256.Sum256(fmt.Appendf(nil, format, args...))
	copy(m[:], sum[:])
	return m
}

// take adds what is to be sent now. It isn't ok if some of it was sent with other content, or if too much is noted that isn't there any more.
func (u *uploads) take(now map[mark]mark) (more, ok bool) {
	for at, value := range now {
		was, there := u.sent[at]
		if there && was != value {
			return false, false
		}
		more = more || !there
	}
	if !more {
		return false, true
	}
	for at, value := range now {
		u.sent[at] = value
	}
	return true, len(u.sent) <= stale*(len(now)+1000)
}

// loadUploads reads what save wrote; nil: there is nothing, or it is damaged.
func loadUploads(file string) *uploads {
	b, err := os.ReadFile(file)
	head := len(uploadsMagic) + 4
	const record = 2 * len(mark{})
	if err != nil || len(b) < head+keySize || !bytes.HasPrefix(b, []byte(uploadsMagic)) || (len(b)-head-keySize)%record != 0 {
		return nil
	}
	if binary.LittleEndian.Uint32(b[len(uploadsMagic):]) != crc32.Checksum(b[head:], castagnoli) {
		return nil
	}
	u := &uploads{key: [keySize]byte(b[head:]), sent: make(map[mark]mark, (len(b)-head-keySize)/record)}
	for rest := b[head+keySize:]; len(rest) > 0; rest = rest[record:] {
		u.sent[mark(rest)] = mark(rest[len(mark{}):])
	}
	return u
}

// save replaces the file, durably: a builder must not have what isn't noted.
func (u *uploads) save(file string) error {
	b := append([]byte(uploadsMagic), 0, 0, 0, 0)
	b = append(b, u.key[:]...)
	for at, value := range u.sent {
		b = append(append(b, at[:]...), value[:]...)
	}
	head := len(uploadsMagic) + 4
	binary.LittleEndian.PutUint32(b[len(uploadsMagic):], crc32.Checksum(b[head:], castagnoli))
	if err := spec.ReplaceFile(file, 0o600, spec.Content(b)); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(file))
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}
