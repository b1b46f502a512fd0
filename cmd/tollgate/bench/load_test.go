package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func itoa(n int) string { return strconv.Itoa(n) }

// runFor runs a load as the process does.
func runFor(t *testing.T, address string, conns, size int) loaded {
	t.Helper()
	var out bytes.Buffer
	args := []string{"-address", address, "-conns", itoa(conns), "-size", itoa(size), "-duration", "50ms"}
	if err := runLoad(t.Context(), args, bytes.NewReader(requestBytes(address, cookie("secret"))), &out); err != nil {
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
