package accesslog_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"tollgate/metrics/accesslog"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// full returns an entry with something in every field.
func full() *accesslog.Entry {
	return &accesslog.Entry{
		Time:      time.Date(2026, 3, 4, 5, 6, 7, 89e6+123456, time.FixedZone("CET", 3600)),
		RequestID: "00AA11BB22CC33DD", TraceID: "4bf92f3577b34da6a3ce929d0e0e4736",
		Listener: "public", ClientIP: netip.MustParseAddr("203.0.113.7"), PeerIP: netip.MustParseAddr("10.0.0.2"), Proto: "HTTP/1.1",
		Method: "PUT", Host: "storage.example.com", Path: "/bucket/reports/2026/annual.pdf", Route: "/.TOKEN/:token",
		Status: 403, Reason: "out_of_scope",
		TokenID: "1234567890123456789012", User: "john", Owner: "jane", Tenant: "tenant256", Form: "bearer",
		BytesIn: 1234, BytesOut: 5678, Duration: 1500 * time.Microsecond,
		Upstream: "storage", Server: "http://127.0.0.1:9000",
		UpstreamDuration: 1200 * time.Microsecond, UpstreamFirstByte: 900 * time.Microsecond, Attempts: 2,
		UserAgent: "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36",
		Error:     "dial tcp 127.0.0.1:9000: connect: connection refused",
	}
}

