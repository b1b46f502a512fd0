package sigv4

import (
	"net/http"
	"time"
)

// isoBasic is ISO 8601 basic, in UTC.
const isoBasic = "20060102T150405Z"

// parseISO reads a date in ISO 8601 basic, exactly: time.Parse would take
// fractions of seconds, and takes longer than much of Parse.
func parseISO(date string) (time.Time, bool) {
	if len(date) != len(isoBasic) || date[8] != 'T' || date[15] != 'Z' {
		return time.Time{}, false
	}
	var parts [7]int
	for i, at := range [...]int{0, 2, 4, 6, 9, 11, 13} {
		var valid bool
		if parts[i], valid = twoDigits(date[at:]); !valid {
			return time.Time{}, false
		}
	}
	year, month, day := 100*parts[0]+parts[1], parts[2], parts[3]
	hour, minute, second := parts[4], parts[5], parts[6]
	if day < 1 || day > daysIn(month, year) || hour > 23 || minute > 59 || second > 59 {
		return time.Time{}, false
	}
	return time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC), true
}

// daysIn returns how many days a month has, none for what is no month.
func daysIn(month, year int) int {
	switch month {
	case 1, 3, 5, 7, 8, 10, 12:
		return 31
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	default:
		return 0
	}
}

// twoDigits returns the number of the two digits that s begins with; false if
// it does not begin so.
func twoDigits(s string) (int, bool) {
	tens, ones := s[0]-'0', s[1]-'0'
	return int(tens)*10 + int(ones), tens <= 9 && ones <= 9
}

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
