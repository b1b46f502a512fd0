package conf

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	quiet    = 100 * time.Millisecond // without events, until the file is looked at
	patience = time.Second            // while events keep coming
)

// ErrUnwatched is returned when the system stops reporting changes.
var ErrUnwatched = errors.New("changes are no longer reported")

// Watch calls changed after the content of file has become another than it was
// when Watch began or last called changed, be it written in place, replaced or
// put there by a swapped symbolic link, as Kubernetes does. The file need not
// exist yet, its folder must. A file that vanishes or is empty is not a change,
// since it may be about to be written; what is in it then is compared with what
// was in it before. Calls come one at a time, from Watch's own
// goroutine, about 100 ms after the last event. Watch returns nil when ctx
// ends, and an error when it cannot watch.
//
// What changes between reading a configuration and the beginning of Watch is
// not seen, so start Watch first.
func Watch(ctx context.Context, file string, changed func()) error {
	w, err := NewWatcher(file)
	if err != nil {
		return err
	}
	return w.Run(ctx, changed)
}

// Watcher is a Watch that has begun: it has noted what the file holds. Who
// makes one calls Run or Close.
type Watcher struct{ watcher *watcher }

// NewWatcher notes what the file holds now.
func NewWatcher(file string) (*Watcher, error) {
	w, err := newWatcher(file)
	if err != nil {
		return nil, err
	}
	return &Watcher{w}, nil
}

// Run goes on as Watch does, and closes the watcher in the end.
func (w *Watcher) Run(ctx context.Context, changed func()) error {
	return errors.Join(w.watcher.run(ctx, changed), w.watcher.close())
}

// Close ends a watcher that was not Run.
func (w *Watcher) Close() error { return w.watcher.close() }

// watcher belongs to one goroutine.
type watcher struct {
	file   string
	events *fsnotify.Watcher
	link   string            // folder that file's symbolic link leads to, watched too
	digest [sha256.Size]byte // of the content last read
	known  bool              // whether there ever was any
}

func newWatcher(file string) (*watcher, error) {
	events, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w", file, err)
	}
	w := &watcher{file: file, events: events}
	if err := events.Add(filepath.Dir(file)); err != nil {
		return nil, errors.Join(fmt.Errorf("watch the folder of %s: %w", file, err), events.Close())
	}
	w.follow()
	_ = w.differs()
	return w, nil
}

func (w *watcher) close() error {
	if err := w.events.Close(); err != nil {
		return fmt.Errorf("watch %s: %w", w.file, err)
	}
	return nil
}

// follow watches beside the folder what only the file itself tells: writes to
// a file mounted alone into a container, and to one in the folder that a link
// leads to. That either is missing is normal.
func (w *watcher) follow() {
	_ = w.events.Add(w.file)
	target, err := filepath.EvalSymlinks(w.file)
	if err != nil {
		return
	}
	link := filepath.Dir(target)
	if w.link != "" && w.link != link {
		_ = w.events.Remove(w.link)
	}
	w.link = ""
	if link != filepath.Dir(w.file) && w.events.Add(link) == nil {
		w.link = link
	}
}

// differs reads the file and tells whether it is another than last time.
func (w *watcher) differs() bool {
	content, err := readAtMost(w.file, MaxFileSize+1)
	if err != nil || len(content) == 0 {
		return false
	}
	digest := sha256.Sum256(content)
	if w.known && digest == w.digest {
		return false
	}
	w.digest, w.known = digest, true
	return true
}

func (w *watcher) run(ctx context.Context, changed func()) error {
	for ctx.Err() == nil {
		if _, err := w.event(ctx, nil, nil); err != nil {
			return err
		}
		if err := w.settle(ctx); err != nil {
			return err
		}
		if err := w.look(ctx, changed); err != nil {
			return err
		}
	}
	return nil
}

// event waits for an event, and tells whether it was one that ended the wait
// and not a timer or ctx.
func (w *watcher) event(ctx context.Context, settled, latest <-chan time.Time) (came bool, err error) {
	open := true
	select {
	case <-ctx.Done():
		return false, nil
	case <-settled:
		return false, nil
	case <-latest:
		return false, nil
	case _, open = <-w.events.Events:
	case _, open = <-w.events.Errors:
		// Events were too many, or a watch went away with what it was on.
		// Looking mends both.
	}
	if !open {
		return false, w.lost(nil)
	}
	return true, nil
}

// settle waits until no more events come, but not for ever.
func (w *watcher) settle(ctx context.Context) error {
	settled, latest := time.NewTimer(quiet), time.NewTimer(patience)
	defer settled.Stop()
	defer latest.Stop()
	for {
		came, err := w.event(ctx, settled.C, latest.C)
		if err != nil || !came {
			return err
		}
		settled.Reset(quiet)
	}
}

// look renews the watches, since those on what was removed are gone, and calls
// changed if need be.
func (w *watcher) look(ctx context.Context, changed func()) error {
	if ctx.Err() != nil {
		return nil //nolint:nilerr // the end of the watch is no failure
	}
	if err := w.events.Add(filepath.Dir(w.file)); err != nil {
		return w.lost(err)
	}
	w.follow()
	if w.differs() {
		changed()
	}
	return nil
}

func (w *watcher) lost(err error) error {
	return fmt.Errorf("watch %s: %w", w.file, errors.Join(ErrUnwatched, err))
}
