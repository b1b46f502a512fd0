package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"unsafe"
)

// terminal is a pseudo-terminal with somebody at it, who answers each prompt
// with the next line. He waits with a password until nothing is shown.
type terminal struct {
	t       *testing.T
	keys    *os.File // where he types, and what he sees
	screen  *os.File // the side of the program
	fd      uintptr  // of the screen, which File.Fd must not be asked for beside the program
	answers []string
	prompts bytes.Buffer
}

func ioctl(fd, request uintptr, argument unsafe.Pointer) error {
	if _, _, err := syscall.Syscall(syscall.SYS_IOCTL, fd, request, uintptr(argument)); err != 0 {
		return err
	}
	return nil
}

// newTerminal opens one, or skips the test where there is none.
func newTerminal(t *testing.T, answers ...string) *terminal {
	t.Helper()
	keys, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skip("no pseudo-terminals here: ", err)
	}
	t.Cleanup(func() { keys.Close() })
	var number, locked int32
	if err := ioctl(keys.Fd(), syscall.TIOCSPTLCK, unsafe.Pointer(&locked)); err != nil {
		t.Fatal(err)
	}
	if err := ioctl(keys.Fd(), syscall.TIOCGPTN, unsafe.Pointer(&number)); err != nil {
		t.Fatal(err)
	}
	screen, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { screen.Close() })
	return &terminal{t: t, keys: keys, screen: screen, fd: screen.Fd(), answers: answers}
}

// Write is standard error of the program.
func (m *terminal) Write(p []byte) (int, error) {
	m.prompts.Write(p)
	if text := string(p); strings.HasSuffix(text, ": ") && len(m.answers) > 0 {
		answer := m.answers[0]
		m.answers = m.answers[1:]
		go m.type_(answer, strings.HasSuffix(text, "yes: "))
	}
	return len(p), nil
}

// type_ types a line, a password only once it is not shown any more.
func (m *terminal) type_(line string, shown bool) {
	for !shown {
		var state syscall.Termios
		if ioctl(m.fd, syscall.TCGETS, unsafe.Pointer(&state)) != nil {
			return
		}
		if state.Lflag&syscall.ECHO == 0 {
			break
		}
		runtime.Gosched()
	}
	_, _ = io.WriteString(m.keys, line+"\n")
}

// run runs a command at the terminal.
func (m *terminal) run(environ []string, args ...string) result {
	m.t.Helper()
	var out lockedBuffer
	code := run(m.t.Context(), args, Process{Stdin: m.screen, Stdout: &out, Stderr: m, Environ: environ})
	return result{code, out.String(), m.prompts.String()}
}

// seen is what the terminal has shown.
func (m *terminal) seen() string {
	m.t.Helper()
	if _, err := m.screen.WriteString("<end>"); err != nil {
		m.t.Fatal(err)
	}
	var all []byte
	for buffer := make([]byte, 256); !strings.HasSuffix(string(all), "<end>"); {
		n, err := m.keys.Read(buffer)
		if err != nil {
			m.t.Fatal(err)
		}
		all = append(all, buffer[:n]...)
	}
	return strings.TrimSuffix(string(all), "<end>")
}

func TestCLIHashPasswordAtATerminal(t *testing.T) {
	for _, row := range []struct {
		name    string
		answers []string
		code    int
		says    string
	}{
		{"Twice", []string{"correct horse", "correct horse"}, exitOK, "Password: \nThe same again: \n"},
		{"Differs", []string{"correct horse", "correct hores"}, exitFailed, "the two passwords differ"},
		{"Empty", []string{""}, exitUsage, "the password is empty"},
	} {
		t.Run(row.name, func(t *testing.T) {
			m := newTerminal(t, row.answers...)
			r := m.run(nil, "user", "hash-password")
			if r.code != row.code || !strings.Contains(r.err, row.says) || (r.out == "") != (row.code != exitOK) {
				t.Errorf("exit %d %q\n%s", r.code, r.out, r.err)
			}
			if seen := m.seen(); strings.Contains(seen, "horse") || strings.Contains(r.out+r.err, "horse") {
				t.Errorf("the password is shown: %q %q", seen, r.err)
			}
		})
	}
}

func TestCLINewPasswordAtATerminal(t *testing.T) {
	f := startFake(t, 200, shownUser)
	m := newTerminal(t, "mine", "new one", "new one")
	if r := m.run(nil, "user", "set-password", "eve", "--server", f.URL, "--user", "boss"); r.code != exitOK || !strings.HasPrefix(r.err, "Password of boss: \nNew password of eve: \n") {
		t.Errorf("exit %d %q", r.code, r.err)
	}
	if a := f.one(); a.body != `{"password":"new one"}` || a.header.Get("Authorization") != "Basic Ym9zczptaW5l" {
		t.Errorf("%s %v", a.body, a.header)
	}
	m = newTerminal(t, "mine", "new one", "other")
	if r := m.run(nil, "user", "set-password", "eve", "--server", f.URL, "--user", "boss"); r.code != exitFailed || len(f.take()) != 0 {
		t.Errorf("two that differ: exit %d %q", r.code, r.err)
	}
}

func TestCLIRevokeAsks(t *testing.T) {
	f := startFake(t, 200, `{"revoked":2}`)
	environ := []string{"TOLLGATE_TOKEN=a-token"}
	for _, row := range []struct {
		name, answer, args string
		says               string
		sent               int
	}{
		{"Yes", "yes", "--owner=jane --tenant=one", "Revoke all tokens that you may revoke, of owner jane, in tenant one? Type yes: ", 1},
		{"YesToAll", "yes", "--all", "Revoke ALL tokens that you may revoke? Type yes: ", 1},
		{"YesToStale", "yes", "--all-stale=90d", "unused for 90d? Type yes: ", 1},
		{"No", "no", "--owner=jane", "nothing was done", 0},
		{"Return", "", "--owner=jane", "nothing was done", 0},
		{"Letter", "y", "--owner=jane", "nothing was done", 0},
		{"Odd", "no", "--owner=ja\x1bne", `of owner "ja\x1bne"?`, 0},
		{"UnaskedWithTheFlag", "no", "--owner=jane --yes", "", 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			m := newTerminal(t, row.answer)
			r := m.run(environ, append([]string{"token", "revoke", "--server", f.URL}, strings.Fields(row.args)...)...)
			if (r.code == exitOK) != (row.sent == 1) || !strings.Contains(r.err, row.says) {
				t.Errorf("exit %d %q", r.code, r.err)
			}
			if sent := f.take(); len(sent) != row.sent {
				t.Errorf("sent %v", sent)
			}
		})
	}
}
