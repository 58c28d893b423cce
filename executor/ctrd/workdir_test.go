package ctrd

import "testing"

// What the runtime says of the working directory is told in fairlead's words, and nothing else is taken for it.
func TestExplainWorkingDir(t *testing.T) {
	const noDir = " is no directory. Set working_dir to a directory, or to a path where nothing is: it is created"
	for name, tt := range map[string]struct{ text, dir, want string }{
		"a file":          {"error during container init: mkdir /file: not a directory", "/file", "its working directory can't be /file: in the container (image i), /file" + noDir},
		"below a file":    {"error during container init: mkdir /file: not a directory", "/file/sub/x", "its working directory can't be /file/sub/x: in the container (image i), /file" + noDir},
		"a dangling link": {"error during container init: mkdir /l/to: file exists", "/l/to", "its working directory can't be /l/to: in the container (image i), /l/to" + noDir},
		"not cleaned":     {"mkdir /file: not a directory", "/etc/../file/", "its working directory can't be /etc/../file/: in the container (image i), /file" + noDir},
		"with a colon":    {"mkdir /a: b: not a directory", "/a: b/c", "its working directory can't be /a: b/c: in the container (image i), /a: b" + noDir},
		"read-only":       {"mkdir /proc/x: no such file or directory", "/proc/x", "its working directory can't be /proc/x: in the container (image i), /proc/x: no such file or directory. Set working_dir to a directory that the container's user may enter"},
		"not for its user": {`chdir to cwd ("/root") set in config.json failed: permission denied`, "/root",
			"its working directory can't be /root: in the container (image i), /root: permission denied. Set working_dir to a directory that the container's user may enter"},
		"another directory": {"mkdir /file: not a directory", "/files", ""},
		"of a mount":        {`error mounting "/a" to rootfs at "/file/x": mkdir /run/x/rootfs/file: not a directory`, "/file", ""},
		"a program":         {`exec: "/x": stat /x: no such file or directory`, "/", ""},
	} {
		if got := explainWorkingDir(tt.text, tt.dir, "i"); got != tt.want {
			t.Errorf("%s: got %q; want %q", name, got, tt.want)
		}
	}
}
