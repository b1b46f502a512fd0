package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func itoa(n int) string { return strconv.Itoa(n) }

// runFor runs a load as the process does.
func runFor(t *testing.T, address string, conns, size int, more ...string) loaded {
	t.Helper()
	var out bytes.Buffer
	args := append([]string{"-address", address, "-conns", itoa(conns), "-size", itoa(size), "-duration", "50ms"}, more...)
	request := requestBytes(http.MethodGet, "/x", address, cookie("secret"))
	if err := runLoad(t.Context(), args, bytes.NewReader(request), &out); err != nil {
		t.Fatal(err)
	}
	var seen loaded
	if err := json.Unmarshal(out.Bytes(), &seen); err != nil {
		t.Fatal(err)
	}
	return seen
}

func TestLoadCountsEachAnswerOnce(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 1024, 100_000} {
		var asked atomic.Uint64
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if c, err := r.Cookie("token"); err != nil || c.Value != "secret" {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			asked.Add(1)
			w.Header().Set("Content-Length", itoa(size))
			_, _ = w.Write(make([]byte, size))
		}))
		seen := runFor(t, server.Listener.Addr().String(), 8, size)
		server.Close()
		if seen.Requests == 0 || seen.Requests != asked.Load() || seen.Errors != 0 || seen.Failure != "" {
			t.Errorf("%d bytes: %d requests arrived, the load saw %+v", size, asked.Load(), seen)
		}
		if seen.P50 <= 0 || seen.P99 < seen.P50 || seen.Took < 50*time.Millisecond {
			t.Errorf("%d bytes: times of %+v", size, seen)
		}
	}
}

func TestLoadTakesTheFullBackend(t *testing.T) {
	t.Parallel()
	address := startBackend(t, "1024")
	if seen := runFor(t, address, 64, 1024); seen.Requests < 64 || seen.Errors != 0 {
		t.Errorf("directly: %+v", seen)
	}
	if seen := runFor(t, startReverseProxy(t, address), 64, 1024); seen.Requests < 64 || seen.Errors != 0 {
		t.Errorf("through the reverse proxy: %+v", seen)
	}
}

func TestLoadCountsOtherAnswersAsErrors(t *testing.T) {
	t.Parallel()
	rows := []struct {
		name string
		do   http.HandlerFunc
		want string
	}{
		{"a refusal", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }, "status 401"},
		{"a short body", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "abc") }, "an answer of 3 bytes instead of 1024"},
		{"no length", func(w http.ResponseWriter, _ *http.Request) {
			_ = http.NewResponseController(w).Flush()
		}, errNoLength.Error()},
		{"no answer", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "the connection was closed"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(row.do)
			defer server.Close()
			seen := runFor(t, server.Listener.Addr().String(), 2, 1024)
			if seen.Requests != 0 || seen.Errors < 2 || !strings.Contains(seen.Failure, row.want) {
				t.Errorf("got %+v, want %q", seen, row.want)
			}
		})
	}
}

func TestLoadFailsWithoutAServer(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	address := server.Listener.Addr().String()
	server.Close()
	if err := runLoad(t.Context(), []string{"-address", address}, strings.NewReader("x"), io.Discard); err == nil {
		t.Error("no error")
	}
}

// seenBy is a server that counts the tokens in the cookies that it gets, and
// takes bodies of the given size alone.
type seenBy struct {
	*httptest.Server
	guard  sync.Mutex
	tokens map[string]int
}

