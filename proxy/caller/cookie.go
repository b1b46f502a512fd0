package caller

import (
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"
)

// CookieConfig says how the cookie looks that carries a token. DefaultCookie
// gives its defaults.
type CookieConfig struct {
	Name     string `yaml:"name"`
	HTTPOnly bool   `yaml:"http_only"` // out of reach of scripts
	Secure   string `yaml:"secure"`    // auto (on when the request came by TLS), always, never
	SameSite string `yaml:"same_site"` // lax, strict, none or empty (attribute left out)
}

// The values of CookieConfig.Secure.
const (
	SecureAuto   = "auto"
	SecureAlways = "always"
	SecureNever  = "never"
)

// DefaultCookie returns the cookie that is set when nothing is configured.
func DefaultCookie() CookieConfig {
	return CookieConfig{Name: "token", HTTPOnly: true, Secure: SecureAuto, SameSite: "lax"}
}

// Validate reports every fault of c.
func (c CookieConfig) Validate(report func(path, message string)) {
	if !isToken(c.Name) {
		report("name", fmt.Sprintf("%q is no name of a cookie, accepted are letters, digits and !#$%%&'*+-.^_`|~", c.Name))
	}
	switch c.Secure {
	case SecureAuto, SecureAlways, SecureNever:
	default:
		report("secure", fmt.Sprintf("read %q, accepted are auto, always and never", c.Secure))
	}
	if _, ok := sameSites[c.SameSite]; !ok {
		report("same_site", fmt.Sprintf("read %q, accepted are lax, strict, none and the empty string", c.SameSite))
	}
	if c.SameSite == "none" && c.Secure == SecureNever {
		report("same_site", "none is refused by browsers without secure")
	}
	if strings.HasPrefix(c.Name, "__") && c.Secure != SecureAlways {
		report("name", fmt.Sprintf("browsers take %q only with secure: always", c.Name))
	}
}

var sameSites = map[string]string{"": "", "lax": "; SameSite=Lax", "strict": "; SameSite=Strict", "none": "; SameSite=None"}

// isToken reports whether s is a token of RFC 9110 section 5.6.2.
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && (c < '0' || c > '9') && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)) {
			return false
		}
	}
	return s != ""
}

// attributes that both setting and clearing carry. path comes first, as the
// content gateway prints it, and the age last.
func (c CookieConfig) attributes(age string, https bool) string {
	s := "; path=/"
	if c.HTTPOnly {
		s += "; HttpOnly"
	}
	if c.Secure == SecureAlways || c.Secure == SecureAuto && https {
		s += "; Secure"
	}
	return s + sameSites[c.SameSite] + age
}

// Set returns the Set-Cookie value that hands a token over. The age counts in
// whole seconds, at least one; zero leaves the lifetime to the browser's
// session.
func (c CookieConfig) Set(value string, age time.Duration, https bool) string {
	maxAge := ""
	if age > 0 {
		maxAge = "; Max-Age=" + strconv.FormatInt(max(1, int64(age/time.Second)), 10)
	}
	return c.Name + "=" + value + c.attributes(maxAge, https)
}

// Clear returns the Set-Cookie value that takes the token away.
func (c CookieConfig) Clear(https bool) string {
	return c.Name + "=" + c.attributes("; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0", https)
}

// Names reports whether a Set-Cookie value sets our cookie. RFC 6265 section
// 5.2 trims the name.
func (c CookieConfig) Names(setCookie string) bool {
	pair, _, _ := strings.Cut(setCookie, ";")
	name, value, _ := strings.Cut(pair, "=")
	if name = strings.Trim(name, " \t"); name == "" { // which is sent back without the first =
		name, _, _ = strings.Cut(strings.Trim(value, " \t"), "=")
		name = strings.Trim(name, " \t")
	}
	return name == c.Name
}

// pairs yields each cookie pair of the headers as it stands there, with its
// name. HTTP/2 may send one header per pair.
func pairs(header string) iter.Seq2[string, string] {
	return func(yield func(name, pair string) bool) {
		for pair := range strings.SplitSeq(header, ";") {
			name, _, _ := strings.Cut(pair, "=")
			if !yield(strings.Trim(name, " \t"), pair) {
				return
			}
		}
	}
}

// cookieValues yields the values of the cookie with that name. Surrounding
// quotes are not part of a value, as net/http has it.
func cookieValues(headers []string, name string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, header := range headers {
			for n, pair := range pairs(header) {
				if n != name {
					continue
				}
				_, value, _ := strings.Cut(pair, "=")
				value = strings.Trim(value, " \t")
				if len(value) > 1 && value[0] == '"' && value[len(value)-1] == '"' {
					value = value[1 : len(value)-1]
				}
				if !yield(value) {
					return
				}
			}
		}
	}
}

// StripCookie returns a Cookie header without the pairs of that name; the
// other pairs stay byte for byte. Empty means that nothing is left.
func StripCookie(header, name string) string {
	if !strings.Contains(header, name) {
		return header
	}
	var kept strings.Builder
	first, dropped := true, false
	for n, pair := range pairs(header) {
		if n == name {
			dropped = true
			continue
		}
		switch {
		case !first:
			kept.WriteByte(';')
		case dropped: // the blank stood behind a pair that is gone
			pair = strings.TrimLeft(pair, " \t")
		}
		kept.WriteString(pair)
		first = false
	}
	return kept.String()
}
