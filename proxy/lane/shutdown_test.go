package lane_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"testing"
)

// An answer that has begun cannot say any more that the connection will be
// closed. It is, all the same.
func TestShutdownClosesAfterAnAnswerThatHadBegun(t *testing.T) {
	g := newGate()
	s := open(t, setup{handler: g})
	busy := s.dial(t)
	_, _ = io.WriteString(busy, get("/begun"))
	wait(t, "request", g.entered)
	impatient, leave := context.WithCancel(t.Context())
	leave()
	if err := s.lane.Shutdown(impatient); !errors.Is(err, context.Canceled) {
		t.Errorf("Shutdown gives %v with a request under way", err)
	}
	g.leave <- struct{}{}
	r := bufio.NewReader(busy)
	if answer, body := answerFrom(t, r); answer.Close || body != "true" {
		t.Errorf("got %v, %q", answer.Header, body)
	}
	ended(t, r)
	if err := s.lane.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}
