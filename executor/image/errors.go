package image

import (
	"fmt"

	"github.com/containerd/errdefs"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// IsUnanswered tells of an error of containerd's client that the daemon didn't answer.
func IsUnanswered(err error) bool {
	return status.Code(err) == codes.Unavailable || errdefs.IsUnavailable(err)
}

// RecordError puts the image before the trouble.
func RecordError(name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("image %s: %w", name, err)
}
