package main

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

// pair returns a socket of ours and the other end of it.
func pair(t *testing.T) (socket, net.Conn) {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	s, err := connectTo(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	other, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.Close() })
	if err := other.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return s, other
}

// watched is a poller of one socket.
func watched(t *testing.T, s socket) *poller {
	t.Helper()
	p, err := newPoller()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.close)
	if err := p.watch(s); err != nil {
		t.Fatal(err)
	}
	return p
}

// untilTold waits until there is something new.
func untilTold(t *testing.T, p *poller) socket {
	t.Helper()
	for range 200 {
		ready, err := p.wait(50 * time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		if len(ready) > 0 {
			return ready[0]
		}
	}
	t.Fatal("nothing is told")
	return -1
}

func TestWhatDoesNotFitIsSentLater(t *testing.T) {
	t.Parallel()
	s, other := pair(t)
	p := watched(t, s)
	filler := newFiller()
	const rest = 40*pieceSize + 7
	out := sending{bytes: []byte("head"), rest: rest}
	done, err := out.flush(s, filler)
	if done || err != nil {
		t.Fatalf("all of it was sent to nobody: %v", err)
	}
	got := make(chan []byte)
	go func() {
		all, _ := io.ReadAll(io.LimitReader(other, int64(len("head")+rest)))
		got <- all
	}()
	for !done {
		untilTold(t, p)
		if done, err = out.flush(s, filler); err != nil {
			t.Fatal(err)
		}
	}
	if done, err := out.flush(s, filler); !done || err != nil {
		t.Errorf("nothing more to send: %v, %v", done, err)
	}
	if want := append([]byte("head"), bytes.Repeat([]byte("x"), rest)...); !bytes.Equal(<-got, want) {
		t.Error("something else arrived")
	}
}

// wanting is a message that has a place for bytes, or drops so many.
type wanting struct {
	place [8]byte
	drops int64
}

func (w *wanting) space() []byte { return w.place[:] }
func (w *wanting) rest() int64   { return w.drops }

func TestReceivingReadsDropsAndWaits(t *testing.T) {
	t.Parallel()
	s, other := pair(t)
	p := watched(t, s)
	r := receiving{scratch: make([]byte, 100)}
	w := &wanting{}
	if n, _, err := r.receive(s, w); n != 0 || err != nil {
		t.Fatalf("nothing came: %d, %v", n, err)
	}
	if !r.drained {
		t.Error("it would be tried again at once")
	}
	send := func(text string) {
		if _, err := io.WriteString(other, text); err != nil {
			t.Fatal(err)
		}
		if got := untilTold(t, p); got != s {
			t.Fatalf("told of %d, want %d", got, s)
		}
		r.drained = false
	}
	send("abc")
	if n, dropped, err := r.receive(s, w); n != 3 || dropped || err != nil || string(w.place[:3]) != "abc" {
		t.Fatalf("read %d, %v, %v: %q", n, dropped, err, w.place)
	}
	if n, _, err := r.receive(s, w); n != 0 || err != nil {
		t.Fatalf("read once more: %d, %v", n, err)
	}
	w.drops = 4
	send("1234rest")
	if n, dropped, err := r.receive(s, w); n != 4 || !dropped || err != nil || r.drained {
		t.Fatalf("dropped %d, %v, %v, drained %v", n, dropped, err, r.drained)
	}
	if !bytes.Equal(r.scratch, make([]byte, 100)) {
		t.Error("dropped bytes were copied")
	}
	w.drops = 0
	if n, dropped, err := r.receive(s, w); n != 4 || dropped || err != nil || string(w.place[:4]) != "rest" {
		t.Fatalf("read %d, %v, %v: %q", n, dropped, err, w.place)
	}
	_ = other.Close()
	untilTold(t, p)
	r.drained = false
	if _, _, err := r.receive(s, w); !errors.Is(err, errHungUp) {
		t.Errorf("after the end: %v", err)
	}
}

func TestPollerTicks(t *testing.T) {
	t.Parallel()
	s, _ := pair(t)
	p := watched(t, s)
	untilTold(t, p) // that there is room
	clock, err := p.tick(time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(clock.close)
	for range 5 {
		if got := untilTold(t, p); got != clock {
			t.Fatalf("told of %d, want %d", got, clock)
		}
		if _, err := clock.read(make([]byte, 8)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSocketsNeedAnAddress(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"", "127.0.0.1", "localhost:80", "[::1]:80", "127.0.0.1:1"} {
		if s, err := connectTo(address); err == nil {
			s.close()
			t.Errorf("%q is connected to", address)
		}
	}
}
