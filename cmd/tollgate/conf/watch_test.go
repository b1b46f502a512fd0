package conf

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// watched is a running watcher on a file in a folder of its own.
type watched struct {
	dir, file string
	calls     chan string // the content of the file at each call
	stop      context.CancelFunc
	ended     chan error
}

// watchFile prepares the folder, starts watching dir/config.yaml, and returns
// when changes are being seen.
func watchFile(t *testing.T, prepare func(dir string)) *watched {
	t.Helper()
	dir := t.TempDir()
	prepare(dir)
	w := &watched{dir: dir, file: filepath.Join(dir, "config.yaml"), calls: make(chan string, 100), ended: make(chan error, 1)}
	watch, err := newWatcher(w.file)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	w.stop = stop
	go func() {
		err := watch.run(ctx, func() {
			content, err := os.ReadFile(w.file)
			if err != nil {
				content = []byte(err.Error())
			}
			w.calls <- string(content)
		})
		w.ended <- errors.Join(err, watch.close())
	}()
	t.Cleanup(stop)
	return w
}

// expect waits for the next call.
func (w *watched) expect(t *testing.T, content string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	select {
	case got := <-w.calls:
		if got != content {
			t.Fatalf("called for content %q, want %q", got, content)
		}
	case err := <-w.ended:
		t.Fatalf("ended with %v while waiting for %q", err, content)
	case <-ctx.Done():
		t.Fatalf("not called for %q", content)
	}
}

func write(t *testing.T, file, content string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func link(t *testing.T, target, name string) {
	t.Helper()
	if err := os.Symlink(target, name); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, name string) {
	t.Helper()
	if err := os.RemoveAll(name); err != nil {
		t.Fatal(err)
	}
}

func withFile(t *testing.T) func(dir string) {
	t.Helper()
	return func(dir string) { write(t, filepath.Join(dir, "config.yaml"), "one") }
}

func TestWatchSeesAWriteInPlace(t *testing.T) {
	t.Parallel()
	w := watchFile(t, withFile(t))
	write(t, w.file, "two")
	w.expect(t, "two")
	write(t, w.file, "three")
	w.expect(t, "three")
}

func TestWatchSeesAReplacedFileEveryTime(t *testing.T) {
	t.Parallel()
	w := watchFile(t, withFile(t))
	for _, content := range []string{"two", "three", "four"} {
		write(t, w.file+".new", content)
		rename(t, w.file+".new", w.file)
		w.expect(t, content)
	}
	write(t, w.file, "in place again")
	w.expect(t, "in place again")
}

func TestWatchSeesAnEditorThatMovesTheOldFileAway(t *testing.T) {
	t.Parallel()
	w := watchFile(t, withFile(t))
	rename(t, w.file, w.file+"~")
	write(t, w.file, "two")
	remove(t, w.file+"~")
	w.expect(t, "two")
}

func TestWatchSeesAFileThatComesIntoBeing(t *testing.T) {
	t.Parallel()
	w := watchFile(t, func(string) {})
	write(t, w.file, "first")
	w.expect(t, "first")
}

// Kubernetes mounts config.yaml -> ..data/config.yaml and ..data -> ..<time>,
// and swaps ..data by a rename. See AtomicWriter in
// https://pkg.go.dev/k8s.io/kubernetes/pkg/volume/util#AtomicWriter
func TestWatchSeesASwappedLink(t *testing.T) {
	t.Parallel()
	version := func(dir, name, content string) {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, name, "config.yaml"), content)
	}
	w := watchFile(t, func(dir string) {
		version(dir, "..1", "one")
		link(t, "..1", filepath.Join(dir, "..data"))
		link(t, filepath.Join("..data", "config.yaml"), filepath.Join(dir, "config.yaml"))
	})
	for i, content := range []string{"two", "three", "four"} {
		old, next := "..1", "..2"
		if i%2 == 1 {
			old, next = next, old
		}
		version(w.dir, next, content)
		link(t, next, filepath.Join(w.dir, "..data_tmp"))
		rename(t, filepath.Join(w.dir, "..data_tmp"), filepath.Join(w.dir, "..data"))
		remove(t, filepath.Join(w.dir, old))
		w.expect(t, content)
	}
}

func TestWatchSeesAWriteBehindALink(t *testing.T) {
	t.Parallel()
	elsewhere, other := t.TempDir(), t.TempDir()
	write(t, filepath.Join(elsewhere, "real"), "one")
	write(t, filepath.Join(other, "real"), "three")
	w := watchFile(t, func(dir string) { link(t, filepath.Join(elsewhere, "real"), filepath.Join(dir, "config.yaml")) })
	write(t, filepath.Join(elsewhere, "real.new"), "two")
	rename(t, filepath.Join(elsewhere, "real.new"), filepath.Join(elsewhere, "real"))
	w.expect(t, "two")
	link(t, filepath.Join(other, "real"), w.file+".new")
	rename(t, w.file+".new", w.file)
	w.expect(t, "three")
	write(t, filepath.Join(other, "real"), "four")
	w.expect(t, "four")
}

// A file mounted alone into a container is written through another name.
func TestWatchSeesAWriteThroughAnotherNameOfTheFile(t *testing.T) {
	t.Parallel()
	outside := filepath.Join(t.TempDir(), "outside.yaml")
	w := watchFile(t, func(dir string) {
		write(t, outside, "one")
		if err := os.Link(outside, filepath.Join(dir, "config.yaml")); err != nil {
			t.Fatal(err)
		}
	})
	write(t, outside, "two")
	w.expect(t, "two")
	write(t, outside, "three")
	w.expect(t, "three")
}

func TestWatchEndsWithItsContextAndCallsNoMore(t *testing.T) {
	t.Parallel()
	w := watchFile(t, withFile(t))
	w.stop()
	if err := <-w.ended; err != nil {
		t.Errorf("ended with %v, want nil", err)
	}
	write(t, w.file, "two")
	select {
	case got := <-w.calls:
		t.Errorf("called for %q after the end", got)
	default:
	}
}

func TestWatchReportsThatItsFolderIsGone(t *testing.T) {
	t.Parallel()
	w := watchFile(t, withFile(t))
	remove(t, w.dir)
	if err := <-w.ended; !errors.Is(err, ErrUnwatched) {
		t.Errorf("ended with %v, want ErrUnwatched", err)
	}
}

func TestWatchNeedsTheFolder(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "none", "config.yaml")
	if err := Watch(t.Context(), file, func() {}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want that the folder does not exist", err)
	}
}

func TestWatchFromOutside(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "config.yaml")
	ctx, cancel := context.WithCancel(t.Context())
	called, ended := make(chan struct{}, 1), make(chan error, 1)
	go func() {
		ended <- Watch(ctx, file, func() {
			select {
			case called <- struct{}{}:
			default:
			}
		})
	}()
	// Nothing tells from outside when watching has begun, so the file goes on changing.
	ticker := time.NewTicker(3 * quiet)
	defer ticker.Stop()
	for seen := false; !seen; {
		select {
		case now := <-ticker.C:
			write(t, file, now.String())
		case <-called:
			seen = true
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("ended with %v, want nil", err)
	}
}
