// containerd's own test suite for snapshotters, run against ours over its socket (SNAPSHOTTER_SOCKET), and against
// containerd's overlayfs and native snapshotters for comparison. Needs Debian's golang and
// golang-github-containerd-containerd-dev; scripts/test-containerd.sh runs it.
package suite

import (
	"context"
	"os"
	"testing"

	snapshotsapi "github.com/containerd/containerd/api/services/snapshots/v1"
	"github.com/containerd/containerd/pkg/dialer"
	"github.com/containerd/containerd/snapshots"
	"github.com/containerd/containerd/snapshots/native"
	"github.com/containerd/containerd/snapshots/overlay"
	"github.com/containerd/containerd/snapshots/proxy"
	"github.com/containerd/containerd/snapshots/testsuite"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// Dialed as containerd dials a proxy plugin.
func overSocket(_ context.Context, _ string) (snapshots.Snapshotter, func() error, error) {
	conn, err := grpc.Dial(
		dialer.DialAddress(os.Getenv("SNAPSHOTTER_SOCKET")),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(dialer.ContextDialer),
	)
	if err != nil {
		return nil, nil, err
	}
	return proxy.NewSnapshotter(snapshotsapi.NewSnapshotsClient(conn), "stratafs"), conn.Close, nil
}

func TestStratafs(t *testing.T) {
	if os.Getenv("SNAPSHOTTER_SOCKET") == "" {
		t.Skip("SNAPSHOTTER_SOCKET names no socket")
	}
	testsuite.SnapshotterSuite(t, "stratafs", overSocket)
}

func TestOverlayfs(t *testing.T) {
	testsuite.SnapshotterSuite(t, "overlayfs", func(_ context.Context, root string) (snapshots.Snapshotter, func() error, error) {
		sn, err := overlay.NewSnapshotter(root)
		if err != nil {
			return nil, nil, err
		}
		return sn, sn.Close, nil
	})
}

func TestNative(t *testing.T) {
	testsuite.SnapshotterSuite(t, "native", func(_ context.Context, root string) (snapshots.Snapshotter, func() error, error) {
		sn, err := native.NewSnapshotter(root)
		if err != nil {
			return nil, nil, err
		}
		return sn, sn.Close, nil
	})
}
