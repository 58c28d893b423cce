package binfmt

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	armMagic = "magic 7f454c4601010100000000000000000002002800\n"
	armMask  = "mask ffffffffffffff00fffffffffffffffffeffffff\n"
)

func TestHandlersAsTheKernelShowsThem(t *testing.T) {
	const arm = "interpreter /usr/libexec/qemu-binfmt/arm-binfmt-P\nflags: POF\noffset 0\n" + armMagic + armMask
	for _, c := range []struct {
		name, status, file string
		want               Handler
	}{
		{"works", "enabled\n", "enabled\n" + arm, Handler{Enabled: true, Flags: "POF"}},
		{"disabled", "enabled\n", "disabled\n" + arm, Handler{Flags: "POF"}},
		{"all disabled", "disabled\n", "enabled\n" + arm, Handler{Flags: "POF"}},
		{
			"no F", "enabled\n", "enabled\ninterpreter /usr/libexec/qemu-binfmt/arm-binfmt-P\nflags: \noffset 0\n" + armMagic + armMask,
			Handler{Enabled: true},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := Host{Mount: tree(t, map[string]string{"register": "", "status": c.status, "odd-name": c.file})}
			all, err := h.Handlers()
			if err != nil || len(all) != 1 {
				t.Fatal(all, err)
			}
			got := all[0]
			if got.Interpreter != "/usr/libexec/qemu-binfmt/arm-binfmt-P" || len(got.Magic) != 20 || len(got.Mask) != 20 || got.Owned() {
				t.Errorf("%+v", got)
			}
			got.Pattern, got.Interpreter, c.want.Name = Pattern{}, "", "odd-name"
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			m, _ := machineOf("linux/arm/v6")
			if found, ok := handlerOf(all, m); !ok || found.Enabled != c.want.Enabled {
				t.Errorf("the handler for linux/arm/v6: %+v, %v", found, ok)
			}
		})
	}
	t.Run("others", func(t *testing.T) {
		h := Host{Mount: tree(t, map[string]string{
			"register": "", "status": "enabled\n",
			"jar":  "enabled\ninterpreter /usr/bin/jexec\nflags: \nextension .jar\n",
			"llvm": "enabled\ninterpreter /usr/bin/lli\nflags: \noffset 0\nmagic 4243\n",
		})}
		all, err := h.Handlers()
		if err != nil || len(all) != 2 {
			t.Error(all, err)
		}
		for _, m := range machines {
			if found, ok := handlerOf(all, m); ok {
				t.Errorf("%s is run by %+v", m.platform, found)
			}
		}
	})
	t.Run("not mounted", func(t *testing.T) {
		h := Host{Mount: t.TempDir()}
		if all, err := h.Handlers(); all != nil || err != nil || h.Mounted() {
			t.Error(all, err)
		}
	})
}
