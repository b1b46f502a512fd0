package accesslog

import (
	"io"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// typical is the entry of a download, with nothing that had to be refused.
func typical() *Entry {
	return &Entry{
		Time:      time.Date(2026, 3, 4, 5, 6, 7, 89e6, time.UTC),
		RequestID: "00AA11BB22CC33DD", Listener: "public", ClientIP: netip.MustParseAddr("203.0.113.7"), PeerIP: netip.MustParseAddr("10.0.0.2"), Proto: "HTTP/1.1",
		Method: "GET", Host: "storage-eu.example.com", Path: "/bucket/reports/2026/annual-report.pdf", Status: 200,
		TokenID: "1234567890123456789012", User: "john", Tenant: "tenant256", Form: "bearer", BytesOut: 567890, Duration: 1534567,
		Upstream: "storage", Server: "127.0.0.1:9000", UpstreamDuration: 1212345, UpstreamFirstByte: 912345, Attempts: 1,
		UserAgent: "aws-sdk-go-v2/1.30.3 os/linux lang/go#1.22.5 md/GOOS#linux md/GOARCH#amd64 api/s3#1.58.2",
	}
}

func TestCommonLinesAreWrittenWithoutAllocation(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector takes lines out of the pool")
	}
	refused := typical()
	refused.Status, refused.Reason, refused.Error, refused.Upstream = 401, "expired", "verify token: expired", ""
	another := typical()
	another.UserAgent, another.User, another.TokenID = "curl/8.5.0", "jane", "12345678901234567890"
	for name, entries := range map[string][]*Entry{
		"the same again":  {typical()},
		"refused":         {refused},
		"clients by turn": {typical(), another, refused},
	} {
		t.Run(name, func(t *testing.T) {
			l := New(zapcore.AddSync(io.Discard), zapcore.InfoLevel)
			n := testing.AllocsPerRun(1000, func() {
				for _, e := range entries {
					e.Time = e.Time.Add(400 * time.Millisecond)
					l.Log(e)
				}
			})
			if n != 0 {
				t.Errorf("%v allocations", n)
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func BenchmarkLogTypical(b *testing.B) {
	l := New(zapcore.AddSync(io.Discard), zapcore.InfoLevel)
	e := typical()
	b.ReportAllocs()
	for b.Loop() {
		l.Log(e)
	}
	_ = l.Close()
}

// BenchmarkLogMixed has the requests of many clients one after the other.
func BenchmarkLogMixed(b *testing.B) {
	l := New(zapcore.AddSync(io.Discard), zapcore.InfoLevel)
	entries := make([]*Entry, 64)
	for i := range entries {
		e, n := typical(), strconv.Itoa(10+i)
		e.ClientIP = netip.AddrFrom4([4]byte{203, 0, 113, byte(i)})
		e.TokenID, e.User, e.UserAgent, e.Path = e.TokenID[2:]+n, e.User+n, e.UserAgent+" n/"+n, e.Path+n
		entries[i] = e
	}
	next := 0
	b.ReportAllocs()
	for b.Loop() {
		l.Log(entries[next%len(entries)])
		next++
	}
	_ = l.Close()
}

func BenchmarkEncode(b *testing.B) {
	for name, e := range map[string]*Entry{
		"typical": typical(),
		"hostile": {Path: "/" + hexToken + "/\n", UserAgent: `"` + uuidToken, Host: "http://a:b@c", Error: strings.Repeat("é", 600)},
	} {
		p := newPair()
		b.Run(name+"/own", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p.line.encode(e, zapcore.InfoLevel)
			}
		})
		b.Run(name+"/zap", func(b *testing.B) {
			b.ReportAllocs()
			fields := []zapcore.Field{zap.Inline((*slow)(e))}
			for b.Loop() {
				text, _ := p.zap.EncodeEntry(zapcore.Entry{Time: e.Time, Message: "request"}, fields)
				text.Free()
			}
		})
	}
}
