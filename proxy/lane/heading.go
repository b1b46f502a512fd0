package lane

import (
	"net/http"
	"net/textproto"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// values is a copy of a field's. Nearly all have one.
type values struct {
	set    bool
	single bool
	one    [1]string // if single
	more   []string  // otherwise
}

func copyValues(all []string) values {
	if len(all) == 1 {
		return values{set: true, single: true, one: [1]string{all[0]}}
	}
	return values{set: true, more: slices.Clone(all)}
}

func (v *values) all() []string {
	if v.single {
		return v.one[:]
	}
	return v.more
}

// first is the first value, or nothing.
func (v *values) first() string {
	if all := v.all(); len(all) > 0 {
		return all[0]
	}
	return ""
}

// special are the fields of an answer about which net/http does something of
// its own, as they were when the handler fixed the status.
type special struct {
	contentType, transfer, connection values
	hasLength, hasDate                bool
	encoded                           bool // Content-Encoding is not empty
	upgrades                          bool // Upgrade is not empty
	trailers                          bool // some are declared, or set already
}

// startHead puts what is certain of the head on the wire.
func (w *response) startHead() {
	w.acquire()
	wire := appendStatus(w.wire, w.status)
	for name, all := range w.header {
		if w.isPlain(name, all) {
			wire = appendField(wire, name, all)
		}
	}
	w.wire = wire
}

// isPlain notes a field, and reports whether its line belongs to the head
// whatever comes.
func (w *response) isPlain(name string, all []string) bool {
	s := &w.special
	switch name {
	case "Content-Length":
		s.hasLength = true
		w.declare(all)
		return false
	case "Content-Type":
		s.contentType = copyValues(all)
		return false
	case "Transfer-Encoding":
		s.transfer = copyValues(all)
		return false
	case "Connection":
		s.connection = copyValues(all)
		return false
	case "Date":
		s.hasDate = true
	case "Content-Encoding":
		s.encoded = hasFirst(all)
	case "Upgrade":
		s.upgrades = hasFirst(all)
	case "Trailer":
		w.declareTrailers(all)
	default:
		s.trailers = s.trailers || isTrailer(name)
		return !isTrailer(name)
	}
	return true
}

// hasFirst reports whether the first value says something.
func hasFirst(all []string) bool { return len(all) > 0 && all[0] != "" }

func isTrailer(name string) bool { return strings.HasPrefix(name, http.TrailerPrefix) }

// declare takes the length that the handler promises.
func (w *response) declare(all []string) {
	if len(all) == 0 || all[0] == "" {
		return
	}
	n, err := strconv.ParseInt(all[0], 10, 64)
	if err != nil || n < 0 {
		w.x.conn.lane.logf("http: invalid Content-Length of %q", all[0])
		delete(w.header, "Content-Length")
		return
	}
	w.length = n
}

func (w *response) declareTrailers(lists []string) {
	w.special.trailers = w.special.trailers || len(lists) > 0
	for _, list := range lists {
		for name := range strings.SplitSeq(list, ",") {
			name = http.CanonicalHeaderKey(textproto.TrimString(name))
			if name != "" && httpguts.ValidTrailerHeader(name) { // RFC 9110, 6.5.1
				w.trailer = append(w.trailer, name)
			}
		}
	}
}

// layHead completes the head. body is what there is of the body: the whole, if
// the handler has returned. It does what net/http's chunkWriter.writeHeader
// does.
func (w *response) layHead(body []byte) {
	w.laid = true
	s := &w.special
	allowed := bodyAllowed(w.status)
	transfer := s.transfer.first()
	lane := w.x.conn.lane
	draining := lane.closing.Load() || w.x.conn.phase.Load() != serving

	if w.done && !s.trailers && transfer == "" && allowed && !s.hasLength && (!w.isHead || len(body) > 0) {
		w.length = int64(len(body))
	}
	if draining || s.connection.first() == "close" {
		w.closes = true
	}
	tooBig := w.settleBody()
	w.layType(body, allowed)
	if !s.hasDate {
		w.wire = append(w.wire, "Date: "...)
		w.dateAt = len(w.wire)
		w.wire = append(w.wire, http.TimeFormat+"\r\n"...)
	}
	w.layFraming(transfer, allowed)
	w.layConnection(draining, tooBig)
	w.wire = append(w.wire, '\r', '\n')
}

// settleBody deals with what the handler has left of the request's body, which
// many clients send to its end before they read an answer. It reports whether
// that is too much.
func (w *response) settleBody() (tooBig bool) {
	if w.x.body == nil || w.closes || w.duplex {
		return false
	}
	switch w.x.body.settle() {
	case fateKeep:
		return false
	case fateLinger:
		w.closes, w.lingers = true, true
		return true
	default:
		w.closes = true
		return false
	}
}

// layType writes the Content-Type, which is guessed where the handler said
// nothing.
func (w *response) layType(body []byte, allowed bool) {
	s := &w.special
	switch {
	case s.contentType.set && w.status != http.StatusNotModified:
		w.wire = appendField(w.wire, "Content-Type", s.contentType.all())
	case s.contentType.set, !allowed, s.encoded, s.transfer.first() != "", len(body) == 0:
	default:
		w.wire = appendLine(w.wire, "Content-Type", http.DetectContentType(body))
	}
}

// layFraming says where the body ends.
func (w *response) layFraming(transfer string, allowed bool) {
	hasLength := w.length >= 0
	if hasLength && transfer != "" && transfer != "identity" {
		w.x.conn.lane.logf("http: WriteHeader called with both Transfer-Encoding of %q and a Content-Length of %d", transfer, w.length)
		hasLength = false
	}
	switch {
	case !allowed:
		return
	case w.isHead, hasLength:
	case transfer == "identity":
		w.closes = true
	default:
		w.chunked = true
		if transfer != "" && transfer != "chunked" {
			w.wire = appendField(w.wire, "Transfer-Encoding", w.special.transfer.all())
		}
		w.wire = appendLine(w.wire, "Transfer-Encoding", "chunked")
	}
	if hasLength && !w.chunked {
		w.wire = append(w.wire, "Content-Length: "...)
		w.wire = strconv.AppendInt(w.wire, w.length, 10)
		w.wire = append(w.wire, '\r', '\n')
	}
}

// layConnection says whether the connection goes on.
func (w *response) layConnection(draining, tooBig bool) {
	s := &w.special
	if !s.connection.set && !w.closes {
		return
	}
	switching := w.status == http.StatusSwitchingProtocols && s.upgrades &&
		httpguts.HeaderValuesContainsToken(s.connection.all(), "Upgrade")
	said := s.connection.all()
	saysClose := httpguts.HeaderValuesContainsToken(said[:min(1, len(said))], "close")
	switch {
	case tooBig, w.closes && (draining || !saysClose) && !switching:
		w.wire = appendLine(w.wire, "Connection", "close")
	default:
		w.wire = appendField(w.wire, "Connection", s.connection.all())
	}
}

// inform sends an informational answer.
func (w *response) inform(status int) {
	w.acquire()
	w.wire = appendStatus(w.wire, status)
	for name, all := range w.header {
		if name != "Content-Length" && name != "Transfer-Encoding" {
			w.wire = appendField(w.wire, name, all)
		}
	}
	w.wire = append(w.wire, '\r', '\n')
	w.flush()
}

func appendStatus(wire []byte, status int) []byte {
	if status == http.StatusOK {
		return append(wire, "HTTP/1.1 200 OK\r\n"...)
	}
	wire = append(wire, "HTTP/1.1 "...)
	wire = strconv.AppendInt(wire, int64(status), 10)
	wire = append(wire, ' ')
	if text := http.StatusText(status); text != "" {
		wire = append(wire, text...)
	} else {
		wire = strconv.AppendInt(append(wire, "status code "...), int64(status), 10)
	}
	return append(wire, '\r', '\n')
}

// appendField writes a line for each value. A name that is none is left out,
// and line ends in a value become spaces: nothing of it can be taken for
// another line.
func appendField(wire []byte, name string, all []string) []byte {
	if !isName(name) {
		return wire
	}
	for _, value := range all {
		if value != "" && (value[0] <= ' ' || value[len(value)-1] <= ' ') {
			value = textproto.TrimString(value)
		}
		wire = appendLine(wire, name, value)
		if strings.IndexByte(value, '\n') >= 0 || strings.IndexByte(value, '\r') >= 0 {
			spaceLineEnds(wire[len(wire)-len(value)-2 : len(wire)-2])
		}
	}
	return wire
}

// isName reports whether it is the name of a field (RFC 9110, 5.1).
func isName(name string) bool {
	all := uint8(inToken)
	for i := range len(name) {
		all &= byteClasses[name[i]]
	}
	return all != 0 && name != ""
}

func spaceLineEnds(value []byte) {
	for i, c := range value {
		if c == '\r' || c == '\n' {
			value[i] = ' '
		}
	}
}

func appendLine(wire []byte, name, value string) []byte {
	wire = append(wire, name...)
	wire = append(wire, ':', ' ')
	wire = append(wire, value...)
	return append(wire, '\r', '\n')
}
