package badgerstore

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAStandingComesBackOrIsRefused(t *testing.T) {
	t.Parallel()
	for _, s := range []standing{
		{1, trustNever, ""}, {7, trustAlways, ""}, {math.MaxUint64, trustBoot, "3f0c2d5e-1"}, {2, trustBoot, ""},
	} {
		dir := t.TempDir()
		if err := s.save(dir); err != nil {
			t.Fatal(err)
		}
		if got, err := loadStanding(dir); got != s || err != nil {
			t.Errorf("%+v comes back as %+v, %v", s, got, err)
		}
		text := s.text()
		for i := range text {
			if got, err := parseStanding(text[:i]); err == nil {
				t.Errorf("%q is read as %+v", text[:i], got)
			}
			spoilt := text[:i] + string(text[i]^1) + text[i+1:]
			if got, err := parseStanding(spoilt); err == nil {
				t.Errorf("%q is read as %+v", spoilt, got)
			}
		}
	}
	for name, s := range map[string]standing{
		"no generation": {0, trustAlways, ""}, "no trust": {1, "", ""}, "an unknown trust": {1, "mostly", ""},
		"a boot of two words": {1, trustBoot, "a b"},
	} {
		if got, err := parseStanding(s.text()); !errors.Is(err, errStanding) || got != (standing{}) {
			t.Errorf("%s: %+v, %v, want errStanding", name, got, err)
		}
	}
	if _, err := loadStanding(t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

func TestWhatIsBelieved(t *testing.T) {
	t.Parallel()
	rows := []struct {
		name string
		s    standing
		boot string
		want bool
	}{
		{"nothing known", standing{}, "", false},
		{"closed", standing{1, trustAlways, ""}, "b", true},
		{"closed, start unknown", standing{1, trustAlways, ""}, "", true},
		{"the same start", standing{1, trustBoot, "b"}, "b", true},
		{"another start", standing{1, trustBoot, "a"}, "b", false},
		{"starts unknown", standing{1, trustBoot, ""}, "", false},
		{"the start unknown now", standing{1, trustBoot, "a"}, "", false},
		{"the start unknown then", standing{1, trustBoot, ""}, "b", false},
		{"never", standing{1, trustNever, "b"}, "b", false},
		{"anything else", standing{1, "mostly", "b"}, "b", false},
	}
	for _, row := range rows {
		if got := row.s.believes(row.boot); got != row.want {
			t.Errorf("%s: believed = %v, want %v", row.name, got, row.want)
		}
	}
}

func TestTheIDOfTheBootIsOneWord(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		t.Skip("this system has no such id")
	}
	if id := bootID(); id == "" || id != strings.TrimSpace(string(data)) {
		t.Errorf("bootID = %q, want what the file says: %q", id, data)
	}
}

// TestAStandingIsReplacedAsAWhole: what a crash leaves of the new file is not
// read.
func TestAStandingIsReplacedAsAWhole(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	one := standing{1, trustAlways, ""}
	if err := one.save(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, currentName+".new"), []byte("tollgate rep"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := loadStanding(dir); got != one || err != nil {
		t.Errorf("standing is %+v, %v", got, err)
	}
	two := standing{2, trustBoot, "b"}
	if err := two.save(dir); err != nil {
		t.Fatal(err)
	}
	if got, err := loadStanding(dir); got != two || err != nil {
		t.Errorf("standing is %+v, %v", got, err)
	}
}

func FuzzStanding(f *testing.F) {
	f.Add(standing{3, trustBoot, "3f0c2d5e"}.text())
	f.Add(standing{1, trustAlways, ""}.text())
	f.Add("tollgate replica 1 1 never  00000000\n")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := parseStanding(text)
		switch {
		case err != nil && s != (standing{}):
			t.Errorf("%q is refused and read as %+v", text, s)
		case err == nil && s.text() != text:
			t.Errorf("%q is read as %+v, which is %q", text, s, s.text())
		}
	})
}

func FuzzPosition(f *testing.F) {
	f.Add([]byte("12345678abcdefghmark"))
	f.Add([]byte("123456781234567"))
	f.Fuzz(func(t *testing.T, data []byte) {
		at, err := parsePosition(data)
		if (err == nil) != (len(data) >= 16) {
			t.Errorf("%d bytes: %v", len(data), err)
		}
		if err == nil && string(positionValue(at)) != string(data) {
			t.Errorf("%x is read as %+v", data, at)
		}
	})
}
