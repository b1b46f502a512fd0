package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// serveVariable makes the test binary run the program itself, with the
// configuration file that it names: a process that can be killed.
const serveVariable = "TOLLGATE_TEST_SERVE"

func TestMain(m *testing.M) {
	if file := os.Getenv(serveVariable); file != "" {
		os.Exit(run(context.Background(), []string{"serve", "--config", file}, Process{
			Stdin: strings.NewReader(""), Stdout: os.Stdout, Stderr: os.Stderr,
		}))
	}
	os.Exit(m.Run())
}

// startChild runs the gateway as a process of its own.
func (g *gateway) startChild(t *testing.T) *exec.Cmd {
	t.Helper()
	c := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$") // #nosec G204 -- this very binary
	c.Env = append(os.Environ(), serveVariable+"="+g.config)
	logs, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	said := ""
	for lines := bufio.NewScanner(logs); lines.Scan(); {
		said += lines.Text() + "\n"
		var ready struct{ Msg, Listen, Internal string }
		if json.Unmarshal(lines.Bytes(), &ready) == nil && ready.Msg == "ready" {
			g.url, g.internal = "http://"+ready.Listen, "http://"+ready.Internal
			go func() { _, _ = io.Copy(io.Discard, logs) }()
			return c
		}
	}
	t.Fatalf("the gateway did not start:\n%s", said)
	return nil
}

// acknowledged is what the gateway said is done.
type acknowledged struct {
	mu   sync.Mutex
	live map[string]string // id to value; guarded by mu
	dead map[string]string // guarded by mu
}

// TestCrashLosesNothingAcknowledged kills the gateway again and again while
// clients make and revoke tokens. What was acknowledged is there afterwards:
// every token, and every end of one.
func TestCrashLosesNothingAcknowledged(t *testing.T) {
	rounds := 20
	if n, err := strconv.Atoi(os.Getenv("TOLLGATE_CRASH_ROUNDS")); err == nil {
		rounds = n
	}
	b := startBackend(t)
	s := setup{upstream: b.URL, dir: t.TempDir()}
	g := &gateway{t: t, config: t.TempDir() + "/config.yaml", dir: s.dir}
	g.write(s.configuration())
	all := &acknowledged{live: map[string]string{}, dead: map[string]string{}}
	for range rounds {
		child := g.startChild(t)
		g.verify(t, all)
		ctx, stop := context.WithCancel(t.Context())
		var clients sync.WaitGroup
		for range 8 {
			clients.Go(func() { g.churn(ctx, all) })
		}
		time.AfterFunc(time.Duration(50+rand.IntN(350))*time.Millisecond, func() { _ = child.Process.Kill() })
		_ = child.Wait()
		stop()
		clients.Wait()
	}
	child := g.startChild(t)
	g.verify(t, all)
	_ = child.Process.Kill()
	_ = child.Wait()
	if len(all.live) < rounds || len(all.dead) < rounds/4 {
		t.Errorf("only %d live and %d revoked tokens were made", len(all.live), len(all.dead))
	}
	t.Logf("%d rounds, %d live and %d revoked tokens", rounds, len(all.live), len(all.dead))
}

// churn makes tokens and revokes every second one until the gateway is gone.
func (g *gateway) churn(ctx context.Context, all *acknowledged) {
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	for i := 0; ; i++ {
		h, err := g.asJohn(ctx, client, http.MethodPost, "?setcookie=false")
		if err != nil {
			return
		}
		id, value := h.Get("Gateway-Token-Id"), h.Get("Gateway-Token")
		all.mu.Lock()
		all.live[id] = value
		all.mu.Unlock()
		if i%2 == 0 {
			continue
		}
		// From the attempt on nobody knows, until it is acknowledged.
		all.mu.Lock()
		delete(all.live, id)
		all.mu.Unlock()
		if _, err := g.asJohn(ctx, client, http.MethodDelete, id); err != nil {
			return
		}
		all.mu.Lock()
		all.dead[id] = value
		all.mu.Unlock()
	}
}

var errNotDone = errors.New("not acknowledged")

func (g *gateway) asJohn(ctx context.Context, client *http.Client, method, what string) (http.Header, error) {
	r, err := http.NewRequestWithContext(ctx, method, g.url+"/.TOKEN/"+what, nil)
	if err != nil {
		return nil, err
	}
	r.Host = hostOne
	r.SetBasicAuth(john, passwordOf(john))
	response, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode/100 != 2 {
		return nil, errNotDone
	}
	return response.Header, nil
}

// verify presents every token.
func (g *gateway) verify(t *testing.T, all *acknowledged) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	for want, tokens := range map[int]map[string]string{http.StatusOK: all.live, http.StatusUnauthorized: all.dead} {
		for id, value := range tokens {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, g.url+"/x", nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Host = hostOne
			r.Header.Set("Authorization", "Bearer "+value)
			response, err := client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, response.Body)
			response.Body.Close()
			if response.StatusCode != want {
				t.Errorf("token %s: got %d, want %d", id, response.StatusCode, want)
			}
		}
	}
}
