package filerepository_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"tollgate/admin/filerepository"
	"tollgate/tokens"
)

func TestParseExpires(t *testing.T) {
	now := start()
	second := now.Truncate(time.Second)
	for _, c := range []struct {
		name, value string
		want        time.Time
		yields      bool
	}{
		{"nothing is half an hour", "", second.Add(30 * time.Minute), true},
		{"auto is half an hour", "auto", second.Add(30 * time.Minute), true},
		{"automatic is half an hour", "automatic", second.Add(30 * time.Minute), true},
		{"never is twenty years", "never", time.Date(2051, 5, 17, 8, 30, 0, 0, time.UTC), true},

		{"the source document's date is in the past", "2020-05-05 08:00:00", time.Date(2020, 5, 5, 8, 0, 0, 0, time.UTC), false},
		{"a date with a time", "2032-02-29 23:59:59", time.Date(2032, 2, 29, 23, 59, 59, 0, time.UTC), false},
		{"a day begins with its first instant", "2032-02-29", time.Date(2032, 2, 29, 0, 0, 0, 0, time.UTC), false},
		{"the first day", "1970-01-01", time.Unix(0, 0).UTC(), false},
		{"the last second", "9999-12-31 23:59:59", time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), false},
		{"RFC 3339", "2032-01-02T03:04:05Z", time.Date(2032, 1, 2, 3, 4, 5, 0, time.UTC), false},
		{"RFC 3339 with a zone", "2032-01-02T03:04:05+02:00", time.Date(2032, 1, 2, 1, 4, 5, 0, time.UTC), false},
		{"a fraction is cut off", "2032-01-02T03:04:05.999Z", time.Date(2032, 1, 2, 3, 4, 5, 0, time.UTC), false},

		{"no minutes are now", "+0 minutes", second, false},
		{"the original's default", "+30 minutes", second.Add(30 * time.Minute), false},
		{"a minute", "+1 minute", second.Add(time.Minute), false},
		{"hours", "+36 hours", second.Add(36 * time.Hour), false},
		{"an hour", "+1 hour", second.Add(time.Hour), false},
		{"days", "+10 days", second.Add(240 * time.Hour), false},
		{"a day", "+1 day", second.Add(24 * time.Hour), false},
		{"weeks", "+2 weeks", second.Add(14 * 24 * time.Hour), false},
		{"a week", "+1 week", second.Add(7 * 24 * time.Hour), false},
		{"months are the calendar's", "+2 months", time.Date(2031, 7, 17, 8, 30, 0, 0, time.UTC), false},
		{"a month", "+1 month", time.Date(2031, 6, 17, 8, 30, 0, 0, time.UTC), false},
		{"years are the calendar's", "+5 years", time.Date(2036, 5, 17, 8, 30, 0, 0, time.UTC), false},
		{"a year", "+1 year", time.Date(2032, 5, 17, 8, 30, 0, 0, time.UTC), false},
		{"minutes up to the last years", "+4190000000 minutes", time.Unix(second.Unix()+4_190_000_000*60, 0).UTC(), false},
		{"zeros in front", "+0010 days", second.Add(240 * time.Hour), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := filerepository.ParseExpires(c.value, now)
			if err != nil {
				t.Fatal(err)
			}
			if want := (tokens.Lifetime{Until: c.want, Yields: c.yields, Past: !c.yields}); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}

func TestADayThatAMonthDoesNotHaveCountsOn(t *testing.T) {
	for _, c := range []struct{ name, now, value, want string }{
		{"a month after the end of January", "2031-01-31 12:00:00", "+1 month", "2031-03-03 12:00:00"},
		{"in a leap year", "2032-01-31 12:00:00", "+1 month", "2032-03-02 12:00:00"},
		{"a year after a leap day", "2032-02-29 12:00:00", "+1 year", "2033-03-01 12:00:00"},
		{"four years after a leap day", "2032-02-29 12:00:00", "+4 years", "2036-02-29 12:00:00"},
	} {
		t.Run(c.name, func(t *testing.T) {
			now, err := time.Parse(time.DateTime, c.now)
			if err != nil {
				t.Fatal(err)
			}
			got, err := filerepository.ParseExpires(c.value, now)
			if err != nil || got.Until.Format(time.DateTime) != c.want {
				t.Errorf("got %v, %v, want %s", got.Until, err, c.want)
			}
		})
	}
}

func TestTimesThatAreNone(t *testing.T) {
	for _, c := range []struct{ name, value, says string }{
		{"a word", "tomorrow", "which is no time"},
		{"another's capitals", "Never", "which is no time"},
		{"blanks", " ", "which is no time"},
		{"blanks round a word", " auto ", "which is no time"},
		{"POSIX seconds", "1944000000", "which is no time"},
		{"a year", "2032", "which is no time"},
		{"a day that does not exist", "2031-02-29", "which is no time"},
		{"an hour that does not exist", "2032-01-01 24:00:00", "which is no time"},
		{"no seconds", "2032-01-01 10:00", "which is no time"},
		{"a fraction without a zone", "2032-01-01 10:00:00.5", "which is no time"},
		{"a date of one digit", "2032-1-1", "which is no time"},
		{"a time without a zone", "2032-01-01T10:00:00", "which is no time"},
		{"a comma in a fraction", "2032-01-01T10:00:00,5Z", "which is no time"},
		{"an hour of one digit", "2032-01-01T1:00:00Z", "which is no time"},
		{"a minus", "-1 day", "which is no time"},
		{"no plus", "1 day", "which is no time"},
		{"a plus alone", "+", "which is no number of a unit"},
		{"a number alone", "+30", "which is no number of a unit"},
		{"a unit alone", "+ days", "which is no number of a unit"},
		{"another unit", "+1 fortnight", "which is no number of a unit"},
		{"seconds", "+10 seconds", "which is no number of a unit"},
		{"two plurals", "+1 dayss", "which is no number of a unit"},
		{"two signs", "++1 day", "which is no number of a unit"},
		{"half a day", "+0.5 days", "which is no number of a unit"},
		{"more behind it", "+1 day ago", "which is no number of a unit"},
		{"before 1970", "1969-12-31 23:59:59", "before the year 1970"},
		{"the first year", "0001-01-01", "before the year 1970"},
		{"the last hour, elsewhere", "9999-12-31T23:59:59-01:00", "later than the year 9999"},
		{"beyond the last year", "+8000 years", "later than the year 9999"},
		{"months beyond it", "+96000 months", "later than the year 9999"},
		{"weeks beyond it", "+5000000000 weeks", "later than the year 9999"},
		{"years that would overflow", "+5000000000 years", "later than the year 9999"},
		{"more than any", "+5000000001 minutes", "later than the year 9999"},
		{"more digits than a number has", "+" + strings.Repeat("9", 40) + " days", "later than the year 9999"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := filerepository.ParseExpires(c.value, start())
			var invalid *tokens.InvalidError
			if !errors.As(err, &invalid) || got != (tokens.Lifetime{}) {
				t.Fatalf("got %+v, %v", got, err)
			}
			for _, part := range []string{"read as", c.says, "accepted are auto"} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q does not say %q", err, part)
				}
			}
		})
	}
}

