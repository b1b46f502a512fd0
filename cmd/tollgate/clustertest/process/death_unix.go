//go:build unix && !linux

package process

import "syscall"

// endsWithParent does nothing here: only Linux can do it.
func endsWithParent() *syscall.SysProcAttr { return nil }
