package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"tollgate/admin/contentgateway"
)

// document is a JSON object that is sent.
type document map[string]any

// text sets a member unless it is empty.
func (d document) text(name, value string) {
	if value != "" {
		d[name] = value
	}
}

// list sets a member unless it is empty.
func (d document) list(name string, values []string) {
	if len(values) > 0 {
		d[name] = values
	}
}

// What times and ends can be written as, for help and errors.
const (
	acceptedTimes    = "YYYY-MM-DD, YYYY-MM-DDTHH:MM:SS.mmmZ, RFC 3339, YYYY, YYYYMMDD or POSIX seconds"
	acceptedExpiries = "+N days, a length of time like 12h or 30d, never, " + acceptedTimes
)

// life says when a token ends. A length of time is sent as one and counts from
// when the gateway gets it: the clocks need not agree.
func (d document) life(text string) error {
	days, isDays := strings.CutPrefix(text, "+")
	if isDays {
		days += "d"
	} else {
		days = text
	}
	if text == "never" {
		d["expires_at"] = nil
		return nil
	}
	if span, ok := parseSpan(days); ok {
		d["lifetime"] = span.String()
		return nil
	}
	at, err := parseTime("--expires", text)
	if err != nil {
		return unreadable("--expires", text, acceptedExpiries)
	}
	d["expires_at"] = at
	return nil
}

// parseTime reads a point in time and returns it as RFC 3339 has it. The forms
// are those of RFC 3339 and of the content gateway, but for +N.
func parseTime(flag, text string) (string, error) {
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil && !strings.HasPrefix(text, "+") {
		at, err = contentgateway.ParseExpiry(text, time.Time{})
	}
	at = at.UTC()
	if err != nil || at.IsZero() || at.Year() < 0 || at.Year() > 9999 { // RFC 3339 has four digits
		return "", unreadable(flag, text, acceptedTimes)
	}
	return at.Format(time.RFC3339Nano), nil
}

// unreadable says what was read and what is accepted.
func unreadable(flag, text, accepted string) error {
	return &usageError{fmt.Sprintf("%s was read as %q, accepted are %s", flag, text, accepted)}
}

const day = 24 * time.Hour

// parseSpan reads a length of time, which is more than nothing: as Go writes
// it, or a whole number of days or weeks.
func parseSpan(text string) (time.Duration, bool) {
	for suffix, unit := range map[string]time.Duration{"d": day, "w": 7 * day} {
		digits, ok := strings.CutSuffix(text, suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(digits, 10, 32)
		if err != nil || n == 0 || n > uint64(math.MaxInt64/unit) { // #nosec G115 -- units are positive
			return 0, false
		}
		return time.Duration(n) * unit, true // #nosec G115 -- bounded above
	}
	span, err := time.ParseDuration(text)
	return span, err == nil && span > 0
}

// parseSize reads a number of bytes, with or without a unit.
func parseSize(flag, text string) (int64, error) {
	digits := strings.TrimRight(text, "kKMGTiB")
	unit, known := unitOf(text[len(digits):])
	digits = strings.TrimSuffix(digits, " ")
	n, err := strconv.ParseUint(digits, 10, 63)
	if err != nil || !known || n > uint64(math.MaxInt64/unit) { // #nosec G115 -- units are positive
		return 0, &usageError{fmt.Sprintf("%s was read as %q, accepted is a number of bytes, or one with a unit like 10MiB or 10MB", flag, text)}
	}
	return int64(n) * unit, nil // #nosec G115 -- bounded above
}

// unitOf returns how many bytes a unit has, by IEC or by the SI.
func unitOf(name string) (int64, bool) {
	switch name {
	case "", "B":
		return 1, true
	case "kB", "KB":
		return 1e3, true
	case "MB":
		return 1e6, true
	case "GB":
		return 1e9, true
	case "TB":
		return 1e12, true
	case "KiB":
		return 1 << 10, true
	case "MiB":
		return 1 << 20, true
	case "GiB":
		return 1 << 30, true
	case "TiB":
		return 1 << 40, true
	default:
		return 1, false
	}
}

// pairs reads a flag that can be given again, each time a name, a separator and
// a value. Each name is there once.
func pairs(flag string, texts []string, separator string) (map[string]string, error) {
	all := make(map[string]string, len(texts))
	for _, text := range texts {
		name, value, ok := strings.Cut(text, separator)
		if name = strings.TrimSpace(name); !ok || name == "" {
			return nil, &usageError{fmt.Sprintf("%s was read as %q, accepted is NAME%sVALUE", flag, text, separator)}
		}
		if _, twice := all[name]; twice {
			return nil, &usageError{fmt.Sprintf("%s has %q twice, accepted is once", flag, name)}
		}
		all[name] = strings.TrimSpace(value)
	}
	return all, nil
}
