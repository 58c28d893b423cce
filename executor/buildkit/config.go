package buildkit

import (
	"net/url"
	"path/filepath"

	"github.com/pelletier/go-toml/v2"

	"github.com/fairlead-dev/fairlead/spec"
)

// settings is what fairlead says in buildkitd.toml.
type settings struct {
	Root         string                      `toml:"root"`
	Entitlements []string                    `toml:"insecure-entitlements"`
	GRPC         grpcSettings                `toml:"grpc"`
	OTEL         otelSettings                `toml:"otel"`
	Workers      workerSettings              `toml:"worker"`
	Registries   map[string]registrySettings `toml:"registry"`
}

type grpcSettings struct {
	Address []string `toml:"address"`
}

type otelSettings struct {
	SocketPath string `toml:"socketPath"`
}

type workerSettings struct {
	OCI        enabled            `toml:"oci"`
	Containerd containerdSettings `toml:"containerd"`
}

type enabled struct {
	Enabled bool `toml:"enabled"`
}

type containerdSettings struct {
	Enabled     bool       `toml:"enabled"`
	Address     string     `toml:"address"`
	Namespace   string     `toml:"namespace"`
	Snapshotter string     `toml:"snapshotter"`
	GC          bool       `toml:"gc"`
	GCPolicy    []gcPolicy `toml:"gcpolicy,omitempty"`
}

type gcPolicy struct {
	All          bool  `toml:"all"`
	MaxUsedSpace int64 `toml:"maxUsedSpace"` // bytes
}

type registrySettings struct {
	Mirrors  []string `toml:"mirrors,omitempty"`
	Plain    *bool    `toml:"http,omitempty"` // nil: HTTPS, but on the loopback interface
	Insecure bool     `toml:"insecure"`
	CA       []string `toml:"ca,omitempty"`
}

// socketAsURLPath gives a path of containerd's socket that is the same in a URL, because buildkitd's client reads it as a part of one. A socket whose path
// has a space, %, # or ? is reached through its directory, which startProgram opens as descriptor 4.
func socketAsURLPath(socket string) string {
	if (&url.URL{Path: socket}).EscapedPath() == socket {
		return socket
	}
	return "/proc/self/fd/4/" + filepath.Base(socket)
}

// writeConfig writes the own buildkitd's settings.
func (b *Builder) writeConfig(path, root, socket string) error {
	s := settings{
		Root:         root,
		Entitlements: []string{"network.host"},
		GRPC:         grpcSettings{[]string{"unix://" + socket}},
		OTEL:         otelSettings{filepath.Join(root, otelName)}, // the default is one for all that run
		Workers: workerSettings{Containerd: containerdSettings{
			Enabled: true, Address: socketAsURLPath(b.o.Address), Namespace: b.o.Namespace, Snapshotter: b.o.Snapshotter, GC: true,
		}},
		Registries: map[string]registrySettings{},
	}
	if b.o.KeepBytes > 0 {
		s.Workers.Containerd.GCPolicy = []gcPolicy{{All: true, MaxUsedSpace: b.o.KeepBytes}}
	}
	hosts, err := b.hosts.Settings()
	if err != nil {
		return err
	}
	for _, h := range hosts {
		r := registrySettings{Mirrors: h.Mirrors, Insecure: h.Insecure, CA: h.CA}
		if plain := h.Plain; plain || len(h.CA) > 0 {
			r.Plain = &plain
		}
		s.Registries[h.Host] = r
	}
	text, err := toml.Marshal(s)
	if err != nil {
		return err
	}
	return spec.ReplaceFile(path, 0o600, spec.Content(text))
}
