package contentgateway

import (
	"errors"
	"strings"
	"testing"
	"time"

	"tollgate/tokens"
)

// expiryNow is when the tests of expiries play.
func expiryNow() time.Time { return time.Date(2031, 5, 17, 8, 30, 0, 123_456_789, time.UTC) }

func TestParseExpiry(t *testing.T) {
	now := expiryNow()
	utc := func(year, month, day int) time.Time {
		return time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	}
	for _, c := range []struct {
		name, value string
		want        time.Time
	}{
		{"nothing", "", time.Time{}},
		{"blanks", " \t ", time.Time{}},
		{"the manual's POSIX seconds", "1444419929", time.Date(2015, 10, 9, 19, 45, 29, 0, time.UTC)},
		{"the manual's days", "+365", now.Add(365 * 24 * time.Hour)},
		{"the manual's year", "2015", utc(2015, 1, 1)},
		{"the manual's day", "2015-10-09", utc(2015, 10, 9)},
		{"the manual's instant", "2015-10-09T11:18:00.000Z", time.Date(2015, 10, 9, 11, 18, 0, 0, time.UTC)},
		{"the manual's printed pattern", "20151009", utc(2015, 10, 9)},

		{"no days", "+0", now},
		{"a day", "+1", now.Add(86_400 * time.Second)},
		{"zeros in front of the days", "+007", now.Add(7 * 86_400 * time.Second)},
		{"days are counted across a leap day", "+300", now.Add(300 * 86_400 * time.Second)},
		{"days up to the last year", "+2910000", now.AddDate(0, 0, 2_910_000)},
		{"blanks around it", "  +10 ", now.Add(10 * 86_400 * time.Second)},

		{"a year ahead", "2032", utc(2032, 1, 1)},
		{"the last year", "9999", utc(9999, 1, 1)},
		{"the first year that is taken", "1970", utc(1970, 1, 1)},
		{"four digits are a year and no seconds", "3600", utc(3600, 1, 1)},

		{"a compact date", "20320229", utc(2032, 2, 29)},
		{"the last compact date", "99991231", utc(9999, 12, 31)},
		{"eight digits that are no date are seconds", "20311301", time.Unix(20311301, 0).UTC()},
		{"nor is February 30", "20320230", time.Unix(20320230, 0).UTC()},
		{"nor is a leap day of a common year", "20310229", time.Unix(20310229, 0).UTC()},
		{"nor is day zero", "20310100", time.Unix(20310100, 0).UTC()},

		{"one digit of seconds", "0", time.Unix(0, 0).UTC()},
		{"three digits of seconds", "999", time.Unix(999, 0).UTC()},
		{"five digits of seconds", "20311", time.Unix(20311, 0).UTC()},
		{"seven digits of seconds", "2031051", time.Unix(2031051, 0).UTC()},
		{"nine digits of seconds", "203105170", time.Unix(203105170, 0).UTC()},
		{"seconds ahead", "1944000000", time.Date(2031, 8, 9, 0, 0, 0, 0, time.UTC)},
		{"seconds after 2038", "2147483648", time.Date(2038, 1, 19, 3, 14, 8, 0, time.UTC)},
		{"the last second", "253402300799", time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)},
		{"zeros in front of the seconds", "0001944000000", time.Date(2031, 8, 9, 0, 0, 0, 0, time.UTC)},

		{"a day ahead", "2032-02-29", utc(2032, 2, 29)},
		{"the last day", "9999-12-31", utc(9999, 12, 31)},
		{"milliseconds", "2031-06-01T23:59:59.999Z", time.Date(2031, 6, 1, 23, 59, 59, 999e6, time.UTC)},
		{"the last instant", "9999-12-31T23:59:59.999Z", time.Date(9999, 12, 31, 23, 59, 59, 999e6, time.UTC)},
		{"the first instant that is taken", "1970-01-01T00:00:00.000Z", utc(1970, 1, 1)},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := ParseExpiry(c.value, now)
			if err != nil {
				t.Fatal(err)
			}
			if !got.Equal(c.want) || got.IsZero() != c.want.IsZero() || got.Location() != time.UTC {
				t.Errorf("%q is %v, want %v", c.value, got, c.want)
			}
		})
	}
}

