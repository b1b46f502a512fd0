package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// tollgate is the gateway under test.
type tollgate struct {
	process  *process
	address  string
	internal string // address of metrics and profiles
	token    string
}

// The user of the benchmark.
const (
	user     = "bench"
	password = "only for this benchmark" // #nosec G101 -- of a gateway that ends with the benchmark
)

const program = "tollgate/cmd/tollgate"

// startTollgate builds the program, starts it before a backend and makes a
// token. Access log and metrics are on, as they are by default.
func startTollgate(ctx context.Context, l *launcher, backend string) (*tollgate, error) {
	binary := filepath.Join(l.dir, "tollgate")
	if _, err := output("build", l.command(ctx, nil, "go", "build", "-o", binary, program), nil); err != nil {
		return nil, err
	}
	hash, err := output("hash-password", l.command(ctx, nil, binary, "user", "hash-password"), strings.NewReader(password+"\n"))
	if err != nil {
		return nil, err
	}
	file := filepath.Join(l.dir, "config.yaml")
	if err := os.WriteFile(file, configuration(l.dir, backend, string(bytes.TrimSpace(hash))), 0o600); err != nil {
		return nil, fmt.Errorf("write the configuration: %w", err)
	}
	logName := filepath.Join(l.dir, "tollgate.log")
	logFile, err := os.Create(logName) // #nosec G304 -- in our own directory
	if err != nil {
		return nil, fmt.Errorf("make the log: %w", err)
	}
	defer func() { _ = logFile.Close() }() // the process has its own
	cmd := l.gateway(ctx, binary, "serve", "--config", file)
	cmd.Stdout, cmd.Stderr = logFile, logFile
	g := &tollgate{}
	if g.process, err = l.start("tollgate", cmd); err != nil {
		return nil, err
	}
	if err := g.awaitReady(ctx, logName); err != nil {
		return nil, err
	}
	return g, g.login(ctx)
}

func configuration(dir, backend, hash string) []byte {
	return fmt.Appendf(nil, `listen: 127.0.0.1:0
internal: {listen: 127.0.0.1:0}
data_dir: %q
log: {level: info, access: true}
store: {min_free: 1048576}
users: [{name: %s, password_hash: %q, tenants: [any]}]
upstreams: [{name: storage, urls: ["http://%s"], max_idle_connections: 10000}]
`, filepath.Join(dir, "data"), user, hash, backend)
}

const (
	readyLimit = 30 * time.Second
	readyPoll  = 20 * time.Millisecond
)

// awaitReady waits until the log tells the addresses.
func (g *tollgate) awaitReady(ctx context.Context, logName string) error {
	ctx, done := context.WithTimeout(ctx, readyLimit)
	defer done()
	tick := time.NewTicker(readyPoll)
	defer tick.Stop()
	for {
		text, err := os.ReadFile(logName) // #nosec G304 -- in our own directory
		if err != nil {
			return err
		}
		if g.address, g.internal = readyLine(text); g.address != "" {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("tollgate did not start: %w: %s", ctx.Err(), bytes.TrimSpace(text))
		case <-tick.C:
		}
	}
}

// readyLine finds the addresses in the log, "" = not ready.
func readyLine(text []byte) (public, internal string) {
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		var line struct{ Msg, Listen, Internal string }
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "ready" {
			return line.Listen, line.Internal
		}
	}
	return "", ""
}

// login makes the token that all measurements use.
func (g *tollgate) login(ctx context.Context) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+g.address+"/.TOKEN/?setcookie=false", http.NoBody)
	if err != nil {
		return err
	}
	r.SetBasicAuth(user, password)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return fmt.Errorf("make a token: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	g.token = response.Header.Get("Gateway-Token")
	if response.StatusCode != http.StatusCreated || g.token == "" {
		return fmt.Errorf("make a token: tollgate answers %s", response.Status)
	}
	return nil
}

// cookie and bearer are the header lines that carry a token.
func cookie(token string) string { return "Cookie: token=" + token + "\r\n" }

func bearer(token string) string { return "Authorization: Bearer " + token + "\r\n" }

// requestBytes is a request as the load sends it, with more header lines.
func requestBytes(address, more string) []byte {
	return []byte("GET /bucket/object HTTP/1.1\r\nHost: " + address + "\r\nUser-Agent: bench\r\nAccept: */*\r\n" + more + "\r\n")
}

// profile writes a CPU profile of the gateway to a file; the load is the
// caller's.
func (g *tollgate) profile(ctx context.Context, file string, length time.Duration) (err error) {
	seconds := max(int(length.Seconds()), 1)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet,
		fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", g.internal, seconds), http.NoBody)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return fmt.Errorf("profile: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("profile: tollgate answers %s", response.Status)
	}
	out, err := os.Create(file) // #nosec G304 -- the user's choice
	if err != nil {
		return fmt.Errorf("profile: %w", err)
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	if _, err := io.Copy(out, response.Body); err != nil {
		return fmt.Errorf("profile: %w", err)
	}
	return nil
}
