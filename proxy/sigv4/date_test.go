package sigv4

import (
	"testing"
	"time"
)

// byTheBook is parseISO by means of time.Parse.
func byTheBook(date string) (time.Time, bool) {
	t, err := time.Parse(isoBasic, date)
	return t, err == nil && len(date) == len(isoBasic)
}

func TestParseISO(t *testing.T) {
	for date, want := range map[string]bool{
		"20130524T000000Z": true, "20160229T235959Z": true, "00000101T000000Z": true, "99991231T235959Z": true, "20000229T000000Z": true,
		"20150229T000000Z": false, "19000229T000000Z": false, "20130431T000000Z": false, "20130532T000000Z": false,
		"20130500T000000Z": false, "20130024T000000Z": false, "20131324T000000Z": false, "20130524T240000Z": false,
		"20130524T006000Z": false, "20130524T000060Z": false, "20130524T00000aZ": false, "+0130524T000000Z": false,
		"2013 524T000000Z": false, "20130524t000000Z": false, "20130524T000000z": false, "20130524T000000+": false,
		"20130524T00000.5": false, "20130524T0000.5Z": false, "20130524T000000.5Z": false, "20130524T00000Z": false,
		"2013:524T000000Z": false, "/0130524T000000Z": false, "": false, "T": false,
	} {
		got, valid := parseISO(date)
		book, bookValid := byTheBook(date)
		if valid != want || bookValid != want || want && got != book {
			t.Errorf("%q: %v, %v, want %v; time.Parse: %v, %v", date, got, valid, want, book, bookValid)
		}
	}
	for month := range 14 { // every day that there is, and those that are not
		for day := range 33 {
			for _, year := range []string{"2015", "2016", "1900", "2000"} {
				date := year + string(appendTwoDigits(appendTwoDigits(nil, month), day)) + "T010203Z"
				got, valid := parseISO(date)
				if book, bookValid := byTheBook(date); valid != bookValid || valid && got != book {
					t.Errorf("%s: %v, %v", date, got, valid)
				}
			}
		}
	}
}

func TestAppendISO(t *testing.T) {
	for _, at := range []time.Time{
		{}, time.Date(2013, 5, 24, 1, 2, 3, 999_999_999, time.UTC), time.Date(2016, 2, 29, 23, 59, 59, 0, time.FixedZone("east", 9*3600)),
		time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(905, 10, 10, 10, 10, 10, 0, time.UTC),
	} {
		if got, want := string(appendISO([]byte("x"), at)), "x"+at.UTC().Format(isoBasic); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// FuzzParseISO: what is read, and as what, is what time.Parse has.
func FuzzParseISO(f *testing.F) {
	for _, date := range []string{"20130524T000000Z", "20160229T235960Z", "20130524T0000.5Z", "", "2013+524T000000Z"} {
		f.Add(date)
	}
	f.Fuzz(func(t *testing.T, date string) {
		got, valid := parseISO(date)
		book, bookValid := byTheBook(date)
		if valid != bookValid || valid && got != book {
			t.Fatalf("%q: %v, %v", date, got, valid)
		}
		if valid && string(appendISO(nil, got)) != date {
			t.Fatalf("%q comes back as %q", date, appendISO(nil, got))
		}
	})
}
