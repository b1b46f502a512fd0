package proxy

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// upper is an edit that can be seen.
func upper(_ int, body []byte) ([]byte, error) { return []byte(strings.ToUpper(string(body))), nil }

func TestEditor(t *testing.T) {
	errNo := errors.New("no")
	for _, c := range []struct {
		name   string
		change edit
		answer func(w http.ResponseWriter)
		status int // 0 = the client saw nothing
		body   string
		err    error
	}{
		{"what is not edited passes at once", nil, func(w http.ResponseWriter) { w.WriteHeader(206); _, _ = w.Write([]byte("ab")) }, 206, "ab", nil},
		{"what is edited comes in the end", upper, func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "2")
			w.Header().Set("ETag", "x")
			w.WriteHeader(404)
			_, _ = w.Write([]byte("a"))
			_, _ = w.Write([]byte("b"))
		}, 404, "AB", nil},
		{"an answer without a body", upper, func(w http.ResponseWriter) { w.WriteHeader(404) }, 404, "", nil},
		{"a flush sends nothing of what is held", upper, func(w http.ResponseWriter) {
			w.WriteHeader(404)
			_, _ = w.Write([]byte("a"))
			_ = http.NewResponseController(w).Flush()
		}, 404, "A", nil},
		{"what cannot be edited", func(int, []byte) ([]byte, error) { return nil, errNo }, func(w http.ResponseWriter) { w.WriteHeader(500); _, _ = w.Write([]byte("a")) }, 0, "", errNo},
		{"what is compressed", upper, func(w http.ResponseWriter) { w.Header().Set("Content-Encoding", "gzip"); w.WriteHeader(404) }, 0, "", errUneditable},
		{"what is too long", upper, func(w http.ResponseWriter) {
			w.WriteHeader(404)
			for range 5 {
				if n, err := w.Write(make([]byte, 1<<20)); n != 1<<20 || err != nil {
					t.Errorf("the rest is not taken: %d, %v", n, err)
				}
			}
		}, 0, "", errUneditable},
	} {
		t.Run(c.name, func(t *testing.T) {
			client := httptest.NewRecorder()
			e := &editor{ResponseWriter: client, choose: func(int, http.Header) edit { return c.change }}
			c.answer(e)
			if c.change != nil && (client.Flushed || client.Body.Len() > 0) {
				t.Error("the client saw something before the end")
			}
			if err := e.finish(); !errors.Is(err, c.err) {
				t.Fatalf("finish = %v, want %v", err, c.err)
			}
			if c.status == 0 {
				if client.Body.Len() > 0 || !e.held() {
					t.Errorf("the client saw %q", client.Body)
				}
				return
			}
			if client.Code != c.status || client.Body.String() != c.body {
				t.Errorf("the client saw %d %q", client.Code, client.Body)
			}
			if c.change != nil && (client.Header().Get("ETag") != "" || client.Header().Get("Content-Length") == "2" && c.body != "AB") {
				t.Errorf("the head is that of another body: %v", client.Header())
			}
		})
	}
}

func TestEditorAsksOnceForEachFinalHead(t *testing.T) {
	client, asked := httptest.NewRecorder(), 0
	e := &editor{ResponseWriter: client, choose: func(int, http.Header) edit { asked++; return nil }}
	e.WriteHeader(http.StatusEarlyHints)
	if asked != 0 {
		t.Error("it was asked for an informational answer")
	}
	e.WriteHeader(http.StatusOK)
	e.WriteHeader(http.StatusTeapot)
	if asked != 1 {
		t.Errorf("it was asked %d times", asked)
	}
}

func TestValidateStorage(t *testing.T) {
	good := StorageConfig{AccessKey: "A", SecretKey: "S"}
	good.SetDefaults()
	for name, c := range map[string]struct {
		change func(*StorageConfig)
		want   string
	}{
		"good":             {func(*StorageConfig) {}, ""},
		"signed":           {func(s *StorageConfig) { s.Payload = "signed" }, ""},
		"no access key":    {func(s *StorageConfig) { s.AccessKey = "" }, "access_key"},
		"a slash in it":    {func(s *StorageConfig) { s.AccessKey = "a/b" }, "access_key"},
		"no secret key":    {func(s *StorageConfig) { s.SecretKey = "" }, "secret_key"},
		"no region":        {func(s *StorageConfig) { s.Region = "" }, "region"},
		"a bad region":     {func(s *StorageConfig) { s.Region = "a b" }, "region"},
		"no payload mode":  {func(s *StorageConfig) { s.Payload = "" }, "payload"},
		"another such one": {func(s *StorageConfig) { s.Payload = "AUTO" }, "payload"},
	} {
		s, got := good, ""
		c.change(&s)
		s.Validate(func(path, _ string) { got += path })
		if got != c.want {
			t.Errorf("%s: faults at %q, want %q", name, got, c.want)
		}
	}
}
