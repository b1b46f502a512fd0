package packagingtest

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// container is a gateway that runs in an image.
type container struct {
	image     *image
	variables []string
	url       string
	pid       int
	output    func() string // standard output
	stop      func() int    // exit code; again: the same
}

// output is what a process writes, for several goroutines.
type output struct {
	mu   sync.Mutex
	text strings.Builder // guarded by mu
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

// run runs what the image runs, on ports that are free.
func (i *image) run(t *testing.T, variables ...string) *container {
	t.Helper()
	c := &container{image: i, variables: append(variables, freePorts(t, i.env)...)}
	// A file and no buffer: what was printed before the log says ready is in it
	// by then.
	printed, err := os.Create(filepath.Join(t.TempDir(), "stdout")) // #nosec G304 -- ours
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = printed.Close() }) // only the other process writes
	ctx, stop := context.WithCancel(context.Background())
	command := i.start(ctx, c.variables, append(append([]string{}, i.entrypoint...), i.command...)...)
	command.Stdout, c.output = printed, func() string { return read(t, printed.Name()) }
	logs, err := command.StderrPipe()
	if err != nil {
		stop()
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		stop()
		t.Fatalf("run %v in a root directory of its own as user %d: %v", command.Args, i.user.Uid, err)
	}
	address, text, ended := follow(logs)
	c.pid = command.Process.Pid
	c.stop = sync.OnceValue(func() int {
		stop()
		<-ended
		_ = command.Wait() // says that it was stopped, which we know
		return command.ProcessState.ExitCode()
	})
	t.Cleanup(func() { c.stop() })
	select {
	case at := <-address:
		_, port, err := net.SplitHostPort(at)
		if err != nil {
			t.Fatal(err)
		}
		c.url = "http://" + net.JoinHostPort("127.0.0.1", port)
	case <-ended:
		t.Fatalf("serve ended with %d:\n%s%s", c.stop(), c.output(), text)
	case <-time.After(patience):
		t.Fatalf("serve is not ready:\n%s", text)
	}
	return c
}

// follow reads the log and sends the address that the gateway listens on.
func follow(logs io.Reader) (address <-chan string, text *output, ended <-chan struct{}) {
	found, text, done := make(chan string, 1), &output{}, make(chan struct{})
	go func() {
		defer close(done)
		lines := bufio.NewScanner(logs)
		for lines.Scan() {
			fmt.Fprintln(text, lines.Text())
			var line struct{ Msg, Listen string }
			if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "ready" {
				found <- line.Listen
			}
		}
	}()
	return found, text, done
}

// freePorts returns the variables of the image that are addresses, with ports
// that nobody uses.
func freePorts(t *testing.T, env []string) []string {
	t.Helper()
	var changed []string
	for _, pair := range env {
		name, address, _ := strings.Cut(pair, "=")
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			continue
		}
		var lc net.ListenConfig
		l, err := lc.Listen(t.Context(), "tcp", net.JoinHostPort(host, "0"))
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close() //nolint:errcheck // nothing was written; open until the other is found
		_, port, err := net.SplitHostPort(l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		changed = append(changed, name+"="+net.JoinHostPort(host, port))
	}
	if len(changed) != 2 {
		t.Fatalf("the image names %d addresses in %v, want two", len(changed), env)
	}
	return changed
}

// healthcheck returns the exit code of the image's health check, which a
// container engine runs with the variables of the container.
func (c *container) healthcheck(t *testing.T) int {
	t.Helper()
	command := c.image.start(t.Context(), c.variables, c.image.healthy...)
	out, err := command.CombinedOutput()
	if command.ProcessState == nil {
		t.Fatalf("%v: %v", c.image.healthy, err)
	}
	t.Logf("%v: %d, %s", c.image.healthy, command.ProcessState.ExitCode(), strings.TrimSpace(string(out)))
	return command.ProcessState.ExitCode()
}

// ask sends a request and returns the answer's status, headers and body.
func ask(t *testing.T, method, url string, change func(*http.Request)) (int, http.Header, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	change(r)
	response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close() //nolint:errcheck // nothing is written
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header, string(body)
}

// firstUser returns name and password that the first run prints.
func (c *container) firstUser(t *testing.T) (name, password string) {
	t.Helper()
	found := regexp.MustCompile(`(?m)^curl -sS -u (\S+):(\S+) -c \S+ -X POST (\S+)/\.TOKEN/$`).FindStringSubmatch(c.output())
	if found == nil {
		t.Fatalf("the first run prints no way to log in:\n%s", c.output())
	}
	if found[3] != c.url {
		t.Errorf("the first run says %s, want %s", found[3], c.url)
	}
	return found[1], found[2]
}

// logIn returns a token of the first user.
func (c *container) logIn(t *testing.T) string {
	t.Helper()
	name, password := c.firstUser(t)
	status, header, body := ask(t, http.MethodPost, c.url+"/.TOKEN/?setcookie=false", func(r *http.Request) { r.SetBasicAuth(name, password) })
	if status != http.StatusCreated {
		t.Fatalf("log-in: %d %s", status, body)
	}
	return header.Get("Gateway-Token")
}

func bearer(token string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
}

// processStatus returns lines of /proc/PID/status by their names.
func processStatus(t *testing.T, pid int) map[string]string {
	t.Helper()
	all := map[string]string{}
	for line := range strings.Lines(read(t, fmt.Sprintf("/proc/%d/status", pid))) {
		name, value, _ := strings.Cut(line, ":")
		all[name] = strings.Join(strings.Fields(value), " ")
	}
	return all
}

// systemBundle is the file of roots that the image gets.
const systemBundle = "/etc/ssl/certs/ca-certificates.crt"

// has reports whether a command is on this machine.
func has(command string) bool {
	_, err := exec.LookPath(command)
	return err == nil
}

// appendTo adds to a file.
func appendTo(t *testing.T, path string, data []byte) {
	t.Helper()
	before := read(t, path)
	if err := os.WriteFile(path, append([]byte(before), data...), 0o644); err != nil { // #nosec G306 G703 -- public roots
		t.Fatal(err)
	}
}
