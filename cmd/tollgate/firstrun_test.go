package main

import (
	"context"
	"net"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestFirstRunCommandsWorkWhenPasted runs serve in an empty directory and
// pastes what it prints into a shell.
func TestFirstRunCommandsWorkWhenPasted(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	stdout, ended := firstRun(t)
	commands := regexp.MustCompile(`(?m)^curl .*$`).FindAllString(stdout, -1)
	if len(commands) != 3 {
		t.Fatalf("want three commands, got %q in\n%s", commands, stdout)
	}
	for i, want := range []string{"issued for admin", "200 OK", "401 Unauthorized"} {
		out, err := exec.CommandContext(t.Context(), "bash", "-c", commands[i]).CombinedOutput()
		if err != nil || !strings.Contains(string(out), want) {
			t.Errorf("%s\nwant %q, got %v\n%s", commands[i], want, err, out)
		}
	}
	ended()
	if again, ended := firstRun(t); strings.Contains(again, "password") {
		t.Errorf("the second run prints a password again:\n%s", again)
		ended()
	} else {
		ended()
	}
}

// firstRun serves in the working directory with nothing but the addresses
// configured, and returns what is printed and how to end it.
func firstRun(t *testing.T) (string, func()) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	out, logs := &lockedBuffer{}, &lockedBuffer{}
	started, done := make(chan struct{}), make(chan int, 1)
	go func() {
		done <- run(ctx, []string{"serve"}, Process{
			Stdin: strings.NewReader(""), Stdout: out, Stderr: logs,
			Environ: []string{"TOLLGATE_LISTEN=127.0.0.1:0", "TOLLGATE_INTERNAL_LISTEN=127.0.0.1:0"},
			Started: func(net.Addr, net.Addr) { close(started) },
		})
	}()
	select {
	case <-started:
	case code := <-done:
		t.Fatalf("serve ended with %d:\n%s", code, logs)
	case <-time.After(30 * time.Second):
		t.Fatal("serve did not start")
	}
	return out.String(), func() {
		t.Helper()
		stop()
		if code := <-done; code != exitOK {
			t.Errorf("serve ended with %d:\n%s", code, logs)
		}
	}
}
