package management

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"tollgate/admin/api"
	"tollgate/tokens"
)

// body reads the JSON object that a request carries, as api.Body does. Null is
// accepted for expires_at alone: elsewhere it could be meant to narrow and
// would be taken for nothing.
func body(c echo.Context, into any) ([]byte, error) {
	text, err := api.Body(c, into)
	if err != nil {
		return nil, err
	}
	return text, checkNulls(text)
}

// decode reads a body's text as body does.
func decode(text []byte, into any) error {
	if err := api.Decode(text, into); err != nil {
		return err
	}
	return checkNulls(text)
}

func checkNulls(text []byte) error {
	var whole map[string]any
	if err := json.Unmarshal(text, &whole); err != nil {
		return api.Invalid("the body is no JSON object, accepted is one")
	}
	for name := range whole {
		if whole[name] == nil && strings.EqualFold(name, "expires_at") {
			delete(whole, name)
		}
	}
	if path, found := findNull(whole, ""); found {
		return api.Invalid("the member %s is null, accepted is a value; leave it out to mean none", quoted(path))
	}
	return nil
}

// findNull returns the path of a member that is null.
func findNull(value any, path string) (string, bool) {
	switch v := value.(type) {
	case nil:
		return strings.TrimPrefix(path, "."), true
	case map[string]any:
		for name, member := range v {
			if found, ok := findNull(member, path+"."+name); ok {
				return found, true
			}
		}
	case []any:
		for i, member := range v {
			if found, ok := findNull(member, path+"["+strconv.Itoa(i)+"]"); ok {
				return found, true
			}
		}
	}
	return "", false
}

// parseEach reads the members of a list. One that is there and empty is
// refused: it could be meant to allow nothing and would be taken for no limit.
func parseEach[T any](member string, texts []string, parse func(string) (T, error)) ([]T, error) {
	if texts == nil {
		return nil, nil
	}
	if len(texts) == 0 {
		return nil, api.Invalid("%s is an empty list, accepted is a list with members; leave it out to set no limit", member)
	}
	all := make([]T, 0, len(texts))
	for _, text := range texts {
		one, err := parse(text)
		if err != nil {
			return nil, api.Invalid("%s: %v", member, err)
		}
		all = append(all, one)
	}
	return all, nil
}

// asIs is for lists whose members mean what they say.
func asIs(text string) (string, error) { return text, nil }

// required refuses a text that is there and empty: a script whose variable is
// not set must not get more than it wanted.
func required(member string, text *string) (value string, given bool, err error) {
	if text == nil {
		return "", false, nil
	}
	if *text == "" {
		return "", true, api.Invalid("%s is empty, accepted is a name; leave it out to mean none", member)
	}
	return *text, true, checkLine(member, *text, maxArgument)
}

// checkLine accepts one line of text of at most that many bytes.
func checkLine(member, text string, most int) error {
	switch {
	case len(text) > most:
		return api.Invalid("%s has %d bytes, accepted are at most %d", member, len(text), most)
	case !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return api.Invalid("%s has a control character or is not UTF-8, accepted is one line of text", member)
	}
	return nil
}

// parseTime reads a time of RFC 3339, with its zone. Records do not go back
// beyond 1970.
func parseTime(member, text string) (time.Time, error) {
	at, ok := api.ParseTime(text)
	if !ok || at.Unix() < 0 {
		return time.Time{}, api.Invalid("%s was read as %s, accepted is a time from 1970 on as RFC 3339 has it, like 2031-05-17T08:30:00Z", member, quoted(text))
	}
	return at, nil
}

// parseSpan reads a length of time, which is not nothing.
func parseSpan(member, text string) (time.Duration, error) {
	span, err := time.ParseDuration(text)
	if err != nil || span < time.Millisecond {
		return 0, api.Invalid("%s was read as %s, accepted is a length of time like 90s, 30m or 24h", member, quoted(text))
	}
	return span, nil
}

// life is how a body says how long a token lives.
type life struct {
	ExpiresAt json.RawMessage `json:"expires_at"` // a text; null = never
	Lifetime  *string         `json:"lifetime"`
}

func (l life) given() bool { return l.ExpiresAt != nil || l.Lifetime != nil }

// wish returns what that means for a token that begins now.
func (l life) wish(now time.Time) (tokens.Lifetime, error) {
	switch {
	case l.ExpiresAt != nil && l.Lifetime != nil:
		return tokens.Lifetime{}, api.Invalid("expires_at and lifetime were both given, accepted is one of them")
	case l.Lifetime != nil:
		span, err := parseSpan("lifetime", *l.Lifetime)
		return tokens.Lifetime{Until: now.Add(span)}, err
	case l.ExpiresAt == nil:
		return tokens.Lifetime{}, nil
	case string(l.ExpiresAt) == "null":
		return tokens.Lifetime{Never: true}, nil
	}
	var text string
	if err := json.Unmarshal(l.ExpiresAt, &text); err != nil {
		return tokens.Lifetime{}, api.Invalid("expires_at was read as %s, accepted is a text like \"2031-05-17T08:30:00Z\", or null for a token that never expires", clipped(string(l.ExpiresAt)))
	}
	until, err := parseTime("expires_at", text)
	return tokens.Lifetime{Until: until}, err
}

// clipped keeps a sentence from repeating more than a reader wants to see.
func clipped(text string) string {
	const most = 60
	if len(text) > most {
		return strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}

func quoted(text string) string { return strconv.Quote(clipped(text)) }
