package machine

import (
	"path/filepath"
	"testing"
)

// TestPathsStay: an upgrade finds what the last version left, and waits for its locks.
func TestPathsStay(t *testing.T) {
	p := Paths{Root: "/data", Socket: "/run/containerd/nobody.sock", Namespace: "default"}
	for got, want := range map[string]string{
		p.Key():                        "/data/key",
		p.Cache():                      "/data/seen",
		p.Engine():                     "/data/engine",
		p.LostOutput():                 "/data/output",
		p.Builder():                    "/data/buildkit/07f0c4d8",
		p.Container("shop", "id"):      "/data/a62df1d6/default/shop/id",
		p.StackLock("shop"):            "/run/fairlead/locks/a62df1d6f2232489/default/shop.lock",
		p.HandLock("fairlead-1"):       "/run/fairlead/locks/a62df1d6f2232489/default/by-hand/fairlead-1.lock",
		filepath.Dir(p.HandLock("")):   "/run/fairlead/locks/a62df1d6f2232489/default/by-hand",
		p.ImageLock("example.com/a:1"): "/run/fairlead/locks/a62df1d6f2232489/default/images/c6b5708d561bafc6ec9019bf965f3466.lock",
	} {
		if got != want {
			t.Errorf("%s; want %s", got, want)
		}
	}
}
