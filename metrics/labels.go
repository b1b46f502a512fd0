package metrics

import (
	"net/http"
	"strconv"
	"strings"
)

// other stands for everything that is on no list.
const other = "other"

// The longest label values: those from lists of the program, and those from
// the configuration.
const (
	maxWord = 64
	maxText = 256
)

// methodNames returns the methods that are counted by their names, the common
// ones first: those of HTTP (RFC 9110, RFC 5789), of WebDAV (RFC 4918, RFC
// 3253, RFC 5323, RFC 5842) and of common caches. Anything else is "other": a
// method is what a client likes to send.
func methodNames() []string {
	return []string{
		http.MethodGet, http.MethodPut, http.MethodHead, http.MethodPost, http.MethodDelete, http.MethodOptions,
		http.MethodPatch, http.MethodConnect, http.MethodTrace, "QUERY",
		"PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK",
		"REPORT", "SEARCH", "ACL", "BIND", "UNBIND", "REBIND", "PURGE",
	}
}

// statusClientLeft is what is counted when the client left before there
// was an answer. It is no registered code; nginx made it common.
const statusClientLeft = 499

// code is a status as it is counted: the status itself if it is a registered
// one, otherwise its class as a negative number. An upstream may answer with
// any code it likes, a registered one is one of few.
type code int

func codeOf(status int) code {
	if http.StatusText(status) != "" || status == statusClientLeft {
		return code(status)
	}
	return -code(classOf(status))
}

// String returns the label: 200, 2xx or other.
func (c code) String() string {
	if c > 0 {
		return strconv.Itoa(int(c))
	}
	return class(-c).String()
}

// class is the first digit of a status code, zero what has none.
type class int

func classOf(status int) class {
	if status < 100 || status > 599 {
		return 0
	}
	return class(status / 100)
}

// String returns the label, such as 2xx.
func (c class) String() string {
	if c < 1 || c > 5 {
		return other
	}
	return strconv.Itoa(int(c)) + "xx"
}

// word reports whether s can be a member of one of the program's own lists:
// letters, digits and _ - . and not too long. An empty one is not.
func word(s string) bool {
	if s == "" || len(s) > maxWord {
		return false
	}
	for i := range len(s) {
		c := s[i]
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		digit := c >= '0' && c <= '9'
		if !letter && !digit && !strings.ContainsRune("_-.", rune(c)) {
			return false
		}
	}
	return true
}

// text makes a name from the configuration fit for a label: valid UTF-8, as
// Prometheus demands, and not too long.
func text(s string) string {
	if len(s) > maxText {
		s = s[:maxText]
	}
	return strings.ToValidUTF8(s, "")
}
