package badgerstore_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"tollgate/tokens"
	"tollgate/tokens/badgerstore"
)

const corruptTokens = 300

// TestDamagedFilesNeverGiveWrongTokens damages every file of a store in many
// places. Each time the store must refuse to open, or refuse to read, or give
// the tokens as they were: a revoked one above all must never be live. Some
// damage makes Badger end the process, so that children do the opening.
func TestDamagedFilesNeverGiveWrongTokens(t *testing.T) {
	t.Parallel()
	for name, closed := range map[string]string{"after a clean end": "yes", "after a crash": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			image := t.TempDir()
			runCorruptChild(t, "build", "STORE_DIR="+image, "STORE_CLOSE="+closed)
			files := storeFiles(t, image)
			verdicts := map[string]int{}
			for _, file := range files {
				for _, damage := range damages(t, filepath.Join(image, file)) {
					out := checkDamaged(t, image, file, damage)
					verdicts[out]++
				}
			}
			t.Logf("%d files: %v", len(files), verdicts)
			if verdicts["refused"] == 0 || verdicts["served"] == 0 {
				t.Errorf("verdicts are %v: the damage has not met what it should", verdicts)
			}
		})
	}
}

// damage changes a copy of a file: cut at an offset or flip a byte there.
type damage struct {
	cut bool
	at  int64
}

// damages returns where to damage a file: everywhere in what is written, and
// once in the empty rest.
func damages(t *testing.T, path string) []damage {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	used := int64(len(strings.TrimRight(string(data), "\x00")))
	list := []damage{{cut: true, at: 0}}
	for i := range int64(4) {
		if at := i * used / 4; used > 0 {
			list = append(list, damage{at: at}, damage{cut: true, at: at + 1})
		}
	}
	if used > 0 {
		list = append(list, damage{at: used - 1}, damage{cut: true, at: used - 1})
	}
	return list
}

func storeFiles(t *testing.T, dir string) []string {
	t.Helper()
	var files []string
	for _, pattern := range []string{"high-water", "db/*"} {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range found {
			file, err := filepath.Rel(dir, path)
			if err != nil {
				t.Fatal(err)
			}
			if filepath.Base(file) != "LOCK" { // says who has it open, and is not read
				files = append(files, file)
			}
		}
	}
	if len(files) < 4 {
		t.Fatalf("a store of only %v", files)
	}
	return files
}

func checkDamaged(t *testing.T, image, file string, d damage) string {
	t.Helper()
	dir := t.TempDir()
	copySparse(t, image, dir)
	spoil(t, filepath.Join(dir, file), d)
	what := fmt.Sprintf("%s, %+v", file, d)
	return judge(t, what, runCorruptChild(t, "check", "STORE_DIR="+dir))
}

// spoil damages a file.
func spoil(t *testing.T, path string, d damage) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if d.cut {
		err = f.Truncate(d.at)
	} else {
		b := make([]byte, 1)
		_, err = f.ReadAt(b, d.at)
		b[0] ^= 0x5a
		if err == nil {
			_, err = f.WriteAt(b, d.at)
		}
	}
	if err = errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

// judge reads what the child said. One that said nothing was ended by Badger.
func judge(t *testing.T, what, out string) string {
	t.Helper()
	for _, verdict := range []string{"WRONG", "refused", "served"} {
		i := strings.Index(out, verdict)
		switch {
		case i >= 0 && verdict == "WRONG":
			t.Errorf("%s: %s", what, out[i:min(i+300, len(out))])
			return verdict
		case i >= 0:
			return verdict
		}
	}
	t.Logf("%s: the process was ended: %.300s", what, out)
	return "ended"
}

// copySparse copies a store without filling the holes in its files.
func copySparse(t *testing.T, from, to string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "cp", "-r", from+"/.", to).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

func runCorruptChild(t *testing.T, what string, env ...string) string {
	t.Helper()
	out, err := child(t, "TestChildOfDamagedFiles", what, env...).CombinedOutput()
	if err != nil && what == "build" && !strings.Contains(string(out), "built") {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

// TestChildOfDamagedFiles is the process that makes the store or opens the
// damaged one.
func TestChildOfDamagedFiles(t *testing.T) {
	switch os.Getenv(childEnv) {
	case "build":
		buildStore(t, os.Getenv("STORE_DIR"))
	case "check":
		fmt.Println(checkStore(t, os.Getenv("STORE_DIR")))
	default:
		t.Skip("not a test of its own: TestDamagedFilesNeverGiveWrongTokens runs it as a process")
	}
}

// buildStore creates tokens and revokes each third. To make the image of a
// crash whose high-water mark is up to date, the database is copied while it
// is open and the mark after it was closed.
func buildStore(t *testing.T, dir string) {
	t.Helper()
	live := t.TempDir()
	s, err := badgerstore.Open(badgerstore.Config{Dir: live})
	if err != nil {
		t.Fatal(err)
	}
	for n := range corruptTokens {
		tok := putNumbered(t, s, n)
		if n%3 == 0 {
			tok.Revoked = tokens.Mark{At: revokedAt(), By: "grace"}
			if _, err := s.Put(t.Context(), tok); err != nil {
				t.Fatal(err)
			}
		}
	}
	if os.Getenv("STORE_CLOSE") == "" {
		copySparse(t, live, dir)
	}
	closeStore(t, s)
	if os.Getenv("STORE_CLOSE") == "" {
		data, err := os.ReadFile(filepath.Join(live, "high-water"))
		if err = errors.Join(err, os.WriteFile(filepath.Join(dir, "high-water"), data, 0o600)); err != nil {
			t.Fatal(err)
		}
	} else {
		copySparse(t, live, dir)
	}
	fmt.Println("built")
}

func checkStore(t *testing.T, dir string) string {
	t.Helper()
	s, err := badgerstore.Open(badgerstore.Config{Dir: dir})
	if err != nil {
		return "refused to open: " + err.Error()
	}
	defer func() { _ = s.Close() }()
	verdict := "served"
	for n := range corruptTokens {
		want := numbered(n)
		tok, err := s.ByHash(t.Context(), want.Hash)
		switch {
		case errors.Is(err, tokens.ErrUnknown):
			return "WRONG: token " + strconv.Itoa(n) + " is gone"
		case err != nil:
			verdict = "refused to read: " + err.Error()
		case tok.ID != want.ID || tok.Owner != want.Owner || !tok.Expires.Equal(want.Expires):
			return fmt.Sprintf("WRONG: token %d is %+v", n, tok)
		case (tok.StateAt(revokedAt()) == tokens.Revoked) != (n%3 == 0):
			return fmt.Sprintf("WRONG: token %d is %s", n, tok.StateAt(revokedAt()))
		}
	}
	return verdict
}
