package clustertest

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tollgate/cmd/tollgate/clustertest/model"
	"tollgate/cmd/tollgate/clustertest/process"
)

// The one user of the gateways.
const (
	userName = "john"
	password = "correct horse"
)

// clientTime is how long a client waits for an answer: longer than a gateway is
// stopped.
const clientTime = 15 * time.Second

// gateway is a process, and what a client needs to talk to it.
type gateway struct {
	t        testing.TB
	name     string
	config   string   // its file
	dir      string   // its data
	relays   []*relay // to the members; none = it is alone
	history  *model.History
	upstream *upstream
	client   *http.Client

	running *process.Process // for the test's goroutine alone
	address atomic.Pointer[addresses]
	passed  atomic.Int64 // uses that were accepted
	written atomic.Int64 // creates and revokes that were acknowledged
	shut    atomic.Int64 // operations that got 503
}

// addresses are where a gateway listens; another start gives others.
type addresses struct{ Listen, Internal string }

// startGateway runs a gateway until the test ends, alone or with others that
// share the members that it is related to.
func startGateway(t testing.TB, name string, keys string, h *model.History, u *upstream, relays []*relay) *gateway {
	t.Helper()
	dir := t.TempDir()
	transport := &http.Transport{DialContext: (&net.Dialer{Timeout: clientTime}).DialContext, MaxIdleConnsPerHost: 16}
	g := &gateway{
		t: t, name: name, config: filepath.Join(dir, "config.yaml"), dir: filepath.Join(dir, "data"), relays: relays,
		history: h, upstream: u, client: &http.Client{Transport: transport, Timeout: clientTime},
	}
	if err := os.WriteFile(g.config, []byte(g.configuration(keys)), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		if g.running == nil {
			return
		}
		g.running.Kill()
		if t.Failed() {
			lines := slices.DeleteFunc(strings.Split(g.running.Output(), "\n"), func(line string) bool {
				return strings.Contains(line, `"logger":"audit"`) // each create and revoke
			})
			t.Logf("the end of what %s logged:\n%s", name, strings.Join(lines[max(0, len(lines)-60):], "\n"))
		}
	})
	g.start()
	return g
}

func (g *gateway) configuration(keys string) string {
	text := fmt.Sprintf(`
listen: 127.0.0.1:0
internal: {listen: 127.0.0.1:0}
data_dir: %s
keys_file: %s
log: {access: false}
users:
- {name: %s, password_hash: &hash %q}
- {name: root, password_hash: *hash, roles: [admin]}
upstreams: [{name: storage, urls: [%q]}]
`, g.dir, keys, userName, given.hash, g.upstream.url)
	if len(g.relays) == 0 {
		return text + "store: {min_free: 1048576}\n"
	}
	endpoints := make([]string, len(g.relays))
	for i, r := range g.relays {
		endpoints[i] = "http://" + r.address()
	}
	list, err := json.Marshal(endpoints)
	if err != nil {
		g.t.Fatal(err)
	}
	return text + fmt.Sprintf("store: {min_free: 1048576, etcd: {endpoints: %s}, max_staleness: %s}\n", list, maxStaleness)
}

// start runs the program and waits until it listens, which it does before it
// has seen any member.
func (g *gateway) start() {
	g.t.Helper()
	command := exec.Command(given.program, "serve", "--config", g.config)
	command.Env = g.environment()
	p, err := process.Start(g.name, command)
	if err != nil {
		g.t.Fatal(err)
	}
	g.running = p
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var ready struct {
		Msg string
		addresses
	}
	_, err = p.Await(ctx, func(line string) bool { return json.Unmarshal([]byte(line), &ready) == nil && ready.Msg == "ready" })
	if err != nil {
		g.t.Fatal(err)
	}
	g.address.Store(&ready.addresses)
}

// environment is what the program is run with: nothing of the tests' own, which
// are TOLLGATE_ variables that it does not know.
func (g *gateway) environment() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Dir(g.config), "GORACE=halt_on_error=1"}
}

// kill ends it with SIGKILL.
func (g *gateway) kill() { g.running.Kill() }

// stop halts it, and resume lets it go on.
func (g *gateway) stop() {
	if err := g.running.Stop(); err != nil {
		g.t.Fatal(err)
	}
}

func (g *gateway) resume() {
	if err := g.running.Continue(); err != nil {
		g.t.Fatal(err)
	}
}

// cut cuts it off from all members, or connects it again.
func (g *gateway) cut(how cut) {
	for _, r := range g.relays {
		r.set(how)
	}
}

