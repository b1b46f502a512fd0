package accesslog_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"tollgate/metrics/accesslog"
)

// sink is a file that can be slow, full or broken.
type sink struct {
	mu      sync.Mutex
	data    bytes.Buffer
	writes  int
	syncs   int
	room    int // how many bytes it takes, -1 = any number
	fault   error
	syncing error
	entered chan struct{} // when set, a write says that it begins
	gate    chan struct{} // and waits for this
}

func (s *sink) Write(p []byte) (int, error) {
	if s.gate != nil {
		s.entered <- struct{}{}
		<-s.gate
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes++
	if s.room >= 0 && len(p) > s.room {
		n, _ := s.data.Write(p[:s.room])
		s.room = 0
		return n, s.fault
	}
	if s.room >= 0 {
		s.room -= len(p)
	}
	return s.data.Write(p)
}

func (s *sink) Sync() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.syncs++
	return s.syncing
}

func (s *sink) set(room int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.room = room
}

func (s *sink) state() (text string, writes, syncs int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.data.String(), s.writes, s.syncs
}

func (s *sink) want(t *testing.T, text string) {
	t.Helper()
	if got, _, _ := s.state(); got != text {
		t.Errorf("sink has %q, want %q", got, text)
	}
}

func write(t *testing.T, b *accesslog.Buffer, text string) {
	t.Helper()
	if n, err := b.Write([]byte(text)); n != len(text) || err != nil {
		t.Errorf("Write gives %d, %v", n, err)
	}
}

func closed(t *testing.T, b *accesslog.Buffer) {
	t.Helper()
	if err := b.Close(); err != nil {
		t.Error(err)
	}
}

var errFull = errors.New("disk is full")

func TestBufferWritesOnceAnInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{room: -1}
		b := accesslog.NewBuffer(s, 0, 0)
		write(t, b, "one\n")
		write(t, b, "two\n")
		time.Sleep(999 * time.Millisecond)
		synctest.Wait()
		s.want(t, "")
		time.Sleep(time.Millisecond)
		synctest.Wait()
		s.want(t, "one\ntwo\n")
		time.Sleep(10 * time.Second)
		if _, writes, syncs := s.state(); writes != 1 || syncs != 0 {
			t.Errorf("%d writes and %d syncs, want one write for two lines and none for nothing", writes, syncs)
		}
		closed(t, b)
	})
}

func TestBufferWritesInTheBackgroundWhenHalfFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{room: -1}
		b := accesslog.NewBuffer(s, 20, time.Hour)
		write(t, b, "12345678\n")
		synctest.Wait()
		s.want(t, "")
		write(t, b, "\n")
		synctest.Wait()
		s.want(t, "12345678\n\n")
		closed(t, b)
	})
}

func TestBufferWaitsForASlowSinkAndDropsNothing(t *testing.T) {
	const lines = 50
	s := &sink{room: -1, entered: make(chan struct{}), gate: make(chan struct{})}
	b := accesslog.NewBuffer(s, 10, time.Hour)
	var want strings.Builder
	for i := range lines {
		fmt.Fprintf(&want, "%04d\n", i)
	}
	var taken atomic.Int64
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range lines {
			write(t, b, fmt.Sprintf("%04d\n", i))
			taken.Add(1)
		}
		closed(t, b)
	}()
	for started, running := int64(0), true; running; {
		select {
		case <-s.entered:
			started++
			// Two lines go with each write, and two more may wait.
			if n := taken.Load(); n > 2*started+2 {
				t.Errorf("%d lines were taken although the sink was given %d writes", n, started)
			}
			s.gate <- struct{}{}
		case <-done:
			running = false
		}
	}
	s.want(t, want.String())
}

func TestBufferIsWrittenOnSyncAndClose(t *testing.T) {
	s := &sink{room: -1}
	b := accesslog.NewBuffer(s, 0, time.Hour)
	write(t, b, "one\n")
	if err := b.Sync(); err != nil {
		t.Error(err)
	}
	s.want(t, "one\n")
	write(t, b, "two\n")
	closed(t, b)
	s.want(t, "one\ntwo\n")
	if _, _, syncs := s.state(); syncs != 2 {
		t.Errorf("%d syncs, want 2", syncs)
	}
	closed(t, b)
	write(t, b, "late\n")
	s.want(t, "one\ntwo\nlate\n")
}

