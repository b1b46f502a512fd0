package badgerstore

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// dirLock keeps other processes out of a directory until it is released or the
// process ends. It is the lock that Badger would take, but for how it is
// released.
type dirLock struct{ fd int }

// lockDir locks a directory: ErrInUse if another has done so.
func lockDir(dir string) (dirLock, error) {
	fd, err := syscall.Open(dir, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return dirLock{}, &os.PathError{Op: "open", Path: dir, Err: err}
	}
	err = syscall.Flock(fd, syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = fmt.Errorf("%w: %s is locked; stop the other process first", ErrInUse, dir)
	}
	if err != nil {
		return dirLock{}, errors.Join(err, syscall.Close(fd))
	}
	return dirLock{fd: fd}, nil
}

// release unlocks before it closes: a process that is just being started from
// this one has the directory open for a moment, and would hold the lock for as
// long. See flock(2).
func (l dirLock) release() error {
	return errors.Join(syscall.Flock(l.fd, syscall.LOCK_UN), syscall.Close(l.fd))
}
