package payload

import (
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
)

// gate is a source whose Read waits until it is opened.
type gate struct {
	entered chan struct{}
	open    chan struct{}
}

func newGate() *gate { return &gate{entered: make(chan struct{}), open: make(chan struct{})} }

func (g *gate) Read(p []byte) (int, error) {
	close(g.entered)
	<-g.open
	return copy(p, "a"), io.EOF
}

func TestReadAfterCloseFails(t *testing.T) {
	for form, chain := range forms() {
		t.Run(form, func(t *testing.T) {
			e := NewEncoder(strings.NewReader("a"), Encode{Length: 1, Chain: chain})
			if _, err := e.Read(make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				if err := e.Close(); err != nil {
					t.Fatal(err)
				}
			}
			if n, err := e.Read(make([]byte, 1)); n != 0 || !errors.Is(err, errClosed) {
				t.Fatal(n, err)
			}
			if e.lease.buf != nil {
				t.Fatal("the buffer was kept")
			}
		})
	}
}

func TestCloseDoesNotWaitForARead(t *testing.T) {
	g := newGate()
	e := NewEncoder(g, Encode{Length: 1, Chain: exampleChain(chunkedSeed)})
	done := make(chan error)
	go func() {
		_, err := io.ReadFull(e, make([]byte, 10))
		done <- err
	}()
	<-g.entered
	e.Close()
	if _, err := e.Read(make([]byte, 1)); !errors.Is(err, errClosed) {
		t.Fatal(err)
	}
	e.lease.mu.Lock()
	held := e.lease.buf != nil
	e.lease.mu.Unlock()
	if !held {
		t.Fatal("the buffer went back in the middle of a Read")
	}
	close(g.open)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if e.lease.buf != nil {
		t.Fatal("the buffer was kept")
	}
}

func TestASecondReadAtTheSameTimeIsRefused(t *testing.T) {
	g := newGate()
	e := NewEncoder(g, Encode{Length: 1, Chain: exampleChain(chunkedSeed)})
	var wg sync.WaitGroup
	wg.Go(func() { io.Copy(io.Discard, e) })
	<-g.entered
	if _, err := e.Read(make([]byte, 1)); !errors.Is(err, errConcurrent) {
		t.Error(err)
	}
	close(g.open)
	wg.Wait()
}

func TestTheBufferGoesBackAtTheEnd(t *testing.T) {
	for name, body := range map[string]string{"EOF": "a", "error": ""} {
		t.Run(name, func(t *testing.T) {
			e := NewEncoder(strings.NewReader(body), Encode{Length: 1, Chain: exampleChain(chunkedSeed)})
			io.Copy(io.Discard, e)
			if e.lease.buf != nil {
				t.Fatal("the buffer was kept")
			}
		})
	}
}

func TestTheBufferIsClearedWhenItGoesBack(t *testing.T) {
	buf := new([encodedChunk]byte)
	copy(buf[:], "secret")
	l := lease{buf: buf}
	l.close()
	if buf[0] != 0 || l.buf != nil {
		t.Fatal("the data stayed")
	}
}

func TestReadsAndClosesRace(t *testing.T) {
	body := string(pattern(300_000))
	var wg sync.WaitGroup
	for range 50 {
		e := NewEncoder(strings.NewReader(body), Encode{Length: 300_000, Chain: exampleChain(chunkedSeed)})
		wg.Go(func() { io.Copy(io.Discard, e) })
		wg.Go(func() { e.Close() })
		wg.Go(func() { e.Close() })
	}
	wg.Wait()
}
