//go:build !linux

package main

import (
	"errors"
	"time"
)

var errNoSockets = errors.New("load and backend of the benchmark run on Linux only")

type socket int

func listenOnLoopback() (socket, string, error) { return -1, "", errNoSockets }

func connectTo(string) (socket, error) { return -1, errNoSockets }

func (socket) accept() (socket, error) { return -1, errNoSockets }

func (socket) close() {}

func (socket) read([]byte) (int, error) { return 0, errNoSockets }

func (socket) drop([]byte) (int, error) { return 0, errNoSockets }

func (socket) write([]byte) (int, error) { return 0, errNoSockets }

type poller struct{}

func newPoller() (*poller, error) { return nil, errNoSockets }

func (*poller) close() {}

func (*poller) watch(socket) error { return errNoSockets }

func (*poller) wait(time.Duration) ([]socket, error) { return nil, errNoSockets }

func (*poller) tick(time.Duration) (socket, error) { return -1, errNoSockets }
