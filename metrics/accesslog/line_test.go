package accesslog

import (
	"bytes"
	"math"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// slow is an entry as zap's own encoder writes it, each text cleaned before
// it sees it: what a line must be.
type slow Entry

func (e *slow) MarshalLogObject(enc zapcore.ObjectEncoder) error {
	e.addRequest(enc)
	enc.AddInt("status", e.Status)
	add(enc, "reason", name(e.Reason))
	e.addCaller(enc)
	enc.AddInt64("bytes_in", e.BytesIn)
	enc.AddInt64("bytes_out", e.BytesOut)
	enc.AddFloat64("duration_seconds", e.Duration.Seconds())
	e.addUpstream(enc)
	add(enc, "user_agent", clientText(e.UserAgent, maxAgent))
	add(enc, "error", clientText(e.Error, maxError))
	return nil
}

func (e *slow) addRequest(enc zapcore.ObjectEncoder) {
	add(enc, "request_id", name(e.RequestID))
	add(enc, "trace_id", name(e.TraceID))
	add(enc, "listener", name(e.Listener))
	addAddr(enc, "client_ip", e.ClientIP)
	addAddr(enc, "peer_ip", e.PeerIP)
	add(enc, "proto", name(e.Proto))
	add(enc, "method", clientText(e.Method, maxMethod))
	add(enc, "host", clientText(e.Host, maxHost))
	path, _, _ := strings.Cut(e.Path, "?")
	add(enc, "path", clientText(path, maxPath))
	add(enc, "route", name(e.Route))
}

func (e *slow) addCaller(enc zapcore.ObjectEncoder) {
	if e.TokenID != "" {
		enc.AddString("token_id", publicID(e.TokenID))
	}
	add(enc, "user", clientText(e.User, maxName))
	add(enc, "owner", name(e.Owner))
	add(enc, "tenant", name(e.Tenant))
	add(enc, "form", name(e.Form))
}

func (e *slow) addUpstream(enc zapcore.ObjectEncoder) {
	add(enc, "upstream", name(e.Upstream))
	add(enc, "server", clientText(e.Server, maxHost))
	if e.UpstreamDuration != 0 {
		enc.AddFloat64("upstream_seconds", e.UpstreamDuration.Seconds())
	}
	if e.UpstreamFirstByte != 0 {
		enc.AddFloat64("upstream_first_byte_seconds", e.UpstreamFirstByte.Seconds())
	}
	if e.Attempts != 0 {
		enc.AddInt("attempts", e.Attempts)
	}
}

func addAddr(enc zapcore.ObjectEncoder, key string, addr netip.Addr) {
	if addr.IsValid() {
		enc.AddString(key, clientText(addr.String(), maxName))
	}
}

func add(enc zapcore.ObjectEncoder, key, value string) {
	if value != "" {
		enc.AddString(key, value)
	}
}

// pair writes entries both ways. The line is used again and again, as from
// the pool.
type pair struct {
	line *line
	zap  zapcore.Encoder
}

func newPair() pair { return pair{newLine(), zapcore.NewJSONEncoder(encoding())} }

func (p pair) same(t *testing.T, e *Entry) {
	t.Helper()
	want, err := p.zap.EncodeEntry(zapcore.Entry{Level: levelOf(e.Status), Time: e.Time, Message: "request"},
		[]zapcore.Field{zap.Inline((*slow)(e))})
	if err != nil {
		t.Fatal(err)
	}
	defer want.Free()
	if got := p.line.encode(e, levelOf(e.Status)); !bytes.Equal(got, want.Bytes()) {
		t.Errorf("of %+v\ngot  %s\nwant %s", *e, got, want.Bytes())
	}
}

// everywhere returns an entry with a text in all places of text, of addresses
// in their zone.
func everywhere(s string) *Entry {
	addr := netip.MustParseAddr("fe80::1").WithZone(s)
	return &Entry{
		RequestID: s, TraceID: s, Listener: s, ClientIP: addr, PeerIP: addr, Proto: s, Method: s, Host: s, Path: s, Route: s,
		Reason: s, TokenID: s, User: s, Owner: s, Tenant: s, Form: s, Upstream: s, Server: s, UserAgent: s, Error: s,
	}
}

const (
	hexToken    = "0123456789abcdef0123456789abcdef"
	uuidToken   = "0A1B2C3D-4E5F-4A6B-8C7D-9E0F1A2B3C4D"
	bearerToken = "access-v1:AbC+/9=="
	ownToken    = "tgt_0123456789ABCDEFGHIJKLMNOPQ012345"
)

func TestEveryByteInEveryPlaceIsWrittenAsZapWritesIt(t *testing.T) {
	p := newPair()
	for _, length := range []int{1, 2, 7, 8, 9, 15, 16, 17} {
		for at := range length {
			text := bytes.Repeat([]byte{'x'}, length)
			for c := range 256 {
				text[at] = byte(c)
				p.same(t, everywhere(string(text)))
			}
			if t.Failed() {
				t.FailNow()
			}
		}
	}
}

func TestTokensInEveryPlaceAreHiddenAsTheSlowWayHidesThem(t *testing.T) {
	p := newPair()
	for _, secret := range []string{
		hexToken, "%2F" + hexToken, "%" + hexToken, hexToken[1:], hexToken + "0", hexToken + hexToken, strings.ToUpper(hexToken),
		"g" + hexToken, "_" + hexToken + "_", hexToken + "," + hexToken,
		uuidToken, strings.ToLower(uuidToken), uuidToken[1:], uuidToken + "F", "a-b-" + uuidToken,
		ownToken, "x" + ownToken, "_" + ownToken, ownToken[1:], ownToken[:len(ownToken)-1], ownToken + "6", "tgt_", "a_b-" + ownToken,
		bearerToken, "access-v1%3aAbC", "access-v1%3BAbC", "access-v2:AbC", "access-v1:", "x-v1-access-v1:a",
		"http://joe:pw@host", "ftp://joe@host", "http://host/a@2x.png", "joe@example.com", "a?b=c", "a?b", "://@", "-", "--v1", "v1-",
	} {
		for pad := range 40 {
			for _, fill := range []string{"z", "a", "/", "-", "é"} {
				before := strings.Repeat(fill, pad)
				p.same(t, everywhere(before+"/"+secret))
				p.same(t, everywhere(before+secret+before))
				p.same(t, everywhere(secret+" "+before))
			}
		}
		if t.Failed() {
			t.FailNow()
		}
	}
}

func TestTextsAreCutAsTheSlowWayCutsThem(t *testing.T) {
	p := newPair()
	for _, limit := range []int{maxMethod, maxName, maxHost, maxAgent, maxPath, maxPath + beyond} {
		for _, length := range []int{limit - 40, limit - 3, limit - 1, limit, limit + 1, limit + 3, limit + beyond, limit + beyond + 1} {
			for _, end := range []string{"", hexToken, uuidToken, bearerToken, "é", "\xff", `"`, "http://joe:secret"} {
				before := strings.Repeat("z", max(length-len(end), 0))
				p.same(t, everywhere(before+end))
				p.same(t, everywhere(before+"/"+end+"/"+before))
			}
		}
	}
}

func TestSecondsAreWrittenAsZapWritesThem(t *testing.T) {
	durations := []time.Duration{
		0, 1, 9, 10, 999, 1e3, 1e6, 15e5, 1e8, 999999999, 1e9, 1e9 + 1, 19e8, 1234567890, 60e9, 3600e9,
		exactDigits - 1, exactDigits, exactDigits + 1, 1<<53 - 1, 1<<53 + 1, math.MaxInt64, math.MinInt64,
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 50_000 {
		d := time.Duration(random.Uint64() >> (1 + random.IntN(63)))
		durations = append(durations, d, d.Round(time.Microsecond), d.Round(time.Millisecond))
	}
	twice := 0
	for _, d := range durations {
		for _, d := range []time.Duration{d, -d} {
			want := strconv.FormatFloat(d.Seconds(), 'f', -1, 64)
			if got := appendSeconds(nil, d); string(got) != want {
				t.Fatalf("%d ns is %s, want %s", d, got, want)
			}
			if d > 0 && d < exactDigits && d.Seconds() != float64(d)/1e9 {
				twice++
			}
		}
	}
	if twice == 0 {
		t.Error("no duration of which Seconds is not the nearest number: the case is not tested")
	}
}

func TestTimesAreWrittenAsZapWritesThem(t *testing.T) {
	p := newPair()
	zone := time.FixedZone("x", 5*3600+1800)
	for _, at := range []time.Time{
		{}, time.Unix(0, 0), time.Unix(0, 1), time.Unix(0, 999_999_999), time.Unix(-1, 999_000_000), time.Unix(1, 999_999),
		time.Date(2026, 1, 1, 0, 0, 0, 0, zone), time.Date(2026, 1, 1, 0, 0, 0, 5e8, zone), time.Date(2025, 12, 31, 18, 30, 0, 6e8, time.UTC),
		time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 999e6, time.UTC),
		time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(-123456, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(292277026596, 1, 1, 0, 0, 0, 1e6, time.UTC),
		time.Date(2024, 2, 29, 23, 59, 59, 1e6, time.UTC), {}, time.Unix(0, 7e6),
	} {
		for _, shift := range []time.Duration{0, time.Millisecond, 999 * time.Millisecond, time.Second, 0, -time.Second} {
			p.same(t, &Entry{Time: at.Add(shift), Status: 200})
		}
	}
}

func TestFirstLineOfTheFirstSecondOfUnixTimeHasItsTime(t *testing.T) {
	newPair().same(t, &Entry{Time: time.Unix(0, 0)})
}

func TestNumbersAreWrittenAsZapWritesThem(t *testing.T) {
	p := newPair()
	numbers := []int64{1 << 20, math.MaxInt64, -1, -99, -100, -101, math.MinInt64}
	for n := range int64(1100) {
		numbers = append(numbers, n)
	}
	for _, n := range numbers {
		p.same(t, &Entry{Status: int(n)})
		p.same(t, &Entry{BytesIn: n, BytesOut: -n, Attempts: int(n)})
		p.same(t, &Entry{Duration: time.Duration(n), UpstreamDuration: time.Duration(n), UpstreamFirstByte: time.Duration(-n)})
	}
}

// random returns an entry of pieces that mean something to the encoder.
func random(r *rand.Rand) *Entry {
	pieces := []string{
		"", "a", "/", "-", ".", " ", "%", "%2F", "?", "=", "@", ":", "://", "v1", "access", `"`, `\`, "\n", "\x00", "\x7f", "é", "\u2028", "\xff", "…",
		"0123456789abcdef", "ABCDEF01", "plain text", "storage-eu.example.com", strings.Repeat("long ", 30),
		hexToken, uuidToken, bearerToken, ownToken, "_", strings.Repeat("/0a", 400),
	}
	addrs := []netip.Addr{
		{}, netip.AddrFrom4([4]byte{203, 0, 113, 7}), netip.IPv4Unspecified(), netip.IPv6Unspecified(),
		netip.MustParseAddr("::ffff:10.0.0.2"), netip.MustParseAddr("2001:db8::1:0:0:1"), netip.MustParseAddr("ff02::1"),
	}
	text := func() string {
		var b strings.Builder
		for range r.IntN(6) {
			b.WriteString(pieces[r.IntN(len(pieces))])
		}
		return b.String()
	}
	addr := func() netip.Addr {
		return addrs[r.IntN(len(addrs))].WithZone(text())
	}
	duration := func() time.Duration { return time.Duration(r.Int64() >> r.IntN(63)) }
	return &Entry{
		Time:      time.Unix(r.Int64N(3), r.Int64N(1e9)),
		RequestID: text(), TraceID: text(), Listener: text(), ClientIP: addr(), PeerIP: addr(), Proto: text(),
		Method: text(), Host: text(), Path: text(), Route: text(), Status: r.IntN(600), Reason: text(),
		TokenID: text(), User: text(), Owner: text(), Tenant: text(), Form: text(),
		BytesIn: r.Int64(), BytesOut: r.Int64(), Duration: duration(),
		Upstream: text(), Server: text(), UpstreamDuration: duration(), UpstreamFirstByte: duration(), Attempts: r.IntN(3),
		UserAgent: text(), Error: text(),
	}
}

func TestRandomEntriesAreWrittenAsZapWritesThem(t *testing.T) {
	p := newPair()
	r := rand.New(rand.NewPCG(3, 4))
	for range 5_000 {
		if p.same(t, random(r)); t.Failed() {
			t.FailNow()
		}
	}
}

func FuzzLineIsThatOfZap(f *testing.F) {
	f.Add("/a\n{}", "plain", "é", int64(1), int64(1e9), int64(1500), int64(200))
	f.Add(hexToken, uuidToken, bearerToken, int64(-1), int64(0), int64(1234567891), int64(404))
	f.Add("a-b-c", "http://a:b@c/?d=e", strings.Repeat("z", 1025), int64(1<<40), int64(999_999_999), int64(-3), int64(500))
	f.Add("access-v1%3AAbC", "%2f"+hexToken, "\u2028\xff\x7f", int64(0), int64(1), int64(math.MaxInt64), int64(0))
	p := newPair()
	f.Fuzz(func(t *testing.T, first, second, third string, unix, nanos, took, number int64) {
		e := everywhere(first)
		e.Host, e.User, e.Error, e.Owner = second, second, second, second
		e.Path, e.UserAgent, e.TokenID, e.Reason = third+first, third, third, third
		e.Time = time.Unix(unix, nanos%1e9)
		e.Duration, e.UpstreamDuration, e.UpstreamFirstByte = time.Duration(took), time.Duration(took/2), time.Duration(took%1e9)
		e.Status, e.Attempts, e.BytesIn, e.BytesOut = int(number%1000), int(number), number, -number
		p.same(t, e)
		p.same(t, e)
		p.same(t, everywhere(second))
		p.same(t, e)
	})
}
