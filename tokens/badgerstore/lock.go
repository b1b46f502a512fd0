package badgerstore

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// dirLock keeps other processes out of a directory until it is released, or
// the process ends.
type dirLock struct{ f *os.File }

// lockDir locks a directory: ErrInUse if another has done so.
func lockDir(dir string) (dirLock, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // in the replica's own directory
	if err != nil {
		return dirLock{}, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = fmt.Errorf("%w: %s is locked; stop the other process first", ErrInUse, dir)
	}
	if err != nil {
		return dirLock{}, errors.Join(err, f.Close())
	}
	return dirLock{f: f}, nil
}

// release unlocks before it closes: a process that is just being started from
// this one holds the file open for a moment, and would hold the lock with it.
// See flock(2).
func (l dirLock) release() error {
	return errors.Join(syscall.Flock(int(l.f.Fd()), syscall.LOCK_UN), l.f.Close())
}
