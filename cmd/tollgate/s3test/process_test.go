package s3test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// output is what a process writes, for several goroutines.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer // guarded by mu
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// environment is what every program of these tests gets beside its own
// variables: nothing of the person who runs them.
func environment(home string, more ...string) []string {
	return append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + home, "TMPDIR=" + home, "XDG_CACHE_HOME=" + home, "XDG_CONFIG_HOME=" + home,
		"LC_ALL=C.UTF-8", "AWS_EC2_METADATA_DISABLED=true", "AWS_DEFAULT_REGION=" + region, "AWS_REGION=" + region,
	}, more...)
}

// serve runs a server until the test ends and waits until it takes connections
// at address. A server that ends before is a failure.
func serve(t *testing.T, address string, env []string, name string, args ...string) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	command := exec.CommandContext(ctx, name, args...)
	written := &output{}
	command.Stdout, command.Stderr, command.Env = written, written, env
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = patience
	if err := command.Start(); err != nil {
		stop()
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = command.Wait() // says that it was stopped, or ended by itself, which is seen below
	}()
	t.Cleanup(func() {
		stop()
		<-ended
		if t.Failed() {
			t.Logf("the end of what %s wrote:\n%s", command.Path, lastLines(written.String(), 200))
		}
	})
	tries := time.NewTicker(10 * time.Millisecond)
	defer tries.Stop()
	limit := time.After(patience)
	for {
		connection, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
		if err == nil {
			_ = connection.Close() // nothing was written
			return
		}
		select {
		case <-tries.C:
		case <-ended:
			t.Fatalf("%s ended:\n%s", command, written)
		case <-limit:
			t.Fatalf("%s does not listen on %s: %v\n%s", command, address, err, written)
		}
	}
}

// lastLines returns the last n lines of a text.
func lastLines(text string, n int) string {
	lines := strings.Split(text, "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// freeAddress returns an address that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// program is a command-line client.
type program struct {
	name   string
	always []string // arguments before all others
	env    []string
	dir    string // working directory
}

// run runs the program and returns its standard output. The error has all that
// it printed.
func (p program) run(ctx context.Context, args ...string) (string, error) {
	command := exec.CommandContext(ctx, p.name, append(append([]string{}, p.always...), args...)...)
	command.Env, command.Dir, command.WaitDelay = p.env, p.dir, patience
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Run(); err != nil {
		return stdout.String(), fmt.Errorf("%s: %w\n%s%s", command, err, &stdout, &stderr)
	}
	return stdout.String(), nil
}

// fails runs the program and wants it to fail with a text in its output.
func (p program) fails(ctx context.Context, text string, args ...string) error {
	out, err := p.run(ctx, args...)
	if err == nil {
		return fmt.Errorf("%s %q succeeds, want %s:\n%s", p.name, args, text, out)
	}
	if !strings.Contains(err.Error(), text) {
		return fmt.Errorf("want %s, got %w", text, err)
	}
	return nil
}
