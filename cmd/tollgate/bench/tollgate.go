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

	"tollgate/tokens"
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

// tenant is the one that there is when none is configured.
const tenant = "default"

// minFree is the free space that the stores of the benchmark ask for, in bytes.
const minFree = 1 << 20

// lanes says which of its two ways a gateway takes with plain requests.
type lanes string

const (
	fastLane lanes = "" // as by default
	slowLane lanes = "fast_lane: false\n"
)

// gatewayOf says which gateway is started.
type gatewayOf struct {
	name     string        // of its directory
	upstream string        // YAML of its upstream, without the name
	secret   tokens.Secret // the secret key of its token, for signing; empty = none
	lanes    lanes
	filled   bool // its data directory has tokens already: none is made
}

func (of gatewayOf) dir(l *launcher) string { return filepath.Join(l.dir, of.name) }

func (of gatewayOf) dataDir(l *launcher) string { return filepath.Join(of.dir(l), "data") }

// startTollgate starts the program and makes a token. Access log and metrics
// are on, as they are by default.
func startTollgate(ctx context.Context, l *launcher, of gatewayOf) (*tollgate, error) {
	binary, err := l.build(ctx)
	if err != nil {
		return nil, err
	}
	hash, err := output("hash-password", l.command(ctx, nil, binary, "user", "hash-password"), strings.NewReader(password+"\n"))
	if err != nil {
		return nil, err
	}
	dir := of.dir(l)
	if err := l.freshDir(of); err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(file, of.configuration(of.dataDir(l), string(bytes.TrimSpace(hash))), 0o600); err != nil {
		return nil, fmt.Errorf("write the configuration: %w", err)
	}
	logName := filepath.Join(dir, "tollgate.log")
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
	if of.filled {
		return g, nil
	}
	return g, g.login(ctx, of.secret)
}

// freshDir makes the directory of a gateway. What one of another part left
// there is removed, but not what it was filled with.
func (l *launcher) freshDir(of gatewayOf) error {
	if !of.filled {
		if err := os.RemoveAll(of.dir(l)); err != nil {
			return err
		}
	}
	return os.MkdirAll(of.dir(l), 0o700)
}

// way is the way through the gateway with its token.
func (g *tollgate) way(name string, carry func(token string) string) way {
	return way{
		name: name, address: g.address, gateway: g.process, internal: g.internal,
		carry: carry(g.token), wrong: carry(wrongToken),
	}
}

// build builds the program once.
func (l *launcher) build(ctx context.Context) (string, error) {
	binary := filepath.Join(l.dir, "tollgate")
	if _, err := os.Stat(binary); err == nil {
		return binary, nil
	}
	_, err := output("build", l.command(ctx, nil, "go", "build", "-o", binary, program), nil)
	return binary, err
}

func (of gatewayOf) configuration(data, hash string) []byte {
	return fmt.Appendf(nil, `listen: 127.0.0.1:0
internal: {listen: 127.0.0.1:0}
data_dir: %q
log: {level: info, access: true}
store: {min_free: %d}
users: [{name: %s, password_hash: %q, tenants: [any]}]
upstreams: [{name: storage, %s}]
%s`, data, minFree, user, hash, of.upstream, of.lanes)
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
func (g *tollgate) login(ctx context.Context, secret tokens.Secret) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+g.address+"/.TOKEN/?setcookie=false", http.NoBody)
	if err != nil {
		return err
	}
	r.SetBasicAuth(user, password)
	if secret != "" {
		r.Header.Set("X-User-Secret-Key-Meta", secret.Reveal())
	}
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
