package harness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// readOnly lists each method of containerd's API that changes nothing. What isn't here is taken to write.
var readOnly = map[string]bool{
	"containerd.services.containers.v1.Containers/Get":              true,
	"containerd.services.containers.v1.Containers/List":             true,
	"containerd.services.containers.v1.Containers/ListStream":       true,
	"containerd.services.content.v1.Content/Info":                   true,
	"containerd.services.content.v1.Content/List":                   true,
	"containerd.services.content.v1.Content/Read":                   true,
	"containerd.services.content.v1.Content/Status":                 true,
	"containerd.services.content.v1.Content/ListStatuses":           true,
	"containerd.services.events.v1.Events/Subscribe":                true,
	"containerd.services.images.v1.Images/Get":                      true,
	"containerd.services.images.v1.Images/List":                     true,
	"containerd.services.introspection.v1.Introspection/Plugins":    true,
	"containerd.services.introspection.v1.Introspection/PluginInfo": true,
	"containerd.services.introspection.v1.Introspection/Server":     true,
	"containerd.services.leases.v1.Leases/List":                     true,
	"containerd.services.leases.v1.Leases/ListResources":            true,
	"containerd.services.namespaces.v1.Namespaces/Get":              true,
	"containerd.services.namespaces.v1.Namespaces/List":             true,
	"containerd.services.snapshots.v1.Snapshots/List":               true,
	"containerd.services.snapshots.v1.Snapshots/Stat":               true,
	"containerd.services.snapshots.v1.Snapshots/Usage":              true,
	"containerd.services.snapshots.v1.Snapshots/Mounts":             true,
	"containerd.services.tasks.v1.Tasks/Get":                        true,
	"containerd.services.tasks.v1.Tasks/List":                       true,
	"containerd.services.tasks.v1.Tasks/ListPids":                   true,
	"containerd.services.tasks.v1.Tasks/Metrics":                    true,
	"containerd.services.tasks.v1.Tasks/Wait":                       true,
	"containerd.services.version.v1.Version/Version":                true,
	"grpc.health.v1.Health/Check":                                   true,
	"grpc.health.v1.Health/Watch":                                   true,
}

// Mutates tells whether a full method name, as /service/method, can change anything.
func Mutates(method string) bool { return !readOnly[strings.TrimPrefix(method, "/")] }

// Proxy stands at a socket of its own before a containerd, and passes everything on but what Before objects to.
type Proxy struct {
	Address string
	// Before is asked before each call that can change something, with how many there have been, this one included. An
	// error is what the caller gets in place of an answer.
	Before func(n int, method string) error

	calls  atomic.Int64
	mu     sync.Mutex
	seen   []string
	server *grpc.Server
	conn   *grpc.ClientConn
}

// NewProxy listens at path before the containerd at address.
func NewProxy(path, address string, before func(n int, method string) error) (*Proxy, error) {
	_ = os.Remove(path)
	listener, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	conn, err := grpc.NewClient("unix://"+address,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		// A daemon that is there again is found at once.
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: backoff.Config{BaseDelay: 20 * time.Millisecond, Multiplier: 1, MaxDelay: 20 * time.Millisecond},
			MinConnectTimeout: 5 * time.Second}), // else an attempt may take no longer than the pause before it
		grpc.WithDefaultCallOptions(grpc.ForceCodec(raw{}), grpc.MaxCallRecvMsgSize(64<<20), grpc.MaxCallSendMsgSize(64<<20)))
	if err != nil {
		return nil, err
	}
	p := &Proxy{Address: path, Before: before, conn: conn}
	p.server = grpc.NewServer(grpc.ForceServerCodec(raw{}), grpc.UnknownServiceHandler(p.pass),
		grpc.MaxRecvMsgSize(64<<20), grpc.MaxSendMsgSize(64<<20))
	go func() { _ = p.server.Serve(listener) }()
	return p, nil
}

// ReadOnly is a Before that lets nothing through.
func ReadOnly(_ int, method string) error {
	return status.Errorf(codes.PermissionDenied, "%s: this call writes, and only reading is allowed here", method)
}

// Close ends the proxy and what goes through it.
func (p *Proxy) Close() {
	p.server.Stop()
	_ = p.conn.Close()
}

// Reconnect waits until the proxy is connected to its containerd again, after that was started anew: until then a call gets the
// failure of the last attempt.
func (p *Proxy) Reconnect() error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for state := p.conn.GetState(); state != connectivity.Ready; state = p.conn.GetState() {
		p.conn.Connect()
		if !p.conn.WaitForStateChange(ctx, state) {
			return fmt.Errorf("proxy %s: no connection to containerd within 30 s; it is %s", p.Address, state)
		}
	}
	return nil
}

// Writes gives the methods that could change something, in the order of their calls.
func (p *Proxy) Writes() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.seen...)
}

func (p *Proxy) pass(_ any, in grpc.ServerStream) error {
	method, _ := grpc.MethodFromServerStream(in)
	if Mutates(method) {
		p.mu.Lock()
		p.seen = append(p.seen, method)
		p.mu.Unlock()
		if err := p.object(int(p.calls.Add(1)), method); err != nil {
			return err
		}
	}
	md, _ := metadata.FromIncomingContext(in.Context())
	ctx, cancel := context.WithCancel(metadata.NewOutgoingContext(in.Context(), md.Copy()))
	defer cancel()
	out, err := p.conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, method)
	if err != nil {
		return err
	}
	go func() {
		if err := forward(in.RecvMsg, out.SendMsg); err == nil {
			_ = out.CloseSend()
			return
		}
		cancel()
	}()
	err = forward(out.RecvMsg, in.SendMsg)
	in.SetTrailer(out.Trailer())
	return err
}

func (p *Proxy) object(n int, method string) error {
	if p.Before == nil {
		return nil
	}
	return p.Before(n, method)
}

// forward moves messages until one side ends; the end of the stream is no error.
func forward(from, to func(any) error) error {
	for {
		var msg []byte
		if err := from(&msg); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if err := to(&msg); err != nil {
			return err
		}
	}
}

// raw passes messages as the bytes that they are.
type raw struct{}

func (raw) Name() string { return "proto" }

func (raw) Marshal(v any) ([]byte, error) {
	b, ok := v.(*[]byte)
	if !ok {
		return nil, fmt.Errorf("proxy: %T is not bytes", v)
	}
	return *b, nil
}

func (raw) Unmarshal(data []byte, v any) error {
	b, ok := v.(*[]byte)
	if !ok {
		return fmt.Errorf("proxy: %T is not bytes", v)
	}
	*b = append([]byte(nil), data...)
	return nil
}
