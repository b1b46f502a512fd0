package process

import "syscall"

// endsWithParent has the system kill the program when the test binary dies: a
// test binary that panics or is killed runs no clean-up.
func endsWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
