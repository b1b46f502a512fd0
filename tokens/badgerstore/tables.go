package badgerstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/table"
)

// maxTableSum is more than Badger's checksum of a table's index takes.
const maxTableSum = 64

// checkTables looks at the end of every table that Badger is going to open.
// One that was cut off makes Badger panic in a goroutine of its own, which
// nobody can recover from. Whatever else is wrong is for Badger to say.
func checkTables(opts badger.Options) error {
	path := filepath.Join(opts.Dir, badger.ManifestFilename)
	f, err := os.Open(path) //nolint:gosec // in the store's own directory
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	manifest, _, err := badger.ReplayManifestFile(f, 0, opts)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	for id := range manifest.Tables {
		if err := checkTable(table.NewFilename(id, opts.Dir)); err != nil {
			return err
		}
	}
	return nil
}

// checkTable reads a table backwards, as Badger does: length of a checksum,
// the checksum, length of the index, the index.
func checkTable(path string) error {
	f, err := os.Open(path) //nolint:gosec // in the store's own directory
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	end := info.Size() - 4
	sum, err := lengthAt(f, end)
	if err != nil || sum > maxTableSum {
		return fmt.Errorf("table %s is cut off", path)
	}
	end -= sum + 4
	if index, err := lengthAt(f, end); err != nil || index > end {
		return fmt.Errorf("table %s is cut off", path)
	}
	return nil
}

func lengthAt(f *os.File, at int64) (int64, error) {
	var b [4]byte
	if _, err := f.ReadAt(b[:], at); err != nil {
		return 0, err
	}
	return int64(binary.BigEndian.Uint32(b[:])), nil
}
