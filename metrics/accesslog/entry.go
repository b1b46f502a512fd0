// Package accesslog writes the gateway's logs: one line of JSON for each
// request, and the application's own log in the same form. What comes from
// clients is bounded in length and cannot break out of its line; what looks
// like the value of a token is never written.
package accesslog

import (
	"net/netip"
	"time"

	"go.uber.org/zap/zapcore"
)

// Entry is what is known of one request when it is done. There is no place
// for headers, bodies and queries. Empty texts, invalid addresses, and
// numbers of the upstream that are zero, are left out of the line.
//
// Values that come from the client go in as they are; the logger bounds,
// cleans and redacts them.
type Entry struct {
	Time      time.Time // when the request came in; any zone, written in UTC
	RequestID string    // as in the answer's header
	TraceID   string    // of a W3C trace context, checked by the caller

	Listener string
	ClientIP netip.Addr // who asks, trusted proxies aside
	PeerIP   netip.Addr // the other end of the connection
	Proto    string     // such as HTTP/1.1
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

// levelOf returns the level of the line of an answer: error for the gateway's
// and the upstream's faults, warn for what was refused, info for the rest.
func levelOf(status int) zapcore.Level {
	switch {
	case status >= 500:
		return zapcore.ErrorLevel
	case status >= 400:
		return zapcore.WarnLevel
	default:
		return zapcore.InfoLevel
	}
}
