package accesslog

import (
	"net/netip"
	"strings"
	"time"

	"go.uber.org/zap/zapcore"
)

// line is the memory in which lines are put together one after the other. One
// goroutine uses it at a time.
type line struct {
	text   []byte
	second int64  // of Unix time, that stamp is about
	stamp  []byte // its key and its text; empty before the first line

	listener, proto, method, host memo
	tokenID, user, tenant, form   memo
	upstream, server, userAgent   memo
}

const (
	lineRoom     = 2 << 10 // more than common lines need
	secondLayout = "2006-01-02T15:04:05"
	stampStart   = `,"ts":"`
)

func newLine() *line {
	return &line{text: make([]byte, 0, lineRoom), stamp: make([]byte, 0, len(stampStart+secondLayout)+len("-."))}
}

// encode returns the line of an entry, valid until the next call. It gives
// what zap's JSON encoder would with the configuration of encoding, byte for
// byte, without asking for each key what it is and whether it needs escapes.
//
// The order of the fields is that of reading: what was asked, what came of
// it, who asked, how long it took.
func (l *line) encode(e *Entry, level zapcore.Level) []byte {
	b := append(l.text[:0], `{"level":"`...)
	b = append(b, level.String()...)
	b = append(b, '"')
	if !e.Time.IsZero() {
		b = l.appendTime(b, e.Time)
	}
	b = append(b, `,"msg":"request"`...)
	b = l.appendRequest(b, e)
	b = appendInt(append(b, `,"status":`...), int64(e.Status))
	b, _ = appendName(b, `,"reason":"`, e.Reason)
	b = l.appendCaller(b, e)
	b = appendInt(append(b, `,"bytes_in":`...), e.BytesIn)
	b = appendInt(append(b, `,"bytes_out":`...), e.BytesOut)
	b = appendSeconds(append(b, `,"duration_seconds":`...), e.Duration)
	b = l.appendUpstream(b, e)
	b = l.userAgent.clientText(b, `,"user_agent":"`, e.UserAgent, maxAgent)
	b, _ = appendText(b, `,"error":"`, e.Error, maxError)
	l.text = append(b, "}\n"...)
	return l.text
}

// appendTime appends the key and what encodeTime writes. Most lines are of the
// second of the line before.
func (l *line) appendTime(b []byte, t time.Time) []byte {
	if second := t.Unix(); second != l.second || len(l.stamp) == 0 {
		l.second = second
		l.stamp = append(t.UTC().AppendFormat(append(l.stamp[:0], stampStart...), secondLayout), '.')
	}
	ms := t.Nanosecond() / 1e6
	b = append(b, l.stamp...)
	return append(b, pairs[ms/10*2], pairs[ms/10*2+1], byte('0'+ms%10), 'Z', '"')
}

func (l *line) appendRequest(b []byte, e *Entry) []byte {
	b, _ = appendName(b, `,"request_id":"`, e.RequestID)
	b, _ = appendName(b, `,"trace_id":"`, e.TraceID)
	b = l.listener.name(b, `,"listener":"`, e.Listener)
	b = appendAddr(b, `,"client_ip":"`, e.ClientIP)
	b = appendAddr(b, `,"peer_ip":"`, e.PeerIP)
	b = l.proto.name(b, `,"proto":"`, e.Proto)
	b = l.method.clientText(b, `,"method":"`, e.Method, maxMethod)
	b = l.host.clientText(b, `,"host":"`, e.Host, maxHost)
	path := e.Path
	if i := strings.IndexByte(path, '?'); i >= 0 {
		path = path[:i]
	}
	b, _ = appendText(b, `,"path":"`, path, maxPath)
	b, _ = appendName(b, `,"route":"`, e.Route)
	return b
}

// appendAddr appends an address. What its zone is may be up to a client, and
// is written like any other text.
func appendAddr(b []byte, key string, addr netip.Addr) []byte {
	if !addr.IsValid() {
		return b
	}
	if addr.Zone() != "" {
		b, _ = appendText(b, key, addr.String(), maxName)
		return b
	}
	return append(addr.AppendTo(append(b, key...)), '"')
}

func (l *line) appendCaller(b []byte, e *Entry) []byte {
	if e.TokenID != "" {
		b = l.tokenID.name(b, `,"token_id":"`, publicID(e.TokenID))
	}
	b = l.user.clientText(b, `,"user":"`, e.User, maxName)
	b, _ = appendName(b, `,"owner":"`, e.Owner)
	b = l.tenant.name(b, `,"tenant":"`, e.Tenant)
	return l.form.name(b, `,"form":"`, e.Form)
}

func (l *line) appendUpstream(b []byte, e *Entry) []byte {
	b = l.upstream.name(b, `,"upstream":"`, e.Upstream)
	b = l.server.clientText(b, `,"server":"`, e.Server, maxHost)
	if e.UpstreamDuration != 0 {
		b = appendSeconds(append(b, `,"upstream_seconds":`...), e.UpstreamDuration)
	}
	if e.UpstreamFirstByte != 0 {
		b = appendSeconds(append(b, `,"upstream_first_byte_seconds":`...), e.UpstreamFirstByte)
	}
	if e.Attempts != 0 {
		b = appendInt(append(b, `,"attempts":`...), int64(e.Attempts))
	}
	return b
}
