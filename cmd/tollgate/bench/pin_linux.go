package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// allowedCores returns the cores that this process may run on.
func allowedCores() ([]int, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return nil, fmt.Errorf("read the cores: %w", err)
	}
	var cores []int
	for i := 0; len(cores) < set.Count(); i++ {
		if set.IsSet(i) {
			cores = append(cores, i)
		}
	}
	return cores, nil
}

// tryPin finds out whether threads can be bound to cores here.
func tryPin(cores []int) error {
	failed := make(chan error)
	go func() {
		runtime.LockOSThread() // the thread ends with the goroutine, and so does its binding
		failed <- pinThread(cores)
	}()
	return <-failed
}

func pinThread(cores []int) error {
	var set unix.CPUSet
	for _, c := range cores {
		set.Set(c)
	}
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return fmt.Errorf("bind to the cores %v: %w", cores, err)
	}
	return nil
}

// runPinned becomes another program, bound to cores: "0,1 program arguments".
// Binding a process from outside would miss the threads that it has already.
func runPinned(args []string) error {
	if len(args) < 2 {
		return errors.New("cores and a program are needed")
	}
	cores, err := parseCores(args[0])
	if err != nil {
		return err
	}
	runtime.LockOSThread()
	if err := pinThread(cores); err != nil {
		return err
	}
	raiseDescriptors()
	return syscall.Exec(args[1], args[1:], os.Environ()) // #nosec G204 -- the benchmark's own choice
}

// raiseDescriptors lets a process have as many descriptors as it may: Go does so
// for itself alone.
func raiseDescriptors() {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) == nil {
		limit.Cur = limit.Max
		_ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit) // who needs more will say so
	}
}

func parseCores(list string) ([]int, error) {
	var cores []int
	for item := range strings.SplitSeq(list, ",") {
		core, err := strconv.Atoi(item)
		if err != nil {
			return nil, fmt.Errorf("cores %q: %w", list, err)
		}
		cores = append(cores, core)
	}
	return cores, nil
}

// childAttributes make a child end with the thread that started it.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