func newSeenBy(t *testing.T, body int64) *seenBy {
	t.Helper()
	s := &seenBy{tokens: map[string]int{}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		c, err := r.Cookie("token")
		if err != nil || n != body {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		s.guard.Lock()
		s.tokens[c.Value]++
		s.guard.Unlock()
		w.Header().Set("Content-Length", "2")
		_, _ = io.WriteString(w, "ok")
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *seenBy) address() string { return s.Listener.Addr().String() }

// counts returns how often each token came, and how often all.
func (s *seenBy) counts() (tokens map[string]int, all int) {
	s.guard.Lock()
	defer s.guard.Unlock()
	for _, n := range s.tokens {
		all += n
	}
	return s.tokens, all
}

func listOf(t *testing.T, values ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "values")
	if err := os.WriteFile(file, []byte(strings.Join(values, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestLoadSendsBodies(t *testing.T) {
	t.Parallel()
	const size = 3*pieceSize + 1
	s := newSeenBy(t, size)
	var out bytes.Buffer
	request := requestBytes(http.MethodPut, "/x", s.address(), "Content-Length: "+itoa(size)+"\r\n"+cookie("a"))
	args := []string{"-address", s.address(), "-conns", "3", "-size", "2", "-body", itoa(size), "-requests", "20", "-duration", "1m"}
	if err := runLoad(t.Context(), args, bytes.NewReader(request), &out); err != nil {
		t.Fatal(err)
	}
	var seen loaded
	if err := json.Unmarshal(out.Bytes(), &seen); err != nil {
		t.Fatal(err)
	}
	if _, all := s.counts(); all != 20 || seen.Requests != 20 || seen.Errors != 0 {
		t.Errorf("%d arrived, the load saw %+v", all, seen)
	}
}

func TestLoadTakesValuesInTurn(t *testing.T) {
	t.Parallel()
	s := newSeenBy(t, 0)
	list := listOf(t, "secret", "second", "third3")
	seen := runFor(t, s.address(), 4, 2, "-values", list, "-inturn", "-requests", "30", "-duration", "1m")
	tokens, all := s.counts()
	if all != 30 || seen.Requests != 30 || seen.Errors != 0 {
		t.Fatalf("%d arrived, the load saw %+v", all, seen)
	}
	for _, v := range []string{"secret", "second", "third3"} {
		if tokens[v] != 10 {
			t.Errorf("%s came %d times", v, tokens[v])
		}
	}
}

func TestLoadTakesValuesAtRandom(t *testing.T) {
	t.Parallel()
	s := newSeenBy(t, 0)
	list := listOf(t, "secret", "second", "third3")
	runFor(t, s.address(), 4, 2, "-values", list, "-requests", "300", "-duration", "1m")
	tokens, all := s.counts()
	if all != 300 || len(tokens) != 3 {
		t.Fatalf("%d arrived with %v", all, tokens)
	}
	for v, n := range tokens {
		if n < 50 || n == 100 {
			t.Errorf("%s came %d times", v, n)
		}
	}
}

func TestLoadKeepsToItsRate(t *testing.T) {
	t.Parallel()
	s := newSeenBy(t, 0)
	// 100 a second for 0.5 s, and the first at once.
	seen := runFor(t, s.address(), 4, 2, "-rate", "100", "-duration", "500ms")
	if seen.Requests != 51 || seen.Errors != 0 || seen.Took < 500*time.Millisecond {
		t.Errorf("got %+v", seen)
	}
}

func TestTimesCountFromWhenARequestWasDue(t *testing.T) {
	t.Parallel()
	const each = 5 * time.Millisecond
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(each):
		case <-r.Context().Done():
		}
		w.Header().Set("Content-Length", "0")
	}))
	defer server.Close()
	// 1000 a second are due and one connection has at most 200 answers a second:
	// the last of the 51 waits for at least 4/5 of the time that all take.
	seen := runFor(t, server.Listener.Addr().String(), 1, 0, "-rate", "1000", "-duration", "50ms")
	if seen.Requests != 51 || seen.P99 < 51*each*4/5-each || seen.P50 < 10*each {
		t.Errorf("got %+v", seen)
	}
}

func TestLoadRefusesListsItCannotUse(t *testing.T) {
	t.Parallel()
	for name, list := range map[string]string{
		"that is not there": filepath.Join(t.TempDir(), "none"),
		"that is not meant": listOf(t, "other1"),
	} {
		err := runLoad(t.Context(), []string{"-values", list}, strings.NewReader("secret"), io.Discard)
		if err == nil {
			t.Errorf("a list %s is taken", name)
		}
	}
}

func TestAnswersBeforeTheRequestIsSentAreErrors(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "0")
	}))
	defer server.Close()
	seen := runFor(t, server.Listener.Addr().String(), 2, 0, "-body", "500000000")
	if seen.Requests != 0 || seen.Errors != 2 {
		t.Errorf("got %+v", seen)
	}
}
