package sigv4

import (
	"net/http"
	"time"
)

// isoBasic is ISO 8601 basic, in UTC.
const isoBasic = "20060102T150405Z"

// parseISO reads a date in ISO 8601 basic, exactly: time.Parse would take
// fractions of seconds, and takes longer than much of Parse. What is no such
// date, in any of its parts, does not come back as it was.
func parseISO(date string) (time.Time, bool) {
	if len(date) != len(isoBasic) {
		return time.Time{}, false
	}
	t := time.Date(twoDigits(date)*100+twoDigits(date[2:]), time.Month(twoDigits(date[4:])), twoDigits(date[6:]),
		twoDigits(date[9:]), twoDigits(date[11:]), twoDigits(date[13:]), 0, time.UTC)
	var space [2 * len(isoBasic)]byte
	if string(appendISO(space[:0], t)) != date {
		return time.Time{}, false
	}
	return t, true
}

// twoDigits returns the number of the two digits that s begins with, and some
// number if there are none.
func twoDigits(s string) int { return int(s[0]-'0')*10 + int(s[1]-'0') }

// appendISO appends a time in ISO 8601 basic, in UTC.
func appendISO(dst []byte, t time.Time) []byte {
	t = t.UTC()
	year, month, day := t.Date()
	if year < 0 || year > 9999 {
		return t.AppendFormat(dst, isoBasic)
	}
	hour, minute, second := t.Clock()
	dst = appendTwoDigits(appendTwoDigits(dst, year/100), year%100)
	dst = appendTwoDigits(appendTwoDigits(dst, int(month)), day)
	dst = appendTwoDigits(append(dst, 'T'), hour)
	dst = appendTwoDigits(appendTwoDigits(dst, minute), second)
	return append(dst, 'Z')
}

// appendTwoDigits appends a number from 0 to 99.
func appendTwoDigits(dst []byte, n int) []byte {
	return append(dst, upperHex[n/10], upperHex[n%10])
}

// parseDate reads a Date header: the forms of RFC 9110, RFC 5322 with a
// numeric zone, and ISO 8601 basic. Zones by name other than GMT and UTC have
// no one meaning and are refused.
func parseDate(value string) (time.Time, bool) {
	for _, layout := range [...]string{
		http.TimeFormat, time.RFC1123Z, isoBasic, "Mon, 2 Jan 2006 15:04:05 GMT", "Mon, 2 Jan 2006 15:04:05 -0700",
		"Mon, 02 Jan 2006 15:04:05 UTC", "Monday, 02-Jan-06 15:04:05 GMT", time.ANSIC,
	} {
		if t, err := time.Parse(layout, value); err == nil {
			return t.UTC().Truncate(time.Second), true
		}
	}
	return time.Time{}, false
}
