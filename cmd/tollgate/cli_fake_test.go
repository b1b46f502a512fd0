package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

// asked is a request as the management API got it.
type asked struct {
	method, target, body string
	header               http.Header
}

// fakeAPI is a management API that remembers what it was asked.
type fakeAPI struct {
	*httptest.Server
	t       *testing.T
	mu      sync.Mutex
	asked   []asked  // guarded by mu
	answers []string // guarded by mu; the last one is given again and again
	status  int
}

// startFake answers with these bodies, one after the other.
func startFake(t *testing.T, status int, answers ...string) *fakeAPI {
	t.Helper()
	f := &fakeAPI{t: t, status: status, answers: answers}
	f.Server = httptest.NewServer(http.HandlerFunc(f.answer))
	t.Cleanup(f.Close)
	return f
}

func (f *fakeAPI) answer(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, asked{r.Method, r.RequestURI, string(body), r.Header.Clone()})
	answer := f.answers[0]
	if len(f.answers) > 1 {
		f.answers = f.answers[1:]
	}
	w.Header().Set("Gateway-Request-Id", "00112233AABBCCDD")
	w.WriteHeader(f.status)
	_, _ = io.WriteString(w, answer)
}

// run runs a command against the API by a token.
func (f *fakeAPI) run(args ...string) result {
	f.t.Helper()
	return cli(f.t, []string{"TOLLGATE_TOKEN=a-token"}, "", slices.Concat(args[:2], []string{"--server", f.URL}, args[2:])...)
}

// take returns what was asked since the last call.
func (f *fakeAPI) take() []asked {
	f.mu.Lock()
	defer f.mu.Unlock()
	taken := f.asked
	f.asked = nil
	return taken
}

// one returns the only request since the last call.
func (f *fakeAPI) one() asked {
	f.t.Helper()
	taken := f.take()
	if len(taken) != 1 {
		f.t.Fatalf("%d requests, want one: %v", len(taken), taken)
	}
	return taken[0]
}

// TestCLIAnswers are answers that a gateway gives when something is wrong with
// it or in front of it.
func TestCLIAnswers(t *testing.T) {
	const problem = `{"detail":"a \u001b[2J sentence","request_id":"0011AABB"}`
	for _, row := range []struct {
		name   string
		status int
		body   string
		says   string
	}{
		{"Problem", 409, problem, `the gateway answers 409 Conflict: "a \x1b[2J sentence" (request 0011AABB)`},
		{"ProblemOfAProxy", 502, "<html>", "the gateway answers 502 Bad Gateway (request 00112233AABBCCDD)"},
		{"ProblemOfAnotherForm", 500, `{"detail":7}`, "the gateway answers 500 Internal Server Error (request 00112233AABBCCDD)"},
		{"Redirect", 302, "", "the gateway answers 302 Found"},
		{"NoJSON", 200, "<html>", "read the answer: "},
		{"NoList", 200, `{}`, "read the tokens of the answer: "},
		{"NoNext", 200, `{"tokens":[]}`, "read next of the answer: "},
		{"OtherEntries", 200, `{"tokens":[7],"next":null}`, "read the answer: "},
	} {
		t.Run(row.name, func(t *testing.T) {
			f := startFake(t, row.status, row.body)
			if r := f.run("token", "list"); r.code != exitFailed || r.out != "" || !strings.HasPrefix(r.err, "tollgate: "+row.says) || strings.ContainsRune(r.err, '\x1b') {
				t.Errorf("exit %d %q\n%s", r.code, r.out, r.err)
			}
		})
	}
	t.Run("TooLong", func(t *testing.T) {
		f := startFake(t, 200, `{"tokens":[],"next":null}`+strings.Repeat(" ", maxAnswer))
		if r := f.run("token", "list"); r.code != exitFailed || !strings.Contains(r.err, "longer than") {
			t.Errorf("exit %d %s", r.code, r.err)
		}
	})
	t.Run("CredentialsOfAServerAddressAreNotSent", func(t *testing.T) {
		f := startFake(t, 200, `{"tokens":[],"next":null}`)
		server := strings.Replace(f.URL, "http://", "http://eve:secret@", 1)
		cli(t, []string{"TOLLGATE_TOKEN=a-token"}, "", "token", "list", "--server", server+"/elsewhere?x=y").well(t)
		if a := f.one(); a.header.Get("Authorization") != "Bearer a-token" || a.target != "/_admin/api/v1/tokens?limit=1000" {
			t.Errorf("%+v", a)
		}
	})
}
