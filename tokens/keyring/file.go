package keyring

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Where Create keeps its keys, below the data directory.
const (
	keysDir  = "keys"
	keysFile = "seal.keys"
)

// Load reads a ring from a file that nobody but its owner may read or write.
func Load(file string) (*Ring, error) {
	f, err := os.Open(file) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, fmt.Errorf("sealing keys: %w", err)
	}
	defer func() { _ = f.Close() }() // it was only read
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("sealing keys: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("sealing keys: %s is no regular file", file)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return nil, fmt.Errorf("sealing keys: %s has mode %04o, others than its owner may use it; accepted are 0600 and 0400", file, mode)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxText+1))
	if err != nil {
		return nil, fmt.Errorf("sealing keys: %w", err)
	}
	ring, err := Parse(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return ring, nil
}

// Create returns the ring in keys/seal.keys of the data directory. If there is
// no such file it makes one, of mode 0600 in a directory of mode 0700, with a
// key read from random, and it is as durable as the data directory when Create
// returns. A file that is there is never replaced, however broken it is: what
// was sealed with its keys would be lost.
func Create(dataDir string, random io.Reader) (*Ring, error) {
	dir := filepath.Join(dataDir, keysDir)
	file := filepath.Join(dir, keysFile)
	ring, err := Load(file)
	if !errors.Is(err, fs.ErrNotExist) {
		return ring, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("sealing keys: %w", err)
	}
	if err := write(dir, file, random); err != nil {
		return nil, fmt.Errorf("make sealing keys: %w", err)
	}
	if err := syncDir(dataDir); err != nil {
		return nil, fmt.Errorf("make sealing keys: %w", err)
	}
	return Load(file)
}

// write makes the file in one step, so that there is a whole one or none.
func write(dir, file string, random io.Reader) error {
	key := make([]byte, KeySize)
	if _, err := io.ReadFull(random, key); err != nil {
		return err
	}
	if predictable(key) {
		return errors.New("the source of randomness gives none")
	}
	text := "# Seals secrets in the token store. Keep a copy elsewhere: without it they are lost.\n" +
		base64.StdEncoding.EncodeToString(key) + "\n"
	temp, err := os.CreateTemp(dir, keysFile+".*") // with mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(temp.Name()) }() // gone already if it was renamed
	_, err = temp.WriteString(text)
	if err = errors.Join(err, temp.Sync(), temp.Close()); err != nil {
		return err
	}
	if err := publish(temp.Name(), file); err != nil {
		return err
	}
	return syncDir(dir)
}

// publish gives the file its name without replacing one that another process
// made meanwhile. Where a file system has no links, the name is given by
// renaming.
func publish(temp, file string) error {
	err := os.Link(temp, file)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return nil
	}
	return os.Rename(temp, file)
}

// syncDir makes the names in a directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir) //nolint:gosec // the operator names the directory
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// File returns the name of the file that Create reads or makes.
func File(dataDir string) string { return filepath.Join(dataDir, keysDir, keysFile) }
