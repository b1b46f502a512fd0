package conf

import (
	"encoding"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// wrong reports a value of another kind than expected, without quoting it.
func (d *decoder) wrong(n *yaml.Node, s shape, at spot) {
	got := "text"
	switch {
	case n.Kind == yaml.SequenceNode:
		got = "a list"
	case n.Kind == yaml.MappingNode:
		got = "a mapping"
	case n.Tag == "!!int" || n.Tag == "!!float":
		got = "a number"
	case n.Tag == "!!bool":
		got = "true or false"
	}
	hint := ""
	if s == listShape && n.Kind == yaml.ScalarNode {
		hint = "; a list is written [a, b]"
	}
	d.fault(at, "expected "+s.String()+", got "+got+hint, "")
}

// scalar sets v to a scalar. What is shared by an alias has no quote for use in
// a message, since it may be a secret in its other place.
func (d *decoder) scalar(n *yaml.Node, v reflect.Value, s shape, at spot, quote string) {
	if n.Kind != yaml.ScalarNode && s != noShape {
		d.wrong(n, s, at)
		return
	}
	isText := n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle|yaml.TaggedStyle) != 0
	if isText && s.isNumberOrBool() {
		d.fault(at, strings.TrimSpace("expected "+s.String()+", got text "+quote), "")
		return
	}
	if problem := setText(v, s, n.Value); problem != "" {
		d.fault(at, complaint(problem, s, quote), "")
	}
}

func quoted(text string) string { return strconv.Quote(brief(text)) }

// complaint completes what setText returned, which is never about a secret, as
// a secret takes any text.
func complaint(problem string, s shape, quote string) string {
	switch {
	case s == noShape:
		return problem
	case quote == "" && s == parsedShape:
		return "the value is not accepted"
	case quote == "" || s == parsedShape:
		return problem
	case s == durationShape && strings.Trim(quote, `"0123456789`) == "" && len(quote) > 2:
		return problem + ", got " + strings.Trim(quote, `"`) + " without a unit"
	}
	return problem + ", got " + quote
}

// setText sets v, a scalar of shape s, to what text says, or returns what was
// expected instead.
func setText(v reflect.Value, s shape, text string) (problem string) {
	var err error
	switch s {
	case textShape, secretShape:
		v.SetString(text)
	case boolShape:
		return setBool(v, text)
	case intShape:
		var i int64
		if i, err = strconv.ParseInt(plainNumber(text), 10, v.Type().Bits()); err == nil {
			v.SetInt(i)
		}
	case uintShape:
		var u uint64
		if u, err = strconv.ParseUint(plainNumber(text), 10, v.Type().Bits()); err == nil {
			v.SetUint(u)
		}
	case floatShape:
		return setFloat(v, text)
	case durationShape:
		return setDuration(v, text)
	case parsedShape:
		return setParsed(v, text)
	case noShape, listShape, mapShape, structShape, pointerShape:
		return "keys of type " + v.Type().String() + " cannot be configured"
	}
	if err != nil {
		return wholeNumber(v, err)
	}
	return ""
}

func setBool(v reflect.Value, text string) string {
	switch text {
	case "true", "True", "TRUE":
		v.SetBool(true)
	case "false", "False", "FALSE":
		v.SetBool(false)
	default:
		return "expected " + boolShape.String()
	}
	return ""
}

// plainNumber refuses what is read as octal by some and as decimal by others.
// https://yaml.org/type/int.html, https://yaml.org/spec/1.2.2/#1032-tag-resolution
func plainNumber(text string) string {
	digits := strings.TrimLeft(text, "+-")
	if len(digits) > 1 && digits[0] == '0' {
		return ""
	}
	return text
}

func wholeNumber(v reflect.Value, err error) string {
	if !errors.Is(err, strconv.ErrRange) && !v.CanUint() {
		return "expected " + intShape.String()
	}
	low, high := int64(0), uint64(math.MaxUint64)>>(64-v.Type().Bits())
	if v.CanInt() {
		low, high = -1<<(v.Type().Bits()-1), high>>1
	}
	return fmt.Sprintf("expected a whole number from %d to %d", low, high)
}

func setFloat(v reflect.Value, text string) string {
	f, err := strconv.ParseFloat(text, v.Type().Bits())
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) || strings.ContainsAny(text, "_xXpP") {
		return "expected " + floatShape.String()
	}
	v.SetFloat(f)
	return ""
}

func setDuration(v reflect.Value, text string) string {
	dur, err := ParseDuration(text)
	if err != nil {
		return "expected " + durationShape.String()
	}
	v.SetInt(int64(dur))
	return ""
}

// setParsed goes by a copy, since UnmarshalText may leave half a value behind.
func setParsed(v reflect.Value, text string) string {
	fresh := reflect.New(v.Type())
	u, ok := fresh.Interface().(encoding.TextUnmarshaler)
	if !ok {
		return "keys of type " + v.Type().String() + " cannot be configured"
	}
	if err := u.UnmarshalText([]byte(text)); err != nil {
		return brief(err.Error())
	}
	v.Set(fresh.Elem())
	return ""
}

// ErrDuration is returned for text that is no duration.
var ErrDuration = errors.New("expected a duration like 30s")

// ParseDuration reads a duration as time.ParseDuration does, and beyond that
// whole days of 24 hours in front, as in 7d or 1d12h.
func ParseDuration(text string) (time.Duration, error) {
	const day = 24 * time.Hour
	unsigned := strings.TrimLeft(text, "+-")
	sign := text[:len(text)-len(unsigned)]
	number, rest, hasDays := strings.Cut(unsigned, "d")
	if !hasDays {
		dur, err := time.ParseDuration(text)
		if err != nil {
			return 0, ErrDuration
		}
		return dur, nil
	}
	days, err := strconv.ParseInt(number, 10, 17)
	if err != nil || len(sign) > 1 || strings.ContainsAny(rest, "+-") {
		return 0, ErrDuration
	}
	var more time.Duration
	if rest != "" {
		if more, err = time.ParseDuration(rest); err != nil {
			return 0, ErrDuration
		}
	}
	total := time.Duration(days)*day + more
	if total < more {
		return 0, ErrDuration
	}
	if sign == "-" {
		total = -total
	}
	return total, nil
}

// FormatDuration writes a duration in hours, minutes and seconds without the
// units that are zero: 24h, 1m30s, 0s. ParseDuration reads it back.
func FormatDuration(dur time.Duration) string {
	s := dur.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
