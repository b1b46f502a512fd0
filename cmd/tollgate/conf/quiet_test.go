package conf

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"
)

// called takes a watcher through one round: wait for an event, let things
// settle, look. It tells whether that led to a call.
func called(t *testing.T, w *watcher) bool {
	t.Helper()
	calls := 0
	if came, err := w.event(t.Context(), nil, nil); !came || err != nil {
		t.Fatalf("no event: %v", err)
	}
	if err := w.settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := w.look(t.Context(), func() { calls++ }); err != nil {
		t.Fatal(err)
	}
	return calls == 1
}

func TestWatchCallsOnceForEachChangeAndNeverWithoutOne(t *testing.T) {
	t.Parallel()
	rows := []struct {
		name string
		act  func(t *testing.T, file string)
		want bool
	}{
		{"another file", func(t *testing.T, file string) { t.Helper(); write(t, file+".bak", "x") }, false},
		{"a folder beside it", func(t *testing.T, file string) { t.Helper(); mkdir(t, file+".d") }, false},
		{"the same content", func(t *testing.T, file string) { t.Helper(); write(t, file, "one") }, false},
		{"emptied", func(t *testing.T, file string) { t.Helper(); write(t, file, "") }, false},
		{"emptied and filled again", func(t *testing.T, file string) {
			t.Helper()
			write(t, file, "")
			write(t, file, "one")
		}, false},
		{"removed", func(t *testing.T, file string) { t.Helper(); remove(t, file) }, false},
		{"moved away and back", func(t *testing.T, file string) {
			t.Helper()
			rename(t, file, file+"~")
			rename(t, file+"~", file)
		}, false},
		{"a folder in its place", func(t *testing.T, file string) {
			t.Helper()
			remove(t, file)
			mkdir(t, file)
		}, false},
		{"another time", func(t *testing.T, file string) {
			t.Helper()
			if err := os.Chtimes(file, time.Unix(1, 0), time.Unix(1, 0)); err != nil {
				t.Error(err)
			}
		}, false},
		{"replaced by the same", func(t *testing.T, file string) {
			t.Helper()
			write(t, file+".new", "one")
			rename(t, file+".new", file)
		}, false},
		{"larger than a configuration may be", func(t *testing.T, file string) {
			t.Helper()
			if err := os.Truncate(file, MaxFileSize+2); err != nil {
				t.Error(err)
			}
		}, false},
		{"many writes that end where they began", func(t *testing.T, file string) {
			t.Helper()
			for range 20 {
				write(t, file, "two")
				write(t, file, "one")
			}
		}, false},
		{"many writes that end elsewhere", func(t *testing.T, file string) {
			t.Helper()
			for range 20 {
				write(t, file, "three")
				write(t, file, "two")
			}
		}, true},
		{"replaced", func(t *testing.T, file string) {
			t.Helper()
			write(t, file+".new", "two")
			rename(t, file+".new", file)
		}, true},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "config.yaml")
			write(t, file, "one")
			w, err := newWatcher(file)
			if err != nil {
				t.Fatal(err)
			}
			row.act(t, file)
			if got := called(t, w); got != row.want {
				t.Errorf("called: %v, want %v", got, row.want)
			}
			if err := w.look(t.Context(), func() { t.Error("called again without a change") }); err != nil {
				t.Error(err)
			}
			if err := w.close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func mkdir(t *testing.T, name string) {
	t.Helper()
	if err := os.Mkdir(name, 0o700); err != nil {
		t.Fatal(err)
	}
}

func TestFileThatComesBackIsComparedWithWhatItWas(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "config.yaml")
	write(t, file, "one")
	w, err := newWatcher(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		act  func()
		want bool
	}{
		{func() { remove(t, file) }, false},
		{func() { write(t, file, "one") }, false},
		{func() { remove(t, file) }, false},
		{func() { write(t, file, "two") }, true},
	} {
		step.act()
		if got := called(t, w); got != step.want {
			t.Errorf("called: %v, want %v", got, step.want)
		}
	}
	if err := w.close(); err != nil {
		t.Error(err)
	}
}

// settling runs settle in a bubble with a clock of its own, while events come
// at the times given, and returns when it ended.
func settling(t *testing.T, every time.Duration, count int) (took time.Duration) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &watcher{events: &fsnotify.Watcher{Events: make(chan fsnotify.Event), Errors: make(chan error)}}
		start := time.Now()
		go func() {
			ticker := time.NewTicker(every)
			defer ticker.Stop()
			for range count {
				select {
				case <-ticker.C:
				case <-t.Context().Done():
					return
				}
				select {
				case w.events.Events <- fsnotify.Event{Name: "log"}:
				case <-t.Context().Done():
					return
				}
			}
		}()
		if err := w.settle(t.Context()); err != nil {
			t.Error(err)
		}
		took = time.Since(start)
	})
	return took
}

func TestLookingWaitsForQuietButNotForEver(t *testing.T) {
	t.Parallel()
	rows := []struct {
		name  string
		every time.Duration
		count int
		want  time.Duration
	}{
		{"nothing more", time.Millisecond, 0, quiet},
		{"a few events", 50 * time.Millisecond, 4, 4*50*time.Millisecond + quiet},
		{"an event when all was over", 2 * quiet, 1, quiet},
		{"a folder that is never quiet", 10 * time.Millisecond, 1000, patience},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			if took := settling(t, row.every, row.count); took != row.want {
				t.Errorf("took %v, want %v", took, row.want)
			}
		})
	}
}

func TestLostEventsAreAReasonToLook(t *testing.T) {
	t.Parallel()
	errs := make(chan error, 1)
	w := &watcher{file: "x", events: &fsnotify.Watcher{Events: make(chan fsnotify.Event), Errors: errs}}
	errs <- fsnotify.ErrEventOverflow
	if came, err := w.event(t.Context(), nil, nil); !came || err != nil {
		t.Errorf("got %v, %v, want the same as for an event", came, err)
	}
	close(errs)
	if _, err := w.event(t.Context(), nil, nil); !errors.Is(err, ErrUnwatched) {
		t.Errorf("no more reports: got %v, want ErrUnwatched", err)
	}
	if err := w.run(t.Context(), func() {}); !errors.Is(err, ErrUnwatched) {
		t.Errorf("run: got %v, want ErrUnwatched", err)
	}
}
