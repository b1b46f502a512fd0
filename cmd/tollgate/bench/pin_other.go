//go:build !linux

package main

import (
	"errors"
	"runtime"
	"syscall"
)

var errCannotPin = errors.New("processes are bound to cores on Linux only")

func allowedCores() ([]int, error) { return make([]int, runtime.NumCPU()), nil }

func tryPin([]int) error { return errCannotPin }

func runPinned([]string) error { return errCannotPin }

func childAttributes() *syscall.SysProcAttr { return nil }
