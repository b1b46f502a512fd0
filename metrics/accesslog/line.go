package accesslog

import (
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap/zapcore"
)

// line is the memory in which lines are put together one after the other. One
// goroutine uses it at a time.
type line struct {
	text   []byte
	second int64  // of Unix time, that stamp is about
	stamp  []byte // empty before the first line
}

const (
	lineRoom     = 2 << 10 // more than common lines need
	secondLayout = "2006-01-02T15:04:05"
	digits       = "0123456789"
)

func newLine() *line {
	return &line{text: make([]byte, 0, lineRoom), stamp: make([]byte, 0, len(secondLayout)+len("-"))}
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
		b = l.appendTime(append(b, `,"ts":"`...), e.Time)
	}
	b = append(b, `,"msg":"request"`...)
	b = appendRequest(b, e)
	b = strconv.AppendInt(append(b, `,"status":`...), int64(e.Status), 10)
	b = appendName(b, `,"reason":"`, e.Reason)
	b = appendCaller(b, e)
	b = strconv.AppendInt(append(b, `,"bytes_in":`...), e.BytesIn, 10)
	b = strconv.AppendInt(append(b, `,"bytes_out":`...), e.BytesOut, 10)
	b = appendSeconds(append(b, `,"duration_seconds":`...), e.Duration)
	b = appendUpstream(b, e)
	b = appendText(b, `,"user_agent":"`, e.UserAgent, maxAgent)
	b = appendText(b, `,"error":"`, e.Error, maxError)
	l.text = append(b, "}\n"...)
	return l.text
}

// appendTime appends what encodeTime writes, and the closing quotation mark.
// Most lines are of the second of the line before.
func (l *line) appendTime(b []byte, t time.Time) []byte {
	if second := t.Unix(); second != l.second || len(l.stamp) == 0 {
		l.second = second
		l.stamp = t.UTC().AppendFormat(l.stamp[:0], secondLayout)
	}
	ms := t.Nanosecond() / 1e6
	b = append(b, l.stamp...)
	return append(b, '.', digits[ms/100], digits[ms/10%10], digits[ms%10], 'Z', '"')
}

func appendRequest(b []byte, e *Entry) []byte {
	b = appendName(b, `,"request_id":"`, e.RequestID)
	b = appendName(b, `,"trace_id":"`, e.TraceID)
	b = appendName(b, `,"listener":"`, e.Listener)
	b = appendName(b, `,"client_ip":"`, e.ClientIP)
	b = appendName(b, `,"peer_ip":"`, e.PeerIP)
	b = appendName(b, `,"proto":"`, e.Proto)
	b = appendText(b, `,"method":"`, e.Method, maxMethod)
	b = appendText(b, `,"host":"`, e.Host, maxHost)
	path, _, _ := strings.Cut(e.Path, "?")
	b = appendText(b, `,"path":"`, path, maxPath)
	return appendName(b, `,"route":"`, e.Route)
}

func appendCaller(b []byte, e *Entry) []byte {
	if e.TokenID != "" {
		b = append(b, `,"token_id":"`...)
		b = append(b, publicID(e.TokenID)...)
		b = append(b, '"')
	}
	b = appendText(b, `,"user":"`, e.User, maxName)
	b = appendName(b, `,"owner":"`, e.Owner)
	b = appendName(b, `,"tenant":"`, e.Tenant)
	return appendName(b, `,"form":"`, e.Form)
}

func appendUpstream(b []byte, e *Entry) []byte {
	b = appendName(b, `,"upstream":"`, e.Upstream)
	b = appendText(b, `,"server":"`, e.Server, maxHost)
	if e.UpstreamDuration != 0 {
		b = appendSeconds(append(b, `,"upstream_seconds":`...), e.UpstreamDuration)
	}
	if e.UpstreamFirstByte != 0 {
		b = appendSeconds(append(b, `,"upstream_first_byte_seconds":`...), e.UpstreamFirstByte)
	}
	if e.Attempts != 0 {
		b = strconv.AppendInt(append(b, `,"attempts":`...), int64(e.Attempts), 10)
	}
	return b
}

// exactDigits is the first number of nanoseconds of which not all decimal
// digits are sure to survive in a float64.
const exactDigits = 1e15

// appendSeconds appends the shortest decimal that gives d.Seconds() when it
// is read. That is the decimal of the nanoseconds itself when it has at most
// 15 digits and d.Seconds() is the float64 next to it: it is not always,
// because it rounds twice.
func appendSeconds(b []byte, d time.Duration) []byte {
	seconds := d.Seconds()
	if d < 0 || d >= exactDigits || seconds != float64(d)/1e9 {
		return strconv.AppendFloat(b, seconds, 'f', -1, 64)
	}
	b = strconv.AppendInt(b, int64(d/time.Second), 10)
	rest := int64(d % time.Second)
	if rest == 0 {
		return b
	}
	point := len(b)
	b = strconv.AppendInt(b, int64(time.Second)+rest, 10) // a one and nine digits
	b[point] = '.'
	for b[len(b)-1] == '0' {
		b = b[:len(b)-1]
	}
	return b
}