// ask sends one request and reads the whole answer.
func (g *gateway) ask(ctx context.Context, method, path, body string, change func(*http.Request)) (status int, header http.Header, answer string, err error) {
	r, err := http.NewRequestWithContext(ctx, method, "http://"+g.address.Load().Listen+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, "", err
	}
	change(r)
	response, err := g.client.Do(r)
	if err != nil {
		return 0, nil, "", err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	return response.StatusCode, response.Header, string(data), err
}

func asUser(r *http.Request) { r.SetBasicAuth(userName, password) }

func asRoot(r *http.Request) { r.SetBasicAuth("root", password) }

func with(token string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
}

// outcome is what a status means for the model.
func (g *gateway) outcome(status int, err error) (model.Outcome, string) {
	switch {
	case err != nil:
		return model.NoAnswer, err.Error()
	case status/100 == 2:
		return model.Accepted, ""
	case status == http.StatusUnauthorized:
		return model.Refused, ""
	case isClosed(status):
		g.shut.Add(1)
		return model.Closed, fmt.Sprint(status)
	default:
		return model.Unexpected, fmt.Sprint(status)
	}
}

// isClosed says whether a gateway decided nothing: it cannot, has no room, does
// not have what the client asks it to have, or is too busy to check a password.
func isClosed(status int) bool {
	return status == http.StatusServiceUnavailable || status == http.StatusInsufficientStorage ||
		status == http.StatusPreconditionFailed || status == http.StatusTooManyRequests
}

// token is one that was made.
type token struct{ id, value string }

// tokensPath is where tokens are made and revoked.
const tokensPath = "/_admin/api/v1/tokens"

// create makes a token, and says whether that was acknowledged.
func (g *gateway) create(ctx context.Context) (token, bool) {
	o := g.history.Begin(model.Create, "", g.name)
	status, _, body, err := g.ask(ctx, http.MethodPost, tokensPath, "{}", asUser)
	outcome, detail := g.outcome(status, err)
	var made struct{ ID, Token string }
	if outcome == model.Accepted {
		if err = json.Unmarshal([]byte(body), &made); err == nil && made.ID != "" && made.Token != "" {
			o.Created(made.ID)
			g.written.Add(1)
			return token{made.ID, made.Token}, true
		}
		outcome = model.Unexpected
	}
	o.End(outcome, detail+" "+body)
	return token{}, false
}

// mustCreate makes a token, and tries again for as long as the gateway is closed.
func (g *gateway) mustCreate() token {
	g.t.Helper()
	var made token
	until(g.t, g.name+" makes a token", func() (ok bool) {
		made, ok = g.create(g.t.Context())
		return ok
	})
	return made
}

// revoke ends a token, and says whether that was acknowledged.
func (g *gateway) revoke(ctx context.Context, k token) bool {
	o := g.history.Begin(model.Revoke, k.id, g.name)
	status, _, body, err := g.ask(ctx, http.MethodDelete, tokensPath+"/"+k.id, "", asUser)
	outcome, detail := g.outcome(status, err)
	switch {
	case outcome == model.Accepted:
		g.written.Add(1)
	case status == http.StatusNotFound:
		outcome = model.Refused
	default:
		detail += " " + body
	}
	o.End(outcome, detail)
	return outcome == model.Accepted
}

// use sends a request with a token.
func (g *gateway) use(ctx context.Context, k token) model.Outcome {
	o := g.history.Begin(model.Use, k.id, g.name)
	status, _, body, err := g.ask(ctx, http.MethodGet, g.upstream.expect(o), "", with(k.value))
	outcome, detail := g.outcome(status, err)
	if outcome == model.Unexpected {
		detail += " " + body
	}
	o.End(outcome, detail)
	if outcome == model.Accepted {
		g.passed.Add(1)
	}
	return outcome
}

// decided uses a token until the gateway decides.
func (g *gateway) decided(k token) model.Outcome {
	g.t.Helper()
	var got model.Outcome
	until(g.t, g.name+" decides", func() bool {
		got = g.use(g.t.Context(), k)
		return got == model.Accepted || got == model.Refused
	})
	return got
}

// isOpen says whether it decides requests: by user and password, so that no
// token is needed.
func (g *gateway) isOpen(ctx context.Context) bool {
	status, _, _, err := g.ask(ctx, http.MethodGet, "/", "", asUser)
	return err == nil && status == http.StatusOK
}

// awaitOpen waits until it decides requests.
func (g *gateway) awaitOpen() {
	g.t.Helper()
	until(g.t, g.name+" is open", func() bool { return g.isOpen(g.t.Context()) })
}

// metric returns a number of /metrics, and whether there is such a one.
func (g *gateway) metric(name string) (string, bool) {
	g.t.Helper()
	r, err := http.NewRequestWithContext(g.t.Context(), http.MethodGet, "http://"+g.address.Load().Internal+"/metrics", nil)
	if err != nil {
		g.t.Fatal(err)
	}
	response, err := g.client.Do(r)
	if err != nil {
		g.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		g.t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			return strings.TrimSpace(value), true
		}
	}
	return "", false
}

// applied is the revision of the shared tokens up to which it has everything.
func (g *gateway) applied() float64 {
	g.t.Helper()
	return g.number("tollgate_replica_applied_revision")
}

// staleness is how old the last proof is that its tokens were fresh.
func (g *gateway) staleness() time.Duration {
	g.t.Helper()
	return time.Duration(g.number("tollgate_replica_staleness_seconds") * float64(time.Second))
}

// number is a metric that there must be.
func (g *gateway) number(name string) float64 {
	g.t.Helper()
	text, ok := g.metric(name)
	n, err := strconv.ParseFloat(text, 64)
	if !ok || err != nil {
		g.t.Fatalf("%s says %q of %s", g.name, text, name)
	}
	return n
}

// until asks again and again until something is so: what is asked is a process
// that tells nobody.
func until(t testing.TB, what string, so func() bool) {
	t.Helper()
	tries := time.NewTicker(10 * time.Millisecond)
	defer tries.Stop()
	limit := time.After(patience)
	for !so() {
		select {
		case <-tries.C:
		case <-limit:
			t.Fatalf("it is never so: %s", what)
		}
	}
}

// writeKeys makes the file of sealing keys that all gateways are given.
func writeKeys(t testing.TB) string {
	t.Helper()
	var key [32]byte
	if _, err := rand.Read(key[:]); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(file, []byte(base64.StdEncoding.EncodeToString(key[:])+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
