package browsertest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The one user of the tests.
const (
	userName = "john"
	password = "correct horse"
)

// patience bounds every wait; nothing takes that long unless it hangs.
const patience = 30 * time.Second

// setup describes a gateway.
type setup struct {
	upstream string // URL; empty = a folder
	cookie   string // YAML of tokens.cookie; empty = the defaults
	trusted  bool   // whether the upstream's content is
}

// gateway is a process that runs the program.
type gateway struct {
	url    string // http://127.0.0.1:port
	folder string // what the folder upstream serves
	log    *journal
}

// startGateway runs `tollgate serve` until the test ends.
func startGateway(t *testing.T, s setup) *gateway {
	t.Helper()
	dir := t.TempDir()
	g := &gateway{folder: filepath.Join(dir, "files"), log: newJournal()}
	if err := os.Mkdir(g.folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if s.upstream == "" {
		s.upstream = "dir:" + g.folder
	}
	config := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(config, []byte(s.configuration(t, dir)), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	command := program(ctx, "serve", "--config", config)
	command.Stderr = g.log
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = patience
	if err := command.Start(); err != nil {
		stop()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		_ = command.Wait() // says that it was stopped, which we know
		if code := command.ProcessState.ExitCode(); code != 0 {
			t.Errorf("serve ended with %d:\n%s", code, g.log)
		}
	})
	ready := g.log.await(t, 0, func(e entry) bool { return e.Message == "ready" })
	g.url = "http://" + ready.Listen
	return g
}

// program returns a command of the program, with no configuration from the
// environment.
func program(ctx context.Context, args ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, os.Getenv(programVariable), args...) // #nosec G204 G702 -- built by TestMain
	command.Env = []string{"PATH=" + os.Getenv("PATH")}
	return command
}

func (s setup) configuration(t *testing.T, dir string) string {
	t.Helper()
	hash := program(t.Context(), "user", "hash-password")
	hash.Stdin = strings.NewReader(password + "\n")
	hashed, err := hash.Output()
	if err != nil {
		t.Fatalf("hash the password: %v", err)
	}
	return fmt.Sprintf(`
listen: 127.0.0.1:0
internal: {listen: 127.0.0.1:0}
data_dir: %s
store: {min_free: 1048576}
tokens: {cookie: {%s}}
users: [{name: %s, password_hash: %q}]
upstreams: [{name: storage, urls: [%q]}]
routes: [{upstream: storage, trusted_content: %t}]
`, filepath.Join(dir, "data"), s.cookie, userName, strings.TrimSpace(string(hashed)), s.upstream, s.trusted)
}

// write puts a file into the folder that the gateway serves.
func (g *gateway) write(t *testing.T, name, content string) {
	t.Helper()
	path := filepath.Join(g.folder, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// replay sends a request with a token in the cookie as somebody would who has
// taken it from the browser, and returns the status.
func (g *gateway) replay(t *testing.T, path, value string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, g.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Cookie", "token="+value)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode
}

// entry is a line of the gateway's log.
type entry struct {
	Message string `json:"msg"`
	Listen  string `json:"listen"`
	Method  string `json:"method"`
	Path    string `json:"path"`  // of a proxied request
	Route   string `json:"route"` // of a management request
	Status  int    `json:"status"`
	Reason  string `json:"reason"`
	Form    string `json:"form"`
}

// journal takes the log.
type journal struct {
	mu      sync.Mutex
	partial []byte        // guarded by mu
	text    bytes.Buffer  // guarded by mu
	entries []entry       // guarded by mu
	changed chan struct{} // guarded by mu; closed when an entry comes
}

func newJournal() *journal { return &journal{changed: make(chan struct{})} }

// Write takes a piece of the log. Lines that are no JSON are kept as text.
func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.text.Write(p)
	j.partial = append(j.partial, p...)
	for {
		line, rest, whole := bytes.Cut(j.partial, []byte("\n"))
		if !whole {
			return len(p), nil
		}
		var e entry
		if json.Unmarshal(line, &e) == nil {
			j.entries = append(j.entries, e)
			close(j.changed)
			j.changed = make(chan struct{})
		}
		j.partial = append([]byte(nil), rest...)
	}
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// length returns how many entries there are: where to look for later ones.
func (j *journal) length() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.entries)
}

// await returns the first entry from a position on that is wanted.
func (j *journal) await(t *testing.T, from int, wanted func(entry) bool) entry {
	t.Helper()
	timeout := time.After(patience)
	for {
		j.mu.Lock()
		changed, entries := j.changed, j.entries[from:]
		j.mu.Unlock()
		for _, e := range entries {
			if wanted(e) {
				return e
			}
		}
		select {
		case <-changed:
		case <-timeout:
			t.Fatalf("the awaited line is not in the log:\n%s", j)
		}
	}
}

// count returns how many entries are of a kind.
func (j *journal) count(wanted func(entry) bool) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	n := 0
	for _, e := range j.entries {
		if wanted(e) {
			n++
		}
	}
	return n
}