func TestParseExpiryRefuses(t *testing.T) {
	const noTime, tooLate, tooEarly = "which is no time", "later than the year 9999", "before the year 1970"
	for _, c := range []struct{ name, value, says string }{
		{"a word", "tomorrow", noTime},
		{"never", "never", noTime},
		{"a plus sign", "+", noTime},
		{"a blank behind the plus sign", "+ 5", noTime},
		{"two plus signs", "++5", noTime},
		{"a negative number of days", "+-5", noTime},
		{"hexadecimal days", "+0x10", noTime},
		{"a part of a day", "+1.5", noTime},
		{"days with a unit", "+5d", noTime},
		{"digits of another script", "+٣", noTime},
		{"underscores in the days", "+1_000", noTime},
		{"more days than there are", "+2920000", tooLate},
		{"days that overflow when multiplied", "+106751991167301", tooLate},
		{"days that overflow", "+99999999999999999999", tooLate},
		{"negative seconds", "-1", noTime},
		{"a part of a second", "1944000000.5", noTime},
		{"one second too late", "253402300800", tooLate},
		{"milliseconds of POSIX", "1944000000000", tooLate},
		{"seconds that overflow", "99999999999999999999", tooLate},
		{"the year 0000", "0000", tooEarly},
		{"the year 1, which is Go's zero time", "0001", tooEarly},
		{"its first day", "00010101", tooEarly},
		{"its first day with hyphens", "0001-01-01", tooEarly},
		{"its first instant", "0001-01-01T00:00:00.000Z", tooEarly},
		{"the year before POSIX", "1969", tooEarly},
		{"the last day before POSIX", "1969-12-31", tooEarly},
		{"the last millisecond before POSIX", "1969-12-31T23:59:59.999Z", tooEarly},
		{"a month that does not exist", "2031-13-01", noTime},
		{"a day that does not exist", "2031-02-29", noTime},
		{"a day zero", "2031-06-00", noTime},
		{"April 31", "2031-04-31", noTime},
		{"a date without zeros", "2031-6-1", noTime},
		{"a date with slashes", "2031/06/01", noTime},
		{"ten characters that are no date", "2031-06-0a", noTime},
		{"a year and a month", "2031-06", noTime},
		{"without milliseconds", "2031-06-01T00:00:00Z", noTime},
		{"with one digit of them", "2031-06-01T00:00:00.0Z", noTime},
		{"with microseconds", "2031-06-01T00:00:00.000000Z", noTime},
		{"with a comma", "2031-06-01T00:00:00,000Z", noTime},
		{"without a zone", "2031-06-01T00:00:00.000", noTime},
		{"with an offset", "2031-06-01T00:00:00.000+02:00", noTime},
		{"with the offset of UTC", "2031-06-01T00:00:00.000+00:00", noTime},
		{"in lower case", "2031-06-01t00:00:00.000z", noTime},
		{"with a blank for the T", "2031-06-01 00:00:00.000Z", noTime},
		{"hour 24", "2031-06-01T24:00:00.000Z", noTime},
		{"second 60", "2031-06-30T23:59:60.000Z", noTime},
		{"hour without a zero", "2031-06-01T1:00:00.000Z", noTime},
		{"a day that does not exist, with a time", "2031-02-29T00:00:00.000Z", noTime},
		{"a year of five digits", "10000-01-01", noTime},
		{"an HTTP date", "Sun, 01 Jun 2031 00:00:00 GMT", noTime},
		{"two values", "+1,+2", noTime},
		{"a NUL", "\x00", noTime},
		{"bytes that are no text", "\xff\xfe", noTime},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := ParseExpiry(c.value, expiryNow())
			var invalid *tokens.InvalidError
			if !errors.As(err, &invalid) || !got.IsZero() {
				t.Fatalf("%q is %v, %v", c.value, got, err)
			}
			for _, part := range []string{c.says, "was read as", "YYYY-MM-DDTHH:MM:SS.mmmZ", "+N days"} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("the sentence %q does not say %q", err, part)
				}
			}
		})
	}
}

func TestAComplaintIsBounded(t *testing.T) {
	_, err := ParseExpiry(strings.Repeat("é\n", 5000), expiryNow())
	if err == nil || len(err.Error()) > 500 || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %d bytes: %.600v", len(err.Error()), err)
	}
}

func FuzzExpiry(f *testing.F) {
	for _, s := range []string{
		"", " ", "+365", "+0", "2015", "20151009", "20311301", "1444419929", "2015-10-09", "2015-10-09T11:18:00.000Z", "0001",
		"00010101", "253402300799", "+99999999999", "9999-12-31T23:59:59.999Z", "+2910000",
	} {
		f.Add(s, int64(1_936_772_000_123))
	}
	const last = 253_402_300_799_999
	f.Fuzz(func(t *testing.T, value string, millis int64) {
		if millis < 0 || millis > last {
			t.Skip("not a time in which a gateway runs")
		}
		now := time.UnixMilli(millis).UTC()
		got, err := ParseExpiry(value, now)
		if again, twice := ParseExpiry(value, now); !again.Equal(got) || (twice == nil) != (err == nil) {
			t.Fatalf("%q is %v, %v and then %v, %v", value, got, err, again, twice)
		}
		if err != nil {
			var invalid *tokens.InvalidError
			if !errors.As(err, &invalid) || !got.IsZero() {
				t.Fatalf("%q is %v, %v", value, got, err)
			}
			return
		}
		if got.IsZero() != (strings.TrimSpace(value) == "") {
			t.Fatalf("%q is %v", value, got)
		}
		if got.IsZero() {
			return
		}
		if got.UnixMilli() < 0 || got.UnixMilli() > last || got.Location() != time.UTC {
			t.Fatalf("%q is %v", value, got)
		}
		if other, err := ParseExpiry(value, now.Add(time.Millisecond)); !strings.HasPrefix(strings.TrimSpace(value), "+") && (err != nil || !other.Equal(got)) {
			t.Fatalf("%q depends on the time", value)
		}
		printed := got.Format(timeForm)
		if read, err := ParseExpiry(printed, now); err != nil || !read.Equal(got) {
			t.Fatalf("%q is printed as %q, which is %v, %v", value, printed, read, err)
		}
	})
}