// line logs one entry and returns what was written.
func line(t testing.TB, e *accesslog.Entry) string {
	t.Helper()
	var out bytes.Buffer
	l := accesslog.New(zapcore.AddSync(&out), zapcore.InfoLevel)
	l.Log(e)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// fields checks that there is exactly one line of JSON and returns it.
func fields(t testing.TB, written string) map[string]any {
	t.Helper()
	if strings.Count(written, "\n") != 1 || !strings.HasSuffix(written, "\n") {
		t.Fatalf("not exactly one line: %q", written)
	}
	if !utf8.ValidString(written) {
		t.Fatalf("no UTF-8: %q", written)
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(written), &got); err != nil {
		t.Fatalf("%v in %q", err, written)
	}
	return got
}

func TestEveryFieldIsWritten(t *testing.T) {
	const want = `{"level":"warn","ts":"2026-03-04T04:06:07.089Z","msg":"request",` +
		`"request_id":"00AA11BB22CC33DD","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736",` +
		`"listener":"public","client_ip":"203.0.113.7","peer_ip":"10.0.0.2","proto":"HTTP/1.1",` +
		`"method":"PUT","host":"storage.example.com","path":"/bucket/reports/2026/annual.pdf","route":"/.TOKEN/:token",` +
		`"status":403,"reason":"out_of_scope","token_id":"1234567890123456789012",` +
		`"user":"john","owner":"jane","tenant":"tenant256","form":"bearer",` +
		`"bytes_in":1234,"bytes_out":5678,"duration_seconds":0.0015,` +
		`"upstream":"storage","server":"http://127.0.0.1:9000","upstream_seconds":0.0012,` +
		`"upstream_first_byte_seconds":0.0009,"attempts":2,` +
		`"user_agent":"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36",` +
		`"error":"dial tcp 127.0.0.1:9000: connect: connection refused"}` + "\n"
	if got := line(t, full()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestEmptyFieldsAreLeftOut(t *testing.T) {
	got := line(t, &accesslog.Entry{Time: time.Unix(0, 0), Status: 200})
	want := `{"level":"info","ts":"1970-01-01T00:00:00.000Z","msg":"request","status":200,"bytes_in":0,"bytes_out":0,"duration_seconds":0}` + "\n"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestEntryHasNoPlaceForHeadersBodiesAndQueries(t *testing.T) {
	allowed := strings.Fields(`Time RequestID TraceID Listener ClientIP PeerIP Proto Method Host Path Route
		Status Reason TokenID User Owner Tenant Form BytesIn BytesOut Duration Upstream Server
		UpstreamDuration UpstreamFirstByte Attempts UserAgent Error`)
	entry := reflect.TypeFor[accesslog.Entry]()
	var got []string
	for i := range entry.NumField() {
		f := entry.Field(i)
		got = append(got, f.Name)
		switch f.Type.Kind() {
		case reflect.String, reflect.Int, reflect.Int64:
		default:
			if f.Type != reflect.TypeFor[time.Time]() && f.Type != reflect.TypeFor[netip.Addr]() {
				t.Errorf("%s is a %s: only single values may be logged", f.Name, f.Type)
			}
		}
		if strings.Contains("Header Body Query Cookie Authorization URL Form values", f.Name) && f.Name != "Form" {
			t.Errorf("%s does not belong here", f.Name)
		}
	}
	if !reflect.DeepEqual(got, allowed) {
		t.Errorf("fields are %v, want %v: a new one must be shown to hold no secret", got, allowed)
	}
}

func TestStatusGivesTheLevel(t *testing.T) {
	for _, c := range []struct {
		status int
		want   string
	}{{0, "info"}, {101, "info"}, {200, "info"}, {304, "info"}, {400, "warn"}, {401, "warn"}, {499, "warn"}, {500, "error"}, {503, "error"}} {
		if got := fields(t, line(t, &accesslog.Entry{Status: c.status}))["level"]; got != c.want {
			t.Errorf("%d is logged as %v, want %s", c.status, got, c.want)
		}
	}
}

func TestLinesBelowTheLevelAreLeftOut(t *testing.T) {
	var out bytes.Buffer
	level := zap.NewAtomicLevelAt(zapcore.WarnLevel)
	l := accesslog.New(zapcore.AddSync(&out), level)
	for _, status := range []int{200, 404, 502} {
		l.Log(&accesslog.Entry{Status: status})
	}
	level.SetLevel(zapcore.InfoLevel)
	l.Log(&accesslog.Entry{Status: 204})
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	got := out.String()
	for status, want := range map[int]bool{200: false, 404: true, 502: true, 204: true} {
		if strings.Contains(got, fmt.Sprintf(`"status":%d`, status)) != want {
			t.Errorf("line of %d written: want %v, in %s", status, want, got)
		}
	}
}

func TestEnabledSaysWhatWouldBeWritten(t *testing.T) {
	for _, level := range []zapcore.Level{zapcore.DebugLevel, zapcore.InfoLevel, zapcore.WarnLevel, zapcore.ErrorLevel, zapcore.FatalLevel} {
		for _, status := range []int{0, 101, 200, 399, 400, 499, 500, 599, 1000} {
			var out bytes.Buffer
			l := accesslog.New(zapcore.AddSync(&out), level)
			enabled := l.Enabled(status)
			l.Log(&accesslog.Entry{Status: status})
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			if written := out.Len() > 0; enabled != written {
				t.Errorf("%d at level %s: enabled %v, written %v", status, level, enabled, written)
			}
		}
	}
}

func TestLoggersWithoutASinkWriteNothing(t *testing.T) {
	for name, l := range map[string]*accesslog.Logger{"Nop": accesslog.Nop(), "zero value": {}} {
		t.Run(name, func(t *testing.T) {
			for _, status := range []int{0, 200, 403, 503} {
				if l.Enabled(status) {
					t.Errorf("enabled for %d", status)
				}
				l.Log(&accesslog.Entry{Status: status, Path: "/a"})
			}
			if lost, err := l.Lost(); lost != 0 || err != nil {
				t.Errorf("%d lines lost, %v", lost, err)
			}
			if err := errors.Join(l.Sync(), l.Close(), l.Close()); err != nil {
				t.Error(err)
			}
			if n := testing.AllocsPerRun(100, func() { l.Log(&accesslog.Entry{Status: 200}) }); n != 0 {
				t.Errorf("%v allocations", n)
			}
		})
	}
}

func TestTextOfClientsIsBoundedAndCleaned(t *testing.T) {
	long := strings.Repeat("x", 5000)
	for name, c := range map[string]struct {
		entry accesslog.Entry
		key   string
		want  string
	}{
		"long path":             {accesslog.Entry{Path: "/" + long}, "path", "/" + long[:1020] + "…"},
		"path of just the size": {accesslog.Entry{Path: long[:1024]}, "path", long[:1024]},
		"path one too long":     {accesslog.Entry{Path: long[:1025]}, "path", long[:1021] + "…"},
		"long agent":            {accesslog.Entry{UserAgent: long}, "user_agent", long[:253] + "…"},
		"long host":             {accesslog.Entry{Host: long}, "host", long[:252] + "…"},
		"long method":           {accesslog.Entry{Method: long}, "method", long[:29] + "…"},
		"long user":             {accesslog.Entry{User: long}, "user", long[:125] + "…"},
		"long error":            {accesslog.Entry{Error: long}, "error", long[:1021] + "…"},
		"long reason":           {accesslog.Entry{Reason: long}, "reason", long[:125] + "…"},
		"cut inside a character": {
			accesslog.Entry{UserAgent: strings.Repeat("ä", 200)}, "user_agent", strings.Repeat("ä", 126) + "…"},
		"query":                {accesslog.Entry{Path: "/a/b?_token=secret"}, "path", "/a/b"},
		"nothing but a query":  {accesslog.Entry{Path: "?_token=secret"}, "path", "<nil>"},
		"line feed":            {accesslog.Entry{Path: "/a\r\n{\"level\":\"info\"}"}, "path", "/a\r\n{\"level\":\"info\"}"},
		"quotes":               {accesslog.Entry{UserAgent: `a","status":200,"x":"`}, "user_agent", `a","status":200,"x":"`},
		"terminal escape":      {accesslog.Entry{UserAgent: "\x1b[2Jx"}, "user_agent", "\x1b[2Jx"},
		"eight-bit escape":     {accesslog.Entry{UserAgent: "a\u009b2Jx"}, "user_agent", "a\ufffd2Jx"},
		"line separators":      {accesslog.Entry{Path: "/a\u2028b\u2029c\u0085d"}, "path", "/a\ufffdb\ufffdc\ufffdd"},
		"turned direction":     {accesslog.Entry{Path: "/a\u202egpj.exe"}, "path", "/a\ufffdgpj.exe"},
		"DEL":                  {accesslog.Entry{Path: "/a\x7f"}, "path", "/a\ufffd"},
		"no UTF-8":             {accesslog.Entry{Path: "/a\xff\xfeb"}, "path", "/a\ufffd\ufffdb"},
		"plain letters":        {accesslog.Entry{Path: "/größe/图片"}, "path", "/größe/图片"},
		"public id":            {accesslog.Entry{TokenID: "12345678901234567890"}, "token_id", "12345678901234567890"},
		"public id, longest":   {accesslog.Entry{TokenID: "123456789012345678901234"}, "token_id", "123456789012345678901234"},
		"id that is too short": {accesslog.Entry{TokenID: "1234567890123456789"}, "token_id", "***"},
		"id that is too long":  {accesslog.Entry{TokenID: "1234567890123456789012345"}, "token_id", "***"},
		"id with a letter":     {accesslog.Entry{TokenID: "123456789012345678901a"}, "token_id", "***"},
		"value in place of id": {accesslog.Entry{TokenID: "0123456789abcdef0123456789abcdef"}, "token_id", "***"},
	} {
		t.Run(name, func(t *testing.T) {
			raw := line(t, &c.entry)
			if got := fmt.Sprint(fields(t, raw)[c.key]); got != c.want {
				t.Errorf("%s is %q, want %q", c.key, got, c.want)
			}
			if strings.ContainsAny(raw, "\r\x1b\x7f") {
				t.Errorf("control characters in %q", raw)
			}
		})
	}
}

func TestTokensAreHiddenWhereverClientsPutThem(t *testing.T) {
	const value = "0123456789abcdef0123456789abcdef"
	e := full()
	e.Method, e.Host, e.Path = value, value+".example.com", "/files/"+value+"/x"
	e.User, e.UserAgent, e.Error, e.TokenID = value, "curl "+value, "no token "+value, value
	e.Server = "http://root:" + value + "@10.0.0.1"
	got := line(t, e)
	if strings.Contains(got, value[:8]) {
		t.Errorf("token in %s", got)
	}
	if n := strings.Count(got, "***"); n != 8 {
		t.Errorf("%d places hidden, want 8: %s", n, got)
	}
	if !strings.Contains(got, `"path":"/files/***/x"`) {
		t.Errorf("too much hidden: %s", got)
	}
}

func TestNoPartOfATokenIsLeftWhereTextIsCut(t *testing.T) {
	const value = "fedcba9876543210fedcba9876543210"
	for _, before := range []string{"", "0123456789abcdef0123456789abcdef/", strings.Repeat("0123456789abcdef0123456789abcdef/", 20)} {
		for pad := range 1200 {
			path := "/" + before + strings.Repeat("z", pad) + "/" + value + "/" + strings.Repeat("/y", 500)
			if got := line(t, &accesslog.Entry{Path: path}); strings.Contains(got, value[:6]) {
				t.Fatalf("with %d bytes before it: %s", len(before)+pad, got)
			}
		}
	}
}

func TestUserinfoThatIsCutOffIsHidden(t *testing.T) {
	path := "/" + strings.Repeat("z", 1000) + "http://joe:" + strings.Repeat("secret", 50) + "@host/"
	if got := line(t, &accesslog.Entry{Path: path}); strings.Contains(got, "secret") {
		t.Errorf("password in %s", got)
	}
}

func TestLogFromManyGoroutinesKeepsEveryLineWhole(t *testing.T) {
	var out bytes.Buffer
	l := accesslog.New(zapcore.AddSync(&out), zapcore.InfoLevel)
	const workers, each = 8, 2000
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			e := full()
			for i := range each {
				e.RequestID = fmt.Sprintf("%08d%08d", w, i)
				l.Log(e)
			}
		})
	}
	wg.Wait()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for text := range strings.Lines(out.String()) {
		id, _ := fields(t, text)["request_id"].(string)
		if seen[id] {
			t.Errorf("%s is there twice", id)
		}
		seen[id] = true
	}
	if len(seen) != workers*each {
		t.Errorf("%d lines, want %d", len(seen), workers*each)
	}
	if lost, err := l.Lost(); lost != 0 || err != nil {
		t.Errorf("%d lines lost, %v", lost, err)
	}
}

func TestLinesAfterCloseAreStillWritten(t *testing.T) {
	var out bytes.Buffer
	l := accesslog.New(zapcore.AddSync(&out), zapcore.InfoLevel)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l.Log(full())
	fields(t, out.String())
	if err := l.Sync(); err != nil {
		t.Error(err)
	}
}

func FuzzLine(f *testing.F) {
	f.Add("GET", "/a\n{}", "h\x00", "ua\u2028\xff", "e\"\\", "u")
	f.Add("", "?", "…", "\\u000a", "http://a:b@c/?d=e", "\x7f")
	f.Add("M", strings.Repeat("/0123456789abcdef0123456789abcdef", 50), strings.Repeat("é", 300), strings.Repeat("\xc3", 400), "", "")
	f.Fuzz(func(t *testing.T, method, path, host, agent, fault, other string) {
		e := &accesslog.Entry{
			Method: method, Path: path, Host: host, UserAgent: agent, Error: fault,
			RequestID: other, TraceID: other, Listener: other, ClientIP: netip.IPv6Unspecified().WithZone(other), Proto: other,
			Route: other, Reason: other, TokenID: other, User: other, Owner: other, Tenant: other, Form: other,
			Upstream: other, Server: other, Status: 200,
		}
		written := line(t, e)
		got := fields(t, written)
		for key, limit := range map[string]int{"method": 32, "path": 1024, "host": 255, "user_agent": 256, "error": 1024, "user": 128} {
			// A byte that is no UTF-8 becomes three.
			if s, _ := got[key].(string); len(s) > limit*3 {
				t.Errorf("%s has %d bytes", key, len(s))
			}
		}
		if len(written) > 64<<10 {
			t.Errorf("line of %d bytes", len(written))
		}
		if s, _ := got["path"].(string); strings.Contains(s, "?") {
			t.Errorf("query in %q", s)
		}
	})
}

func BenchmarkLog(b *testing.B) {
	l := accesslog.New(zapcore.AddSync(io.Discard), zapcore.InfoLevel)
	e := full()
	b.ReportAllocs()
	for b.Loop() {
		l.Log(e)
	}
	_ = l.Close()
}

func BenchmarkLogParallel(b *testing.B) {
	l := accesslog.New(zapcore.AddSync(io.Discard), zapcore.InfoLevel)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		e := full()
		for pb.Next() {
			l.Log(e)
		}
	})
	_ = l.Close()
}

func BenchmarkLogBelowLevel(b *testing.B) {
	l := accesslog.New(zapcore.AddSync(io.Discard), zapcore.ErrorLevel)
	e := full()
	b.ReportAllocs()
	for b.Loop() {
		l.Log(e)
	}
	_ = l.Close()
}
