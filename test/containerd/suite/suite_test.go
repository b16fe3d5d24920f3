// containerd's own test suite for snapshotters, run against ours over its socket (SNAPSHOTTER_SOCKET), and against
// containerd's overlayfs and native snapshotters for comparison. Needs Debian's golang and
// golang-github-containerd-containerd-dev; scripts/test-containerd.sh runs it.
package suite

import (
	"context"
	"fmt"
	"os"
	"testing"

	snapshotsapi "github.com/containerd/containerd/api/services/snapshots/v1"
	"github.com/containerd/containerd/mount"
	"github.com/containerd/containerd/namespaces"
	"github.com/containerd/containerd/pkg/dialer"
	"github.com/containerd/containerd/snapshots"
	"github.com/containerd/containerd/snapshots/native"
	"github.com/containerd/containerd/snapshots/overlay"
	"github.com/containerd/containerd/snapshots/proxy"
	"github.com/containerd/containerd/snapshots/testsuite"
	"github.com/containerd/continuity/fs/fstest"
	"google.golang.org/grpc"
)

// Dialed as containerd dials a proxy plugin.
func overSocket(_ context.Context, _ string) (snapshots.Snapshotter, func() error, error) {
	conn, err := grpc.Dial(
		dialer.DialAddress(os.Getenv("SNAPSHOTTER_SOCKET")),
		grpc.WithInsecure(),
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

// The suite's Rename skips itself, because kernel overlayfs fails it without redirect_dir; here it is, for ours.
func TestStratafsRename(t *testing.T) {
	if os.Getenv("SNAPSHOTTER_SOCKET") == "" {
		t.Skip("SNAPSHOTTER_SOCKET names no socket")
	}
	ctx := namespaces.WithNamespace(context.Background(), "testsuite")
	sn, closeIt, err := overSocket(ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	defer closeIt()
	first := fstest.Apply(
		fstest.CreateDir("/dir1", 0700),
		fstest.CreateFile("/dir1/inside", []byte("kept"), 0644),
		fstest.CreateDir("/somefiles", 0700),
		fstest.CreateFile("/somefiles/f1", []byte("was here first!"), 0644),
		fstest.CreateFile("/somefiles/f2", []byte("nothing interesting"), 0644),
	)
	second := fstest.Apply(
		fstest.Rename("/dir1", "/dir2"),
		fstest.CreateFile("/somefiles/f1-overwrite", []byte("new content 1"), 0644),
		fstest.Rename("/somefiles/f1-overwrite", "/somefiles/f1"),
		fstest.Rename("/somefiles/f2", "/somefiles/f3"),
	)
	work := t.TempDir()
	parent := ""
	for i, change := range []fstest.Applier{first, second} {
		key, name := fmt.Sprintf("%s/work%d", work, i), fmt.Sprintf("%s/layer%d", work, i)
		mounts, err := sn.Prepare(ctx, key, parent)
		if err != nil {
			t.Fatal(err)
		}
		if err := mount.WithTempMount(ctx, mounts, change.Apply); err != nil {
			t.Fatal(err)
		}
		if err := sn.Commit(ctx, name, key); err != nil {
			t.Fatal(err)
		}
		parent = name
	}
	mounts, err := sn.View(ctx, work+"/view", parent)
	if err != nil {
		t.Fatal(err)
	}
	check := func(root string) error { return fstest.CheckDirectoryEqualWithApplier(root, fstest.Apply(first, second)) }
	if err := mount.WithTempMount(ctx, mounts, check); err != nil {
		t.Fatal(err)
	}
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
