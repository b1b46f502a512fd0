package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
)

// MaxBody bounds the body of a management request, in bytes.
const MaxBody = 256 << 10

// maxDepth bounds how deep a body may be nested.
const maxDepth = 16

// Body reads the JSON object that a request carries into a pointer to a
// struct. Whatever is not exactly one object with members that the struct
// knows, each once, is an *Error that says what was read and what is accepted.
// A body without a Content-Type counts as JSON, and so does one with that of
// forms, which curl sends with every -d: what browsers send for other sites is
// refused before.
func Body(c echo.Context, into any) ([]byte, error) {
	r := c.Request()
	if kind := r.Header.Get(echo.HeaderContentType); kind != "" && !isJSON(kind) {
		return nil, &Error{http.StatusUnsupportedMediaType, ReasonMediaType, "the Content-Type was read as " + Quoted(kind) + ", accepted is application/json"}
	}
	text, err := io.ReadAll(http.MaxBytesReader(c.Response(), r.Body, MaxBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, &Error{http.StatusRequestEntityTooLarge, ReasonTooLarge, "the body is larger than 262144 bytes, which are accepted"}
	case err != nil:
		return nil, Invalid("the body broke off")
	}
	if again, ok := c.Get(againKey).(func() error); ok {
		if err := again(); err != nil {
			return nil, err
		}
	}
	return text, Decode(text, into)
}

// againKey is where it is kept who asks once more.
const againKey = "tollgate.again"

// OnBody sets what is asked once a body has been read, which can take as long
// as the client likes: its error ends the request.
func OnBody(c echo.Context, again func() error) { c.Set(againKey, again) }

func isJSON(contentType string) bool {
	kind, _, err := mime.ParseMediaType(contentType)
	return err == nil && (kind == "application/json" || kind == "application/x-www-form-urlencoded" || strings.HasPrefix(kind, "application/") && strings.HasSuffix(kind, "+json"))
}

// Decode reads one JSON object as Body does.
func Decode(text []byte, into any) error {
	if len(bytes.TrimSpace(text)) == 0 {
		return Invalid("the body is empty, accepted is a JSON object")
	}
	if err := checkShape(text); err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return translate(err)
	}
	return nil
}

// checkShape holds what encoding/json lets pass: that the text is one object,
// that no object has a member twice and that nothing follows.
func checkShape(text []byte) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	first, err := d.Token()
	if err != nil {
		return translate(err)
	}
	if first != json.Delim('{') {
		return Invalid("the body is no JSON object, accepted is one")
	}
	if err := checkValue(d, first, 0); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Invalid("something follows the JSON object, accepted is the object alone")
	}
	return nil
}

// checkValue reads the rest of a value whose first token was read.
func checkValue(d *json.Decoder, first json.Token, depth int) error {
	if depth > maxDepth {
		return Invalid("the body is nested deeper than %d levels, which are accepted", maxDepth)
	}
	switch first {
	case json.Delim('{'):
		return checkObject(d, depth)
	case json.Delim('['):
		for d.More() {
			if err := checkNext(d, depth); err != nil {
				return err
			}
		}
		_, err := d.Token()
		return translate(err)
	}
	return nil
}

func checkObject(d *json.Decoder, depth int) error {
	seen := map[string]bool{}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return translate(err)
		}
		// encoding/json takes members whatever their capitals are.
		name, _ := key.(string)
		if lower := strings.ToLower(name); seen[lower] {
			return Invalid("the member %s is there twice, accepted is once", Quoted(name))
		} else {
			seen[lower] = true
		}
		if err := checkNext(d, depth); err != nil {
			return err
		}
	}
	_, err := d.Token()
	return translate(err)
}

func checkNext(d *json.Decoder, depth int) error {
	next, err := d.Token()
	if err != nil {
		return translate(err)
	}
	return checkValue(d, next, depth+1)
}

// translate says of an error of encoding/json what was read and what is
// accepted.
func translate(err error) error {
	if err == nil {
		return nil
	}
	var wrong *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	var own *Error
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &wrong):
		return Invalid("the member %s was read as %s, accepted is %s", Quoted(wrong.Field), wrong.Value, kindOf(wrong))
	case errors.As(err, &syntax):
		return Invalid("the body is no JSON: it goes wrong at byte %d", syntax.Offset)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return Invalid("the body is no JSON: it ends too early")
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return Invalid("the member %s is not known here", Quoted(strings.Trim(name, `"`)))
	}
	return Invalid("the body cannot be read: %s", strings.TrimPrefix(err.Error(), "json: "))
}

// kindOf names what a member should have been, in the words of JSON.
func kindOf(e *json.UnmarshalTypeError) string {
	kind := e.Type.Kind().String()
	switch {
	case strings.HasPrefix(kind, "int"), strings.HasPrefix(kind, "uint"), strings.HasPrefix(kind, "float"):
		return "a number"
	case kind == "bool":
		return "true or false"
	case kind == "string":
		return "a text"
	case kind == "slice":
		return "an array"
	default:
		return "an object"
	}
}

// Quoted returns a text in quotation marks for a sentence, without more of it
// than a reader wants to see.
func Quoted(text string) string {
	const most = 60
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	b, err := json.Marshal(text)
	if err != nil {
		return `""`
	}
	return string(b)
}

// ParseTime reads a time of RFC 3339, which has a zone. time.Parse alone would
// take an hour of one digit, a comma before the fraction and other offsets than
// there are.
func ParseTime(text string) (time.Time, bool) {
	const hourEnds = len("2006-01-02T15")
	at, err := time.Parse(time.RFC3339, text)
	if err != nil || text[hourEnds] != ':' || strings.Contains(text, ",") {
		return time.Time{}, false
	}
	offset := text[len(text)-len("07:00"):]
	zulu := strings.HasSuffix(text, "Z")
	return at, zulu || offset[:2] < "24" && offset[3:] < "60"
}
