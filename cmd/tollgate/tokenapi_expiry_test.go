package main

import (
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestTokenAPIExpiry sends every form of the header, and what is none.
func TestTokenAPIExpiry(t *testing.T) {
	g := startGateway(t, setup{})
	next := time.Now().UTC().AddDate(2, 0, 0) // a year that does not begin soon
	day := time.Date(next.Year(), next.Month(), next.Day(), 0, 0, 0, 0, time.UTC)
	posix := next.Truncate(time.Second)
	for _, row := range []struct {
		name, value string
		want        time.Time // zero = after lasts
		lasts       time.Duration
	}{
		{"Absent", "", time.Time{}, 24 * time.Hour},
		{"Days", "+1", time.Time{}, 86_400 * time.Second},
		{"ManyDays", "+365", time.Time{}, 365 * 86_400 * time.Second},
		{"DaysWithZeros", "+007", time.Time{}, 7 * 86_400 * time.Second},
		{"Padded", "  +1 ", time.Time{}, 86_400 * time.Second},
		{"Year", strconv.Itoa(next.Year()), time.Date(next.Year(), 1, 1, 0, 0, 0, 0, time.UTC), 0},
		{"LastYear", "9999", time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), 0},
		{"CompactDate", day.Format("20060102"), day, 0},
		{"LeapDayCompact", "20960229", time.Date(2096, 2, 29, 0, 0, 0, 0, time.UTC), 0},
		{"Seconds", strconv.FormatInt(posix.Unix(), 10), posix, 0},
		{"SecondsElevenDigits", "32503680000", time.Date(3000, 1, 1, 0, 0, 0, 0, time.UTC), 0},
		{"LastSecond", "253402300799", time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), 0},
		{"Date", day.Format("2006-01-02"), day, 0},
		{"LeapDay", "2096-02-29", time.Date(2096, 2, 29, 0, 0, 0, 0, time.UTC), 0},
		{"Time", day.Format("2006-01-02") + "T11:18:00.123Z", day.Add(11*time.Hour + 18*time.Minute + 123*time.Millisecond), 0},
		{"LastInstant", "9999-12-31T23:59:59.999Z", time.Date(9999, 12, 31, 23, 59, 59, 999e6, time.UTC), 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			h := headers("X-User-Token-Expires-Meta", row.value)
			if row.value == "" {
				h = nil
			}
			d := g.manage(john, tenantPath, h)
			end := instant(t, d.Expiration)
			if row.want.IsZero() {
				if over := d.lifetime(t) - row.lasts; over < 0 || over >= time.Second {
					t.Errorf("lives %v longer than wished", over)
				}
				return
			}
			if !end.Equal(row.want) {
				t.Errorf("ends %v, want %v", end, row.want)
			}
		})
	}
	t.Run("EmptyIsAbsent", func(t *testing.T) {
		d := g.manage(john, tenantPath, headers("X-User-Token-Expires-Meta", ""))
		if ttl := d.lifetime(t); ttl < 24*time.Hour || ttl > 24*time.Hour+time.Second {
			t.Errorf("lives %v", ttl)
		}
	})
}

