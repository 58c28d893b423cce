package buildkit

import (
	"context"

	"github.com/moby/buildkit/session/auth"
	"google.golang.org/grpc"

	"github.com/fairlead-dev/fairlead/executor/registry"
)

// logins answers the builder's questions for credentials as fairlead itself would use them. Tokens the builder gets by itself.
type logins struct {
	auth.UnimplementedAuthServer
	hosts *registry.Hosts
}

// Register implements session.Attachable.
func (l *logins) Register(s *grpc.Server) { auth.RegisterAuthServer(s, l) }

// Credentials gives user and secret for a registry; both are empty where none are known.
func (l *logins) Credentials(_ context.Context, r *auth.CredentialsRequest) (*auth.CredentialsResponse, error) {
	user, secret, err := l.hosts.Login(r.Host)
	if err != nil {
		return nil, err
	}
	return &auth.CredentialsResponse{Username: user, Secret: secret}, nil
}
