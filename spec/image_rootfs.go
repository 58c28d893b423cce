package spec

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// configSchema is the block of an imported image that says what a Dockerfile's last lines say of a built one.
var configSchema = newSchema(schema{
	optional:  []string{"entrypoint", "cmd", "env", "working_dir", "user", "stop_signal", "expose", "volumes", "labels"},
	exposed:   "anyone who has the image can read it. Put the secret into env of the containers, or use nonsensitive() if it is none.",
	carries:   []string{"env", "labels"},
	byElement: []string{"env"},
})

// rootfs reads import, and what goes with it alone; nil for none.
func (d *decoder) rootfs(content *hcl.BodyContent) *Rootfs {
	attrs := content.Attributes
	config := d.singleBlock(content.Blocks, "config")
	if !d.isSet(attrs, "import") {
		if a := attrs["platform"]; a != nil {
			d.fail(fault(a.NameRange, "Not for this image", "Only an image with import has platform. One that is built has platforms in its build block; one that is pulled or loaded brings its own. Take it out."))
		}
		if config != nil {
			d.fail(fault(config.DefRange, "Not for this image", "Only an image with import has a config block. One that is built gets its config from the Dockerfile; one that is pulled or loaded brings its own. Take it out."))
		}
		return nil
	}
	r := &Rootfs{}
	r.Path = d.pathOrURL(attrs, "import", "a root filesystem: a tar file or a directory", importSchemes)
	r.Platform, _, _ = parsed(d, attrs, "platform", "Bad platform", ParsePlatform)
	d.mustKnow(attrs, "import")
	d.mustKnow(attrs, "platform")
	if config != nil {
		r.Config = d.imageConfig(config)
	}
	return r
}

func (d *decoder) imageConfig(block *hcl.Block) ImageConfig {
	defer d.enter("config", configSchema)()
	attrs := d.split(block.Body, configSchema).Attributes
	var c ImageConfig
	c.Entrypoint, _, _ = d.texts(attrs, "entrypoint")
	c.Command, _, _ = d.texts(attrs, "cmd")
	c.Env = d.namedTexts(attrs, "env", "an environment variable")
	c.WorkingDir = d.absolutePath(attrs, "working_dir")
	c.User = d.user(attrs)
	c.StopSignal, _, _ = parsed(d, attrs, "stop_signal", "Bad signal", ParseSignal)
	c.Expose = d.parsedSet(attrs, "expose", "Bad port", parseExpose)
	c.Volumes = d.parsedSet(attrs, "volumes", "Relative path", parseVolume)
	c.Labels = d.labels(attrs, "labels")
	return c
}

var protocols = []string{"tcp", "udp", "sctp"}

// parseExpose reads a port that an image listens on: "80" is 80/tcp.
func parseExpose(s string) (string, error) {
	port, protocol, given := strings.Cut(s, "/")
	if !given {
		protocol = "tcp"
	}
	protocol = strings.ToLower(protocol)
	n, err := strconv.Atoi(port)
	if err != nil || n < 1 || n > 65535 || !slices.Contains(protocols, protocol) {
		return "", fmt.Errorf("%q is no port: write a number from 1 to 65535, with a protocol if it isn't tcp, as in \"53/udp\"", s)
	}
	return strconv.Itoa(n) + "/" + protocol, nil
}

func parseVolume(s string) (string, error) {
	if !path.IsAbs(s) {
		return "", fmt.Errorf("%q is a path inside the container, so it begins with \"/\"", s)
	}
	return path.Clean(s), nil
}
