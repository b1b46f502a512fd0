package contentgateway

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"tollgate/tokens"
)

// The headers of a create request.
const (
	headerOwner   = "X-Owner-Meta"
	headerExpires = "X-User-Token-Expires-Meta"
	headerSecret  = "X-User-Secret-Key-Meta"
	headerGrants  = "X-User-Token-Grants-Meta"
	headerCustom  = "X-Custom-Meta-"
	headerToken   = "Gateway-Token"
	headerTokenID = "Gateway-Token-Id" // #nosec G101 -- the name of a header
)

// The bounds of metadata, as Swarm has them.
const (
	maxMetaHeader = 16 << 10
	maxMetaTotal  = 32 << 10
)

// timeForm is how times are printed.
const timeForm = "2006-01-02T15:04:05.000Z"

// creation is what a create request's headers ask for.
type creation struct {
	owner    string // empty = oneself
	lifetime tokens.Lifetime
	secret   *tokens.Secret
	meta     []tokens.Meta
	allowed  tokens.Allowances // empty = as much as the owner has
}

// creationOf reads the headers of a create request. Errors are
// *tokens.InvalidError.
func creationOf(h http.Header, now time.Time) (creation, error) {
	if err := checkMetaSize(h); err != nil {
		return creation{}, err
	}
	for _, name := range []string{headerOwner, headerExpires, headerSecret, headerGrants} {
		if n := len(h[name]); n > 1 {
			return creation{}, tokens.Invalid("%s was given %d times, accepted is once", name, n)
		}
	}
	until, err := ParseExpiry(h.Get(headerExpires), now)
	if err != nil {
		return creation{}, err
	}
	c := creation{owner: strings.TrimSpace(h.Get(headerOwner)), lifetime: tokens.Lifetime{Until: until}}
	if values, given := h[headerSecret]; given {
		secret := tokens.Secret(values[0])
		c.secret = &secret
	}
	if values, given := h[headerGrants]; given {
		if c.allowed, err = grantsOf(values[0]); err != nil {
			return creation{}, err
		}
	}
	c.meta, err = metaOf(h)
	return c, err
}

func checkMetaSize(h http.Header) error {
	total := 0
	for name, values := range h {
		if !isMeta(name) {
			continue
		}
		size := 0
		for _, v := range values {
			size += len(v)
		}
		if size > maxMetaHeader {
			return tokens.Invalid("%s has %d bytes, accepted are %d", name, size, maxMetaHeader)
		}
		total += size
	}
	if total > maxMetaTotal {
		return tokens.Invalid("the metadata headers have %d bytes together, accepted are %d", total, maxMetaTotal)
	}
	return nil
}

func isMeta(name string) bool {
	return strings.HasPrefix(name, headerCustom) || name == headerOwner || name == headerExpires || name == headerSecret || name == headerGrants
}

// metaOf returns the custom metadata, sorted by name.
func metaOf(h http.Header) ([]tokens.Meta, error) {
	var all []tokens.Meta
	for name, values := range h {
		rest, custom := strings.CutPrefix(name, headerCustom)
		if !custom {
			continue
		}
		rest = strings.ToLower(rest)
		if !isMetaName(rest) {
			return nil, tokens.Invalid("%q is no name of metadata, accepted are letters, digits, - and _ after %s", bounded(name), headerCustom)
		}
		all = append(all, tokens.Meta{Name: rest, Value: text(strings.Join(values, ", "))})
	}
	slices.SortFunc(all, func(a, b tokens.Meta) int { return strings.Compare(a.Name, b.Name) })
	return all, checkListed(all)
}

// checkListed refuses two names that a list prints as one.
func checkListed(all []tokens.Meta) error {
	seen := make(map[string]bool, len(all))
	for _, m := range all {
		if seen[listedName(m)] {
			return tokens.Invalid("%s%s was given with - and with _, accepted is one of them", headerCustom, bounded(m.Name))
		}
		seen[listedName(m)] = true
	}
	return nil
}

// listedName is the name of a piece of metadata in lists.
func listedName(m tokens.Meta) string {
	return "x_custom_meta_" + strings.ReplaceAll(m.Name, "-", "_")
}

func isMetaName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return s != ""
}

// text returns a header value as UTF-8. What is none was sent as ISO-8859-1,
// the encoding of header values before there was UTF-8.
func text(value string) string {
	if utf8.ValidString(value) {
		return value
	}
	runes := make([]rune, 0, len(value))
	for i := range len(value) {
		runes = append(runes, rune(value[i]))
	}
	return string(runes)
}

// field is one member of a JSON object.
type field struct {
	name  string
	value any
}

// object is a JSON object that keeps the order of its members: clients were
// recorded that compare texts.
type object []field

// MarshalJSON implements json.Marshaler.
func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, f := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(f.name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(f.value)
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// tokenObject is the JSON of a create answer less its secret. Named is what
// stands for the token: its value, its id or its access key; empty leaves the
// member out.
func tokenObject(t *tokens.Token, named string) object {
	var o object
	if named != "" {
		o = append(o, field{"token", named})
	}
	var expiration any
	if !t.Expires.IsZero() {
		expiration = t.Expires.UTC().Format(timeForm)
	}
	o = append(o,
		field{"id", t.ID},
		field{"owner", t.Owner},
		field{"scope", t.Scope.String()},
		field{"expiration", expiration},
		field{"creation", t.Created.UTC().Truncate(time.Second).Format(timeForm)},
	)
	return append(o, grantsFields(t)...)
}

// managementItem is a token in the list of a tenant.
func managementItem(t *tokens.Token) object {
	return append(tokenObject(t, t.AccessKey), metaFields(t)...)
}

// storageItem is a token in the list of the token path: the metadata of the
// object that the content gateway would keep it in.
func storageItem(t *tokens.Token) object {
	return append(object{
		{"x_owner_meta", t.Owner},
		{"last_modified", t.Created.UTC().Format("2006-01-02T15:04:05.000000Z")},
		{"x_token_domain_meta", t.Scope.String()},
		{"name", listName(t)},
		{"lifepoint", lifepoint(t)},
	}, append(grantsFields(t), metaFields(t)...)...)
}

func metaFields(t *tokens.Token) object {
	o := make(object, 0, len(t.Meta))
	for _, m := range t.Meta {
		o = append(o, field{listedName(m), m.Value})
	}
	return o
}

// listName is what names a token in a list: values are seen once, so that it
// is the public id, and the access key where that is no secret.
func listName(t *tokens.Token) string {
	if t.AccessKey != "" {
		return t.AccessKey
	}
	return string(t.ID)
}

// lifepoint prints when an object ends as Swarm does; clients cut it at the
// closing bracket.
func lifepoint(t *tokens.Token) string {
	if t.Expires.IsZero() {
		return "[] reps=2"
	}
	return fmt.Sprintf("[%s] reps=2, [] delete", t.Expires.UTC().Format(http.TimeFormat))
}
