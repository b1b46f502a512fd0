package main

import (
	"math"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestPrintable(t *testing.T) {
	for _, row := range []struct{ name, text, want string }{
		{"PlainAsItIs", "nightly backup", "nightly backup"},
		{"OtherScriptsAsTheyAre", "Füße 東京 😀", "Füße 東京 😀"},
		{"NothingAsItIs", "", ""},
		{"ABackslashAsItIs", `a\tb`, `a\tb`},
		{"TabQuoted", "a\tb", `"a\tb"`},
		{"NewlineQuoted", "a\nb", `"a\nb"`},
		{"ReturnQuoted", "a\rb", `"a\rb"`},
		{"EscapeQuoted", "\x1b]0;x\a", `"\x1b]0;x\a"`},
		{"DeleteQuoted", "a\x7f", `"a\x7f"`},
		{"ControlOfTheUpperHalfQuoted", "a\u009bb", `"a\u009bb"`},
		{"DirectionQuoted", "a\u202eb", `"a\u202eb"`},
		{"InvisibleQuoted", "a\u200bb", `"a\u200bb"`},
		{"OtherBlankQuoted", "a\u00a0b", `"a\u00a0b"`},
		{"LineSeparatorQuoted", "a\u2028b", `"a\u2028b"`},
		{"BrokenTextQuoted", "a\xffb", `"a\xffb"`},
		{"WhatLooksQuotedQuoted", `"a"`, `"\"a\""`},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := printable(row.text); got != row.want {
				t.Errorf("%s, want %s", got, row.want)
			}
		})
	}
}

func FuzzPrintable(f *testing.F) {
	for _, seed := range []string{"", "a", "a\tb", "\x1b[2J", `"`, "\u202e", "\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := printable(text)
		if strings.ContainsFunc(got, func(r rune) bool { return !strconv.IsPrint(r) }) {
			t.Errorf("%q became %q", text, got)
		}
		back, err := strconv.Unquote(got)
		if !strings.HasPrefix(got, `"`) {
			back, err = got, nil
		}
		if err != nil || back != text {
			t.Errorf("%q became %q, which is %q (%v)", text, got, back, err)
		}
	})
}

func TestParseSize(t *testing.T) {
	for _, row := range []struct {
		text string
		want int64 // -1 = refused
	}{
		{"0", 0}, {"1", 1}, {"1024", 1024}, {"7B", 7}, {"10kB", 10_000}, {"10KB", 10_000}, {"10MB", 10_000_000}, {"3GB", 3_000_000_000}, {"1TB", 1e12},
		{"1KiB", 1 << 10}, {"10MiB", 10 << 20}, {"2GiB", 2 << 30}, {"1TiB", 1 << 40}, {"10 MiB", 10 << 20},
		{"9223372036854775807", math.MaxInt64}, {"9223372036854775808", -1}, {"8388607TiB", 8388607 << 40}, {"8388608TiB", -1}, {"99999999999999999999GB", -1},
		{"", -1}, {"B", -1}, {"MiB", -1}, {"-1", -1}, {"+1", -1}, {"1.5MiB", -1}, {"10M", -1}, {"10mib", -1}, {"0x10", -1}, {"1_000", -1}, {"10MiBB", -1}, {" 10", -1},
	} {
		t.Run(row.text, func(t *testing.T) {
			got, err := parseSize("--size", row.text)
			if row.want < 0 {
				if err == nil || !strings.Contains(err.Error(), strconv.Quote(row.text)) {
					t.Errorf("%d, %v", got, err)
				}
				return
			}
			if err != nil || got != row.want {
				t.Errorf("%d, %v", got, err)
			}
		})
	}
}

func TestParseSpan(t *testing.T) {
	for _, row := range []struct {
		text string
		want time.Duration // 0 = refused
	}{
		{"90d", 90 * day}, {"1w", 7 * day}, {"12h", 12 * time.Hour}, {"1h30m", 90 * time.Minute}, {"90s", 90 * time.Second}, {"1.5h", 90 * time.Minute},
		{"106751d", 106751 * day}, {"106752d", 0}, {"15250w", 15250 * 7 * day}, {"15251w", 0}, {"99999999999d", 0},
		{"", 0}, {"0", 0}, {"0d", 0}, {"-1d", 0}, {"+1d", 0}, {"-1h", 0}, {"90", 0}, {"1.5d", 0}, {"d", 0}, {"w", 0}, {"1d12h", 0}, {"soon", 0},
	} {
		t.Run(row.text, func(t *testing.T) {
			if got, ok := parseSpan(row.text); ok != (row.want > 0) || ok && got != row.want {
				t.Errorf("%v, %v", got, ok)
			}
		})
	}
}

// FuzzFlags: whatever is typed, what is sent is well-formed or nothing.
func FuzzFlags(f *testing.F) {
	for _, seed := range []string{"", "+7", "12h", "90d", "never", "2031", "20310517", "2031-05-17", "2031-05-17T08:30:00.250Z", "2031-05-17T08:30:00+02:00", "10MiB", "a@b,c", `a\,b`, "x=y", "-1", "99999999999999999999"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d := document{}
		if err := d.life(text); err == nil && len(d) != 1 {
			t.Errorf("%q becomes %v", text, d)
		}
		if at, err := parseTime("--x", text); err == nil {
			if _, err := time.Parse(time.RFC3339Nano, at); err != nil || !strings.HasSuffix(at, "Z") {
				t.Errorf("%q becomes the time %q", text, at)
			}
		}
		if span, ok := parseSpan(text); ok && span <= 0 {
			t.Errorf("%q becomes %v", text, span)
		}
		if size, err := parseSize("--x", text); err == nil && size < 0 {
			t.Errorf("%q becomes %d", text, size)
		}
		if g, err := parseGrant(text); err == nil && (hasBlank(g.Permissions) || hasBlank(g.Resources) || strings.Contains(text, "@") != (len(g.Resources) > 0)) {
			t.Errorf("%q becomes %+v", text, g)
		}
	})
}
