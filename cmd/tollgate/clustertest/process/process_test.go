//go:build unix

package process

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// shell runs a script until the test ends.
func shell(t *testing.T, script string) *Process {
	t.Helper()
	p, err := Start("a script", exec.Command("/bin/sh", "-c", script))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p
}

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func is(want string) func(string) bool { return func(line string) bool { return line == want } }

func TestAwaitFindsTheFirstWholeLine(t *testing.T) {
	p := shell(t, `echo one; echo two >&2; printf three; exec sleep 100`)
	if line, err := p.Await(within(t), is("two")); line != "two" || err != nil {
		t.Fatal(line, err)
	}
	if line, err := p.Await(within(t), func(line string) bool { return line != "" }); line != "one" || err != nil {
		t.Fatal(line, err)
	}
	if line, ok := firstLine("two\nthree", is("three")); ok {
		t.Fatalf("%q is no whole line", line)
	}
}

func TestAwaitEnds(t *testing.T) {
	p := shell(t, `echo one; exit 3`)
	if _, err := p.Await(within(t), is("two")); err == nil || !strings.Contains(err.Error(), "exit status 3") || !strings.Contains(err.Error(), "one\n") {
		t.Errorf("with the program: %v", err)
	}
	if line, err := p.Await(within(t), is("one")); line != "one" || err != nil {
		t.Errorf("what was written before the end: %q, %v", line, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := shell(t, `exec sleep 100`).Await(ctx, is("two")); !errors.Is(err, context.Canceled) {
		t.Errorf("with the context: %v", err)
	}
}

func TestKillEndsAProgram(t *testing.T) {
	for name, prepare := range map[string]func(p *Process) error{
		"that runs":      func(*Process) error { return nil },
		"that traps":     func(p *Process) error { return p.Signal(syscall.SIGTERM) },
		"that stopped":   (*Process).Stop,
		"that continued": func(p *Process) error { return errors.Join(p.Stop(), p.Continue()) },
		"that ended":     func(p *Process) error { p.Kill(); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			p := shell(t, `trap "" TERM; echo ready; exec sleep 100`)
			if _, err := p.Await(within(t), is("ready")); err != nil {
				t.Fatal(err)
			}
			if isClosed(p.Ended()) {
				t.Fatal("it has ended already")
			}
			if err := prepare(p); err != nil {
				t.Fatal(err)
			}
			p.Kill()
			if !isClosed(p.Ended()) {
				t.Error("it has not ended")
			}
			if err := syscall.Kill(p.ID(), 0); !errors.Is(err, syscall.ESRCH) {
				t.Errorf("process %d is still there: %v", p.ID(), err)
			}
			if err := p.Signal(syscall.SIGTERM); !errors.Is(err, os.ErrProcessDone) {
				t.Error(err)
			}
		})
	}
}

func TestStoppedProgramDoesNothing(t *testing.T) {
	command := exec.Command("cat")
	in, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	p, err := Start("cat", command)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	say := func(line string) {
		if _, err := in.Write([]byte(line + "\n")); err != nil {
			t.Fatal(err)
		}
	}
	say("one")
	if _, err := p.Await(within(t), is("one")); err != nil {
		t.Fatal(err)
	}
	if err := p.Stop(); err != nil {
		t.Fatal(err)
	}
	say("two")
	short, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := p.Await(short, is("two")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("while it is stopped: %v", err)
	}
	if err := p.Continue(); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Await(within(t), is("two")); err != nil {
		t.Error(err)
	}
}

func TestStartSaysWhatCannotBeStarted(t *testing.T) {
	if _, err := Start("nothing", exec.Command("/nonexistent/program")); !errors.Is(err, os.ErrNotExist) || !strings.HasPrefix(err.Error(), "start nothing: ") {
		t.Error(err)
	}
}

func TestOutputWakesWhoWaits(t *testing.T) {
	o := &output{written: make(chan struct{})}
	next := o.next()
	if isClosed(next) {
		t.Fatal("before anything was written")
	}
	if n, err := o.Write([]byte("text")); n != 4 || err != nil {
		t.Fatal(n, err)
	}
	if !isClosed(next) || isClosed(o.next()) {
		t.Error("a write wakes those before it alone")
	}
	if got := []byte(o.String()); !bytes.Equal(got, []byte("text")) {
		t.Errorf("%q", got)
	}
}
