package badgerstore

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"math"
	"os"
	"path/filepath"
)

// ErrDamagedMark says that the file high-water cannot be read.
var ErrDamagedMark = errors.New("high-water mark is damaged")

const markName = "high-water"

// unreadable stands for the number in a damaged file: ahead of every database
// and to be written over.
const unreadable = math.MaxUint64

// highWater is the file that holds the number of the last commit, beside the
// database and not in it: a database that comes back older than that has lost
// acknowledged writes, which Badger does not notice by itself. The zero value
// is not usable.
type highWater struct {
	path  string
	saved uint64 // zero = no file
}

// loadMark reads the file in a directory. That there is none is no error.
func loadMark(dir string) (highWater, error) {
	m := highWater{path: filepath.Join(dir, markName)}
	data, err := os.ReadFile(m.path)
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err != nil {
		return m, fmt.Errorf("read high-water mark: %w", err)
	}
	var n uint64
	if _, err := fmt.Sscanf(string(data), "tollgate high-water 1 %d ", &n); err != nil || string(data) != markText(n) {
		m.saved = unreadable
		return m, fmt.Errorf("%w: %s holds %q", ErrDamagedMark, m.path, data)
	}
	m.saved = n
	return m, nil
}

func markText(n uint64) string {
	text := fmt.Sprintf("tollgate high-water 1 %d", n)
	return fmt.Sprintf("%s %08x\n", text, crc32.Checksum([]byte(text), castagnoli()))
}

// save makes n durable as the mark, unless it is already. The file is
// replaced as a whole, so that a crash leaves the old or the new one.
func (m *highWater) save(n uint64) error {
	if n == m.saved {
		return nil
	}
	if err := replaceFile(m.path, markText(n)); err != nil {
		return fmt.Errorf("save high-water mark: %w", err)
	}
	m.saved = n
	return nil
}

func replaceFile(path, text string) error {
	fresh := path + ".new"
	if err := writeSynced(fresh, text); err != nil {
		return err
	}
	if err := os.Rename(fresh, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func writeSynced(path, text string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600) //nolint:gosec // in the store's own directory
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func syncDir(path string) error {
	d, err := os.Open(path) //nolint:gosec // the store's own directory
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// castagnoli returns the table of CRC-32C, which the library makes once.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }
