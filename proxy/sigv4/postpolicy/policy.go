package postpolicy

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"tollgate/proxy/sigv4"
)

// operator is how a condition compares.
type operator uint8

const (
	unknownOperator operator = iota // meets nothing
	equals
	startsWith
)

// condition is one about a field.
type condition struct {
	op    operator
	field string // as the policy has it, less the dollar sign
	named bool   // the dollar sign was there; a condition without it is not met
	value string
}

// size is a content-length-range, both ends included.
type size struct{ min, max int64 }

// policy is a policy document.
type policy struct {
	expiration time.Time
	conditions []condition
	size       size
	sized      bool // there was a content-length-range
}

// parsePolicy reads the field policy: base64 of a JSON document in UTF-8
// (sigv4-HTTPPOSTConstructPolicy.html). Members, operators and types that are
// not known are refused, and members that are there twice.
func parsePolicy(encoded string) (*policy, error) {
	if len(encoded) > maxPrefix {
		return nil, tooLong()
	}
	text, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return nil, badPolicy("invalid Base64 encoding.")
	}
	if !utf8.Valid(text) || !json.Valid(text) {
		return nil, badPolicy("Invalid JSON.")
	}
	r := &reader{json.NewDecoder(bytes.NewReader(text))}
	r.UseNumber()
	return r.policy()
}

// reader reads the tokens of a text that is known to be JSON. It goes no
// deeper than a policy does.
type reader struct{ *json.Decoder }

// next returns a token; nil at the end, and for null.
func (r *reader) next() json.Token {
	t, err := r.Token()
	if err != nil {
		return nil
	}
	return t
}

func (r *reader) policy() (*policy, error) {
	if r.next() != json.Delim('{') {
		return nil, badPolicy("must be an Object.")
	}
	p := &policy{size: size{0, math.MaxInt64}}
	seen := map[string]bool{}
	for r.More() {
		name, _ := r.next().(string)
		if seen[name] {
			return nil, badPolicy("Duplicate: '%s'", clip(name))
		}
		seen[name] = true
		if err := r.member(p, name); err != nil {
			return nil, err
		}
	}
	if !seen["expiration"] {
		return nil, badPolicy("Policy missing expiration.")
	}
	if !seen["conditions"] {
		return nil, badPolicy("Policy missing conditions.")
	}
	return p, nil
}

func (r *reader) member(p *policy, name string) (err error) {
	switch name {
	case "expiration":
		text, ok := r.next().(string)
		if p.expiration, ok = parseExpiration(text, ok); !ok {
			return badPolicy("Invalid 'expiration' value, expected is a time in UTC as in \"2013-08-01T12:00:00.000Z\"")
		}
		return nil
	case "conditions":
		if r.next() != json.Delim('[') {
			return badPolicy("Invalid 'conditions' value: must be a List.")
		}
		for r.More() {
			if err := r.condition(p); err != nil {
				return err
			}
		}
		r.next()
		return nil
	default:
		return badPolicy("Unexpected: '%s'", clip(name))
	}
}

// parseExpiration reads a time in UTC with or without a fraction of seconds.
func parseExpiration(text string, ok bool) (time.Time, bool) {
	const layout = "2006-01-02T15:04:05Z"
	t, err := time.Parse(layout, text)
	if !ok || err != nil || len(text) > len("2006-01-02T15:04:05.999999999Z") {
		return time.Time{}, false
	}
	if len(text) != len(layout) && text[len(layout)-1] != '.' { // time.Parse takes a comma too
		return time.Time{}, false
	}
	return t, true
}

func (r *reader) condition(p *policy) error {
	switch r.next() {
	case json.Delim('{'):
		c, err := r.simple()
		if err != nil {
			return err
		}
		p.conditions = append(p.conditions, c)
		return nil
	case json.Delim('['):
		return r.list(p)
	default:
		return badPolicy("Invalid condition: must be a List or Object.")
	}
}

// simple reads {"field": "value"} from behind the brace.
func (r *reader) simple() (condition, error) {
	if !r.More() {
		return condition{}, notSimple()
	}
	name, _ := r.next().(string)
	value, ok := r.next().(string)
	if !ok {
		return condition{}, badPolicy("Invalid Simple-Condition: value must be a string.")
	}
	if r.More() {
		return condition{}, notSimple()
	}
	r.next()
	return condition{op: equals, field: name, named: true, value: value}, nil
}

func notSimple() error {
	return badPolicy("Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.")
}

// list reads ["operator", operand, operand] from behind the bracket.
func (r *reader) list(p *policy) error {
	const length = 3
	var items []json.Token
	for r.More() {
		t := r.next()
		_, nested := t.(json.Delim)
		if nested || len(items) == length {
			return badPolicy("Invalid Condition: must be a List of an operation and two operands.")
		}
		items = append(items, t)
	}
	r.next()
	if len(items) != length {
		return badPolicy("Invalid Condition: must be a List of an operation and two operands.")
	}
	name, _ := items[0].(string)
	if strings.EqualFold(name, "content-length-range") {
		return p.narrow(items[1], items[2])
	}
	c, err := conditionOf(name, items[1], items[2])
	if err != nil {
		return err
	}
	p.conditions = append(p.conditions, c)
	return nil
}

func conditionOf(name string, field, value json.Token) (condition, error) {
	var c condition
	switch strings.ToLower(name) {
	case "eq":
		c.op = equals
	case "starts-with":
		c.op = startsWith
	default:
		return condition{}, badPolicy("Invalid Condition: unknown operation '%s'.", clip(name))
	}
	var isField, isValue bool
	c.field, isField = field.(string)
	c.value, isValue = value.(string)
	if !isField || !isValue {
		return condition{}, badPolicy("Invalid Condition: operands must be strings.")
	}
	c.field, c.named = strings.CutPrefix(c.field, "$")
	if c.op == startsWith && strings.EqualFold(c.field, fieldBucket) {
		return condition{}, badPolicy("Invalid Condition: bucket supports exact matching only.")
	}
	return c, nil
}

// narrow takes a content-length-range into account. Of several the file has to
// meet all.
func (p *policy) narrow(low, high json.Token) error {
	least, ok := bound(low)
	most, also := bound(high)
	if !ok || !also || least > most {
		return badPolicy("Invalid content-length-range: expected are two whole numbers of bytes, the smaller one first.")
	}
	p.size.min, p.size.max, p.sized = max(p.size.min, least), min(p.size.max, most), true
	return nil
}

// bound reads a number of bytes; S3 takes it as a string too.
func bound(t json.Token) (int64, bool) {
	var text string
	switch v := t.(type) {
	case json.Number:
		text = v.String()
	case string:
		text = v
	default:
		return 0, false
	}
	n, err := strconv.ParseUint(text, 10, 63)
	return int64(n), err == nil // #nosec G115 -- of 63 bits
}

func badPolicy(format string, args ...any) error {
	return sigv4.Faultf(ErrPolicyDocument, "Invalid Policy: "+format, args...)
}