func TestLineLargerThanTheBufferIsWritten(t *testing.T) {
	s := &sink{room: -1}
	b := accesslog.NewBuffer(s, 16, time.Hour)
	huge := strings.Repeat("x", 1000) + "\n"
	write(t, b, "a\n")
	write(t, b, huge)
	write(t, b, "b\n")
	closed(t, b)
	s.want(t, "a\n"+huge+"b\n")
}

func TestFullDiskLosesOnlyWhatHasNoRoomAndTearsNoLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{room: 6, fault: errFull}
		b := accesslog.NewBuffer(s, 20, time.Second)
		write(t, b, "one\n")
		write(t, b, "two\n")
		if err := b.Sync(); !errors.Is(err, errFull) {
			t.Errorf("Sync gives %v", err)
		}
		s.want(t, "one\ntw")
		write(t, b, "three\n")
		write(t, b, "four\n")
		write(t, b, "five\n")
		if _, err := b.Write([]byte("there is no room left\n")); !errors.Is(err, errFull) {
			t.Errorf("Write without room gives %v", err)
		}
		if lost, err := b.Lost(); lost != 1 || !errors.Is(err, errFull) {
			t.Errorf("%d lost, %v", lost, err)
		}
		s.set(-1)
		time.Sleep(time.Second)
		synctest.Wait()
		s.want(t, "one\ntwo\nthree\nfour\nfive\n")
		if lost, err := b.Lost(); lost != 1 || err != nil {
			t.Errorf("%d lost, %v after the disk has room again", lost, err)
		}
		closed(t, b)
	})
}

func TestCloseSaysThatLinesAreLeftAndSyncMayTryAgain(t *testing.T) {
	s := &sink{room: 0, fault: errFull}
	b := accesslog.NewBuffer(s, 0, time.Hour)
	write(t, b, "one\n")
	if err := b.Close(); !errors.Is(err, errFull) {
		t.Errorf("Close gives %v", err)
	}
	s.set(-1)
	if err := b.Sync(); err != nil {
		t.Error(err)
	}
	s.want(t, "one\n")
}

func TestSinkThatTakesNothingAndSaysNothingIsAFault(t *testing.T) {
	s := &sink{room: 0}
	b := accesslog.NewBuffer(s, 0, time.Hour)
	write(t, b, "one\n")
	if err := b.Close(); err == nil {
		t.Error("Close gives no error")
	}
}

func TestSinksThatCannotBeSyncedAreNoFault(t *testing.T) {
	for _, c := range []struct {
		fault error
		want  error
	}{
		{nil, nil},
		{&os.PathError{Op: "sync", Path: "/dev/stdout", Err: syscall.EINVAL}, nil},
		{&os.PathError{Op: "sync", Path: "/dev/tty", Err: syscall.ENOTTY}, nil},
		{syscall.ENOTSUP, nil},
		{syscall.EIO, syscall.EIO},
		{errFull, errFull},
	} {
		b := accesslog.NewBuffer(&sink{room: -1, syncing: c.fault}, 0, time.Hour)
		if err := b.Close(); !errors.Is(err, c.want) {
			t.Errorf("with %v Close gives %v", c.fault, err)
		}
	}
}

func TestBufferBeforeAFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "access.log")
	file, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	b := accesslog.NewBuffer(file, 1000, time.Millisecond)
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 1000 {
				write(t, b, fmt.Sprintf("%d %04d\n", w, i))
			}
		})
	}
	wg.Wait()
	closed(t, b)
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	next := map[byte]int{}
	for l := range strings.Lines(string(data)) {
		if l != fmt.Sprintf("%c %04d\n", l[0], next[l[0]]) {
			t.Fatalf("line %q, want number %d of that writer", l, next[l[0]])
		}
		next[l[0]]++
	}
	if len(next) != 4 || next['0']+next['1']+next['2']+next['3'] != 4000 {
		t.Errorf("lines of each writer: %v, want 1000", next)
	}
}