// TestTokenAPIExpiryRefused: the sentence says what was read and what is
// accepted.
func TestTokenAPIExpiryRefused(t *testing.T) {
	g := startGateway(t, setup{})
	now := time.Now().UTC()
	for _, row := range []struct{ name, value, read string }{
		{"Garbage", "tomorrow", `"tomorrow"`},
		{"Negative", "-1", `"-1"`},
		{"PlusAlone", "+", `"+"`},
		{"PlusWord", "+1d", `"+1d"`},
		{"PlusPlus", "++1", `"++1"`},
		{"PlusSpace", "+ 1", `"+ 1"`},
		{"DaysZero", "+0", "not in the future"},
		{"DaysTooMany", "+4000000", `"+4000000"`},
		{"DaysOverflow", "+99999999999999999999", `"+99999999999999999999"`},
		{"ThisYear", strconv.Itoa(now.Year()), strconv.Itoa(now.Year()) + "-01-01T00:00:00.000Z"},
		{"Year2015", "2015", "2015-01-01T00:00:00.000Z"},
		{"YearZero", "0000", `"0000"`},
		{"PastCompactDate", "20151009", "2015-10-09T00:00:00.000Z"},
		{"EightDigitsNoDate", "20151399", "1970-08-22T"},
		{"PastSeconds", "1444419929", "2015-10-09T19:45:29.000Z"},
		{"Zero", "0", "1970-01-01T00:00:00.000Z"},
		{"SecondsBeyond", "253402300800", `"253402300800"`},
		{"SecondsOverflow", "9223372036854775808", `"9223372036854775808"`},
		{"SecondsOverflowMuch", strings.Repeat("9", 200), `"9999`},
		{"PastDate", "2015-10-09", "2015-10-09T00:00:00.000Z"},
		{"Today", now.Format("2006-01-02"), now.Format("2006-01-02") + "T00:00:00.000Z"},
		{"PastTime", "2015-10-09T11:18:00.000Z", "2015-10-09T11:18:00.000Z"},
		{"NoLeapDay", "2095-02-29", `"2095-02-29"`},
		{"NoLeapDayTime", "2095-02-29T00:00:00.000Z", `"2095-02-29T00:00:00.000Z"`},
		{"Month13", "2099-13-01", `"2099-13-01"`},
		{"Day31", "2099-04-31", `"2099-04-31"`},
		{"DayZero", "2099-04-00", `"2099-04-00"`},
		{"Hour24", "2099-04-01T24:00:00.000Z", `"2099-04-01T24:00:00.000Z"`},
		{"LeapSecond", "2099-04-01T23:59:60.000Z", `"2099-04-01T23:59:60.000Z"`},
		{"NoMilliseconds", "2099-04-01T00:00:00Z", `"2099-04-01T00:00:00Z"`},
		{"Microseconds", "2099-04-01T00:00:00.000000Z", `"2099-04-01T00:00:00.000000Z"`},
		{"Comma", "2099-04-01T00:00:00,000Z", `"2099-04-01T00:00:00,000Z"`},
		{"Offset", "2099-04-01T00:00:00.000+02:00", `"2099-04-01T00:00:00.000+02:00"`},
		{"NoZone", "2099-04-01T00:00:00.000", `"2099-04-01T00:00:00.000"`},
		{"LowerCase", "2099-04-01t00:00:00.000z", `"2099-04-01t00:00:00.000z"`},
		{"Slashes", "2099/04/01", `"2099/04/01"`},
		{"OneDigitMonth", "2099-4-01", `"2099-4-01"`},
		{"FiveDigitYear", "12099-04-01", `"12099-04-01"`},
		{"Fraction", "1.5", `"1.5"`},
		{"ArabicDigits", "٢٠٩٩", `"٢٠٩٩"`},
		{"HTTPDate", "Fri, 12 May 2099 00:00:00 GMT", `"Fri, 12 May 2099 00:00:00 GMT"`},
	} {
		t.Run(row.name, func(t *testing.T) {
			for _, path := range []string{tokenPath, tenantPath} {
				got := g.do(ask{method: "POST", target: path, user: john, header: headers("X-User-Token-Expires-Meta", row.value)})
				wantProblem(t, got, 400)
				if says := detail(t, got); !strings.Contains(says, row.read) || !strings.Contains(says, "accepted") || len(says) > 400 {
					t.Errorf("says %q, want it to say %s and what is accepted", says, row.read)
				}
			}
		})
	}
	if ids := g.listedIDs(root, tenantPath); len(ids) != 0 {
		t.Errorf("tokens were made all the same: %v", ids)
	}
}

// TestTokenAPIMaxTTL: a longer wish is refused, none at all is cut.
func TestTokenAPIMaxTTL(t *testing.T) {
	for _, row := range []struct{ name, config string }{
		{"BelowDefault", "  max_ttl: 2h\n"},
		{"DefaultNever", "  max_ttl: 2h\n  default_ttl: 0s\n"},
	} {
		t.Run(row.name, func(t *testing.T) {
			g := startGateway(t, setup{tokens: row.config})
			d := g.manage(john, tenantPath, nil)
			if over := d.lifetime(t) - 2*time.Hour; over < 0 || over >= time.Second {
				t.Errorf("a token without a wish lives %v too long", over)
			}
			soon := time.Now().UTC().Add(time.Hour).Format("2006-01-02T15:04:05.000Z")
			if d := g.manage(john, tenantPath, headers("X-User-Token-Expires-Meta", soon)); d.Expiration != soon {
				t.Errorf("ends %s, want %s", d.Expiration, soon)
			}
			late := time.Now().UTC().Add(3 * time.Hour).Format("2006-01-02T15:04:05.000Z")
			for _, value := range []string{late, "+1", "9999", "99991231", "253402300799"} {
				got := g.do(ask{method: "POST", target: tenantPath, user: john, header: headers("X-User-Token-Expires-Meta", value)})
				wantProblem(t, got, 400)
				if says := detail(t, got); !strings.Contains(says, "was read as") || !strings.Contains(says, "accepted is up to") {
					t.Errorf("%s: says %q", value, says)
				}
			}
		})
	}
}

// TestTokenAPINeverEnds: a gateway may be told that tokens do not end.
func TestTokenAPINeverEnds(t *testing.T) {
	g := startGateway(t, setup{tokens: "  default_ttl: 0s\n"})
	a := g.do(ask{method: "POST", target: tenantPath, user: john})
	if a.status != 201 || !strings.Contains(a.body, `"expiration":null`) {
		t.Errorf("%d %s", a.status, a.body)
	}
	if set := a.header.Get("Set-Cookie"); strings.Contains(set, "Max-Age") || strings.Contains(set, "Expires") {
		t.Errorf("the cookie ends: %q", set)
	}
	list := objects(t, g.do(ask{target: tokenPath + "?format=json", user: john}))
	if len(list) != 1 || member(t, list[0], "lifepoint") != "[] reps=2" {
		t.Errorf("%q", list)
	}
}
