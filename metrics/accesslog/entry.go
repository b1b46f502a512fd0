// Package accesslog writes the gateway's logs: one line of JSON for each
// request, and the application's own log in the same form. What comes from
// clients is bounded in length and cannot break out of its line; what looks
// like the value of a token is never written.
package accesslog

import (
	"strings"
	"time"

	"go.uber.org/zap/zapcore"
)

// Entry is what is known of one request when it is done. There is no place
// for headers, bodies and queries. Empty texts, and numbers of the upstream
// that are zero, are left out of the line.
//
// Values that come from the client go in as they are; the logger bounds,
// cleans and redacts them.
type Entry struct {
	Time      time.Time // when the request came in; any zone, written in UTC
	RequestID string    // as in the answer's header
	TraceID   string    // of a W3C trace context, checked by the caller

	Listener string
	ClientIP string // who asks, trusted proxies aside
	PeerIP   string // the other end of the connection
	Proto    string // such as HTTP/1.1
	Method   string
	Host     string
	Path     string // the path alone; from a question mark on it is cut off
	Route    string // a template, for management paths in the place of Path

	Status int
	Reason string // why it was refused, from the closed list

	TokenID string // the public id; anything else is written as ***
	User    string
	Owner   string
	Tenant  string
	Form    string // of the credential

	BytesIn  int64 // of the request's body
	BytesOut int64 // of the answer's body
	Duration time.Duration

	Upstream          string
	Server            string
	UpstreamDuration  time.Duration // until the end of the upstream's answer
	UpstreamFirstByte time.Duration // until its header
	Attempts          int           // how often a server of the upstream was asked

	UserAgent string
	Error     string // for the operator
}

// level returns the level of the entry's line: error for the gateway's and
// the upstream's faults, warn for what was refused, info for the rest.
func (e *Entry) level() zapcore.Level {
	switch {
	case e.Status >= 500:
		return zapcore.ErrorLevel
	case e.Status >= 400:
		return zapcore.WarnLevel
	default:
		return zapcore.InfoLevel
	}
}

// MarshalLogObject implements zapcore.ObjectMarshaler. The order of the
// fields is that of reading: what was asked, what came of it, who asked, how
// long it took.
func (e *Entry) MarshalLogObject(enc zapcore.ObjectEncoder) error {
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

func (e *Entry) addRequest(enc zapcore.ObjectEncoder) {
	add(enc, "request_id", name(e.RequestID))
	add(enc, "trace_id", name(e.TraceID))
	add(enc, "listener", name(e.Listener))
	add(enc, "client_ip", name(e.ClientIP))
	add(enc, "peer_ip", name(e.PeerIP))
	add(enc, "proto", name(e.Proto))
	add(enc, "method", clientText(e.Method, maxMethod))
	add(enc, "host", clientText(e.Host, maxHost))
	path, _, _ := strings.Cut(e.Path, "?")
	add(enc, "path", clientText(path, maxPath))
	add(enc, "route", name(e.Route))
}

func (e *Entry) addCaller(enc zapcore.ObjectEncoder) {
	if e.TokenID != "" {
		enc.AddString("token_id", publicID(e.TokenID))
	}
	add(enc, "user", clientText(e.User, maxName))
	add(enc, "owner", name(e.Owner))
	add(enc, "tenant", name(e.Tenant))
	add(enc, "form", name(e.Form))
}

func (e *Entry) addUpstream(enc zapcore.ObjectEncoder) {
	add(enc, "upstream", name(e.Upstream))
	add(enc, "server", clientText(e.Server, maxHost))
	addSeconds(enc, "upstream_seconds", e.UpstreamDuration)
	addSeconds(enc, "upstream_first_byte_seconds", e.UpstreamFirstByte)
	if e.Attempts != 0 {
		enc.AddInt("attempts", e.Attempts)
	}
}

func add(enc zapcore.ObjectEncoder, key, value string) {
	if value != "" {
		enc.AddString(key, value)
	}
}

func addSeconds(enc zapcore.ObjectEncoder, key string, d time.Duration) {
	if d != 0 {
		enc.AddFloat64(key, d.Seconds())
	}
}
