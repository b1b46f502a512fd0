package contentgateway

import (
	"strconv"
	"strings"
	"time"

	"tollgate/tokens"
)

// daySeconds is a day as the content gateway counts, whatever a calendar says.
const daySeconds = 86_400

// maxDays is more than there are between now and the last instant.
const maxDays = 4_000_000

// acceptedExpiries ends every complaint about an expiry.
const acceptedExpiries = "accepted are +N days, YYYY, YYYYMMDD, POSIX seconds, YYYY-MM-DD and YYYY-MM-DDTHH:MM:SS.mmmZ"

// ParseExpiry reads an X-User-Token-Expires-Meta value, all times in UTC. The
// forms are tried in the order of acceptedExpiries, so four digits are a year
// and eight that make a valid date are that date. An empty value is none: the
// zero time. The error is a *tokens.InvalidError.
func ParseExpiry(value string, now time.Time) (time.Time, error) {
	value = strings.TrimSpace(value)
	switch {
	case value == "":
		return time.Time{}, nil
	case value[0] == '+':
		return parseDays(value, now)
	case allDigits(value):
		return parseDigits(value)
	case len(value) == len(time.DateOnly):
		return parseForm(time.DateOnly, value)
	}
	return parseForm("2006-01-02T15:04:05.000Z", value)
}

func parseDays(value string, now time.Time) (time.Time, error) {
	if !allDigits(value[1:]) {
		return time.Time{}, unreadable(value)
	}
	n, err := strconv.ParseInt(value[1:], 10, 64)
	if err != nil || n > maxDays {
		return time.Time{}, tooFar(value)
	}
	return inRange(value, time.Unix(now.Unix()+n*daySeconds, int64(now.Nanosecond())))
}

// parseDigits reads a year, a compact date or POSIX seconds.
func parseDigits(value string) (time.Time, error) {
	if len(value) == 4 {
		return parseForm("2006", value)
	}
	if len(value) == 8 {
		if t, err := time.Parse("20060102", value); err == nil {
			return inRange(value, t)
		}
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil || n > lastInstant.Unix() {
		return time.Time{}, tooFar(value)
	}
	return time.Unix(n, 0).UTC(), nil
}

// parseForm reads a value that has every digit and fixed character of a form;
// time.Parse alone would take a fraction of another length.
func parseForm(form, value string) (time.Time, error) {
	t, err := time.Parse(form, value)
	if err != nil || t.Format(form) != value {
		return time.Time{}, unreadable(value)
	}
	return inRange(value, t)
}

// lastInstant is the last that every form can express.
var lastInstant = time.Date(9999, 12, 31, 23, 59, 59, 999e6, time.UTC)

// inRange refuses what no record can hold, and with it the zero time: that
// stands for no expiry at all, so the year 1 must not pass for it.
func inRange(value string, t time.Time) (time.Time, error) {
	switch {
	case t.After(lastInstant):
		return time.Time{}, tooFar(value)
	case t.Unix() < 0:
		return time.Time{}, tokens.Invalid("the expiry was read as %q, which is before the year 1970; %s", bounded(value), acceptedExpiries)
	}
	return t.UTC(), nil
}

func unreadable(value string) error {
	return tokens.Invalid("the expiry was read as %q, which is no time; %s", bounded(value), acceptedExpiries)
}

func tooFar(value string) error {
	return tokens.Invalid("the expiry was read as %q, which is later than the year 9999; %s", bounded(value), acceptedExpiries)
}

// bounded keeps an answer from repeating more than a reader wants to see.
func bounded(value string) string {
	if len(value) > 40 {
		return value[:40] + "…"
	}
	return value
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