func TestALongValueIsNotRepeated(t *testing.T) {
	_, err := filerepository.ParseExpires(strings.Repeat("€", 1000), start())
	if err == nil || len(err.Error()) > 400 {
		t.Errorf("got %v", err)
	}
}

func FuzzParseExpires(f *testing.F) {
	for _, seed := range []string{"", "auto", "never", "2020-05-05 08:00:00", "2032-01-01", "2032-01-02T03:04:05.5+02:00", "+30 minutes", "+1 year", "+5000000000 years", "++1 day"} {
		f.Add(seed, int64(1_937_000_000))
	}
	f.Fuzz(func(t *testing.T, value string, seconds int64) {
		if seconds < 0 || seconds > 4_000_000_000 {
			t.Skip()
		}
		now := time.Unix(seconds, 0)
		got, err := filerepository.ParseExpires(value, now)
		if err != nil {
			if got != (tokens.Lifetime{}) || len(err.Error()) > 1000 {
				t.Errorf("%q: %+v, %v", value, got, err)
			}
			return
		}
		if got.Never || got.Until.IsZero() || got.Until.Nanosecond() != 0 || got.Until.Location() != time.UTC || got.Until.Year() < 1970 || got.Until.Year() > 9999 {
			t.Errorf("%q gives %+v", value, got)
		}
		if strings.HasPrefix(value, "+") && got.Until.Before(now) {
			t.Errorf("%q at %v goes back to %v", value, now, got.Until)
		}
		again, err := filerepository.ParseExpires(got.Until.Format(time.DateTime), now)
		if err != nil || !again.Until.Equal(got.Until) {
			t.Errorf("%q is not read back: %+v, %v", value, again, err)
		}
	})
}
