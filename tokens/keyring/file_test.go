package keyring_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"tollgate/tokens/keyring"
)

func write(t *testing.T, file, text string, mode fs.FileMode) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, mode); err != nil {
		t.Fatal(err)
	}
}

func TestLoadWantsAPrivateFile(t *testing.T) {
	for mode, fine := range map[fs.FileMode]bool{
		0o600: true, 0o400: true, 0o700: true,
		0o640: false, 0o604: false, 0o644: false, 0o620: false, 0o602: false, 0o610: false, 0o660: false, 0o666: false, 0o777: false,
	} {
		t.Run(mode.String(), func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "keys")
			write(t, file, line(1), mode)
			r, err := keyring.Load(file)
			if fine {
				if err != nil {
					t.Fatal(err)
				}
				seal(t, r, "secret", "1")
				return
			}
			if err == nil || !strings.Contains(err.Error(), file) || !strings.Contains(err.Error(), "0600") {
				t.Fatalf("got %v", err)
			}
		})
	}
}

func TestLoadRefuses(t *testing.T) {
	dir := t.TempDir()
	if _, err := keyring.Load(filepath.Join(dir, "missing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	private := filepath.Join(dir, "private")
	if err := os.Mkdir(private, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := keyring.Load(private); err == nil || !strings.Contains(err.Error(), "regular") {
		t.Errorf("a directory: %v", err)
	}
	for name, c := range brokenTexts() {
		file := filepath.Join(dir, "keys")
		write(t, file, c.text, 0o600)
		_, err := keyring.Load(file)
		if err == nil || !strings.Contains(err.Error(), file) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		expectNoLineOf(t, c.text, err)
	}
}

func TestLoadFollowsALink(t *testing.T) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "keys"), filepath.Join(dir, "link")
	write(t, file, line(1), 0o600)
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	if _, err := keyring.Load(link); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := keyring.Load(link); err == nil {
		t.Fatal("the link hides that others may read the file")
	}
}

func TestCreateMakesAPrivateKeyOnceAndLoadsItThen(t *testing.T) {
	data := filepath.Join(t.TempDir(), "not", "there")
	r, err := keyring.Create(data, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s := seal(t, r, "secret", "1")
	for path, want := range map[string]fs.FileMode{
		filepath.Join(data, "keys"):              fs.ModeDir | 0o700,
		filepath.Join(data, "keys", "seal.keys"): 0o600,
	} {
		info, err := os.Stat(path)
		if err != nil || info.Mode() != want {
			t.Errorf("%s is %v, %v", path, info.Mode(), err)
		}
	}
	again, err := keyring.Create(data, iotest.ErrReader(errors.New("it was asked for randomness")))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := again.Open(s, "1"); err != nil || got != "secret" {
		t.Fatalf("it made another key: %v", err)
	}
	entries, err := os.ReadDir(filepath.Join(data, "keys"))
	if err != nil || len(entries) != 1 {
		t.Fatalf("left behind: %v, %v", entries, err)
	}
}

func TestCreateTakesTheKeyFromItsSource(t *testing.T) {
	data := t.TempDir()
	if _, err := keyring.Create(data, bytes.NewReader(key(1))); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(data, "keys", "seal.keys"))
	if err != nil || !strings.Contains(string(text), "\n"+line(1)+"\n") {
		t.Fatalf("got %s, %v", text, err)
	}
}

func TestCreateWithoutRandomnessMakesNothing(t *testing.T) {
	data := t.TempDir()
	if _, err := keyring.Create(data, bytes.NewReader(key(1)[:31])); err == nil {
		t.Fatal("a key of 31 bytes")
	}
	entries, err := os.ReadDir(filepath.Join(data, "keys"))
	if err != nil || len(entries) != 0 {
		t.Fatalf("left behind: %v, %v", entries, err)
	}
}

func TestCreateRefusesAKeyThatIsNone(t *testing.T) {
	data := t.TempDir()
	if _, err := keyring.Create(data, bytes.NewReader(make([]byte, 32))); err == nil {
		t.Fatal("a key of zeros")
	}
	if entries, err := os.ReadDir(filepath.Join(data, "keys")); err != nil || len(entries) != 0 {
		t.Fatalf("left behind: %v, %v", entries, err)
	}
}

func TestCreateNeverReplacesAFile(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		mode fs.FileMode
	}{
		"empty": {"", 0o600}, "broken": {"broken", 0o600}, "open to others": {line(1), 0o644},
	} {
		t.Run(name, func(t *testing.T) {
			data := t.TempDir()
			file := filepath.Join(data, "keys", "seal.keys")
			if err := os.Mkdir(filepath.Dir(file), 0o700); err != nil {
				t.Fatal(err)
			}
			write(t, file, c.text, c.mode)
			asked := errors.New("it was asked for randomness")
			if _, err := keyring.Create(data, iotest.ErrReader(asked)); err == nil || errors.Is(err, asked) {
				t.Fatalf("got %v", err)
			}
			if text, err := os.ReadFile(file); err != nil || string(text) != c.text {
				t.Fatalf("the file is %q now, %v", text, err)
			}
		})
	}
}

func TestCreateFailsWhereItCannotWrite(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, "", 0o600)
	if _, err := keyring.Create(file, rand.Reader); err == nil {
		t.Fatal("the data directory is a file")
	}
}

// Two gateways that start at once on one directory must not seal with two
// keys, of which one is lost.
func TestCreateAtOnceGivesOneKey(t *testing.T) {
	for range 20 {
		data := t.TempDir()
		rings := make([]*keyring.Ring, 8)
		var all sync.WaitGroup
		for i := range rings {
			all.Go(func() {
				r, err := keyring.Create(data, rand.Reader)
				if err != nil {
					t.Error(err)
				}
				rings[i] = r
			})
		}
		all.Wait()
		if t.Failed() {
			return
		}
		s := seal(t, rings[0], "secret", "1")
		for _, r := range rings {
			if !r.Current(s) {
				t.Fatal("two of them have two keys")
			}
		}
	}
}
