//go:build unix

// Package process runs programs for tests: each is watched from its start to
// its end, its output is kept, and it ends no later than the test binary.
package process

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Process is a running program, or one that has ended. Its methods may be
// called by several goroutines.
type Process struct {
	name    string
	command *exec.Cmd
	output  *output
	ended   chan struct{} // closed once the program has ended and all its output is here
}

// Start starts a command, whose Stdout, Stderr and SysProcAttr it sets. Whoever
// calls it ends the program with Kill; should the test binary die before, the
// system kills the program (on Linux).
func Start(name string, command *exec.Cmd) (*Process, error) {
	p := &Process{name: name, command: command, output: &output{written: make(chan struct{})}, ended: make(chan struct{})}
	command.Stdout, command.Stderr = p.output, p.output
	command.SysProcAttr = endsWithParent()
	command.WaitDelay = 5 * time.Second
	started := make(chan error, 1)
	go p.run(started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return p, nil
}

// run keeps its thread for as long as the program runs: what the system does at
// the parent's death it does at the death of the thread that made the child
// (prctl(2), PR_SET_PDEATHSIG).
func (p *Process) run(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := p.command.Start()
	started <- err
	if err != nil {
		return
	}
	_ = p.command.Wait() // how it ended is in ProcessState
	close(p.ended)
}

// ID is the number of the process.
func (p *Process) ID() int { return p.command.Process.Pid }

// Output returns what the program has written so far, to both of its outputs.
func (p *Process) Output() string { return p.output.String() }

// Ended is closed when the program has ended.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Kill ends the program with SIGKILL, also a stopped one, and waits until it
// is gone. One that has ended already is no error.
func (p *Process) Kill() {
	_ = p.command.Process.Kill() // fails for one that has ended
	<-p.ended
}

// Stop halts the program with SIGSTOP: it answers nothing, and its connections
// stay open.
func (p *Process) Stop() error { return p.Signal(syscall.SIGSTOP) }

// Continue lets a stopped program go on.
func (p *Process) Continue() error { return p.Signal(syscall.SIGCONT) }

// Signal sends a signal.
func (p *Process) Signal(signal os.Signal) error {
	if err := p.command.Process.Signal(signal); err != nil {
		return fmt.Errorf("%s to %s: %w", signal, p.name, err)
	}
	return nil
}

// Await waits until the program has written a line that is wanted, and returns
// the first such line. The error of a program that ends before has all that it
// wrote.
func (p *Process) Await(ctx context.Context, wanted func(line string) bool) (string, error) {
	for {
		more, ended := p.output.next(), isClosed(p.ended)
		if line, ok := firstLine(p.Output(), wanted); ok {
			return line, nil
		}
		if ended {
			return "", fmt.Errorf("%s ended (%s) without the line that was waited for:\n%s", p.name, p.command.ProcessState, p.Output())
		}
		select {
		case <-more:
		case <-p.ended:
		case <-ctx.Done():
			return "", fmt.Errorf("%s did not write the line that was waited for: %w:\n%s", p.name, ctx.Err(), p.Output())
		}
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// firstLine finds the first whole line that is wanted.
func firstLine(text string, wanted func(line string) bool) (string, bool) {
	for line := range strings.Lines(text) {
		if whole, ok := strings.CutSuffix(line, "\n"); ok && wanted(whole) {
			return whole, true
		}
	}
	return "", false
}

// output keeps what is written and tells who waits for more.
type output struct {
	mu      sync.Mutex
	text    bytes.Buffer  // guarded by mu
	written chan struct{} // guarded by mu; closed and made anew by each Write
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	close(o.written)
	o.written = make(chan struct{})
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// next returns a channel that the next Write closes.
func (o *output) next() <-chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.written
}
