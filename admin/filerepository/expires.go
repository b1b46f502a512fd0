package filerepository

import (
	"strconv"
	"strings"
	"time"

	"tollgate/tokens"
)

// How long a token lives whose maker names no time: the file repository's
// default, and what it means by never.
const (
	autoLifetime = 30 * time.Minute
	neverYears   = 20
)

// acceptedTimes ends every complaint about an expiry.
const acceptedTimes = "accepted are auto, automatic, never, YYYY-MM-DD HH:MM:SS, YYYY-MM-DD, RFC 3339 and +N minutes, hours, days, weeks, months or years"

// ParseExpires reads what a generate request says about the end of the token,
// all times in UTC. An empty value, auto and automatic are 30 minutes, never is
// 20 years; both are wishes that yield to a ceiling. The others are
// YYYY-MM-DD HH:MM:SS, YYYY-MM-DD (its first instant), RFC 3339 and +N units
// with minutes, hours, days, weeks, months or years, also in the singular. A
// time in the past is accepted: the token is dead when it is born. Months and
// years are those of the calendar, and a day that a month does not have counts
// on into the next, as PHP's strtotime and time.Time.AddDate do it: a month
// after 31 January is 3 March, or 2 March in a leap year. The file repository
// counts whole seconds, so fractions are cut off. The error is a
// *tokens.InvalidError.
func ParseExpires(value string, now time.Time) (tokens.Lifetime, error) {
	now = now.UTC().Truncate(time.Second)
	switch value {
	case "", "auto", "automatic":
		return tokens.Lifetime{Until: now.Add(autoLifetime), Yields: true}, nil
	case "never":
		return tokens.Lifetime{Until: now.AddDate(neverYears, 0, 0), Yields: true}, nil
	}
	until, err := parseTime(value, now)
	if err != nil {
		return tokens.Lifetime{}, err
	}
	return tokens.Lifetime{Until: until, Past: true}, nil
}

func parseTime(value string, now time.Time) (time.Time, error) {
	if rest, relative := strings.CutPrefix(value, "+"); relative {
		return parseSpan(value, rest, now)
	}
	for _, form := range [...]string{time.DateTime, time.DateOnly} {
		// time.Parse alone would take a fraction too.
		if t, err := time.Parse(form, value); err == nil && t.Format(form) == value {
			return inRange(value, t)
		}
	}
	return parseInstant(value)
}

// parseInstant reads RFC 3339. time.Parse takes hours of one digit and commas
// in fractions too.
func parseInstant(value string) (time.Time, error) {
	const seconds = "2006-01-02T15:04:05"
	t, err := time.Parse(time.RFC3339, value)
	if err != nil || !strings.HasPrefix(value, t.Format(seconds)) || strings.Contains(value, ",") {
		return time.Time{}, tokens.Invalid("the expiry was read as %q, which is no time; %s", bounded(value), acceptedTimes)
	}
	return inRange(value, t.UTC().Truncate(time.Second))
}

// maxSpan is more than there is of any unit up to the last instant.
const maxSpan = 5_000_000_000

// parseSpan reads what stands behind the plus sign.
func parseSpan(value, rest string, now time.Time) (time.Time, error) {
	number, unit, _ := strings.Cut(rest, " ")
	seconds, months := unitOf(strings.TrimSuffix(unit, "s"))
	if !allDigits(number) || seconds == 0 && months == 0 {
		return time.Time{}, tokens.Invalid("the expiry was read as %q, which is no number of a unit; %s", bounded(value), acceptedTimes)
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n > maxSpan {
		return time.Time{}, tooFar(value)
	}
	if months > 0 {
		return inRange(value, now.AddDate(0, int(n*months), 0))
	}
	return inRange(value, time.Unix(now.Unix()+n*seconds, 0).UTC())
}

// unitOf returns the length of a unit, either in seconds or in months; zero =
// there is none of that name.
func unitOf(name string) (seconds, months int64) {
	const day = 86_400
	switch name {
	case "minute":
		return 60, 0
	case "hour":
		return 3600, 0
	case "day":
		return day, 0
	case "week":
		return 7 * day, 0
	case "month":
		return 0, 1
	case "year":
		return 0, 12
	}
	return 0, 0
}

// inRange refuses what no record can hold.
func inRange(value string, t time.Time) (time.Time, error) {
	switch {
	case t.Year() > 9999:
		return time.Time{}, tooFar(value)
	case t.Unix() < 0:
		return time.Time{}, tokens.Invalid("the expiry was read as %q, which is before the year 1970; %s", bounded(value), acceptedTimes)
	}
	return t, nil
}

func tooFar(value string) error {
	return tokens.Invalid("the expiry was read as %q, which is later than the year 9999; %s", bounded(value), acceptedTimes)
}

func allDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// bounded keeps an answer from repeating more than a reader wants to see.
func bounded(value string) string {
	const most = 60
	if len(value) > most {
		return strings.ToValidUTF8(value[:most], "") + "…"
	}
	return value
}

// neverEnds is what is written for a token without an end: those of other APIs
// can be such, while this one knows dates alone.
const neverEnds = "9999-12-31 23:59:59"

// written returns a time as the file repository writes it: Y-m-d H:i:s in UTC,
// fractions cut off. The zero time is neverEnds.
func written(t time.Time) string {
	if t.IsZero() {
		return neverEnds
	}
	return t.UTC().Format(time.DateTime)
}
