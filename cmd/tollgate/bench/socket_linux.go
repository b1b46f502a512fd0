package main

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// socket is a descriptor that never blocks. Load and backend use it without
// Go's poller and without a goroutine each, as they share a core and must cost
// less than the gateway that they measure.
type socket int

// listenOnLoopback returns a listener and its address.
func listenOnLoopback() (socket, string, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, "", fmt.Errorf("make a socket: %w", err)
	}
	s := socket(fd)
	address, err := s.listen()
	if err != nil {
		s.close()
		return -1, "", fmt.Errorf("listen: %w", err)
	}
	return s, address, nil
}

func (s socket) listen() (string, error) {
	if err := unix.Bind(int(s), &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return "", err
	}
	const waiting = 4096
	if err := unix.Listen(int(s), waiting); err != nil {
		return "", err
	}
	name, err := unix.Getsockname(int(s))
	if err != nil {
		return "", err
	}
	at, ok := name.(*unix.SockaddrInet4)
	if !ok {
		return "", errors.New("an address of another family")
	}
	return netip.AddrPortFrom(netip.AddrFrom4(at.Addr), uint16(at.Port)).String(), nil // #nosec G115 -- a port
}

// accept returns the next connection, errAgain = there is none.
func (s socket) accept() (socket, error) {
	for {
		fd, _, err := unix.Accept4(int(s), unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		switch {
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.ECONNABORTED):
		case err != nil:
			return -1, fault(err)
		default:
			return socket(fd), unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
		}
	}
}

// connectTo connects to an IPv4 address and port.
func connectTo(address string) (socket, error) {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return -1, err
	}
	if !at.Addr().Is4() {
		return -1, fmt.Errorf("%s is no IPv4 address", address)
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	err = unix.Connect(fd, &unix.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()})
	if err == nil {
		err = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	}
	if err == nil {
		err = unix.SetNonblock(fd, true)
	}
	if err != nil {
		socket(fd).close()
		return -1, err
	}
	return socket(fd), nil
}

func (s socket) close() { _ = unix.Close(int(s)) }

// read reads into p. Its errors are errAgain and those of the connection; 0
// bytes are its end.
func (s socket) read(p []byte) (int, error) {
	for {
		n, err := unix.Read(int(s), p)
		if err == nil {
			return n, nil
		}
		if !errors.Is(err, unix.EINTR) {
			return 0, fault(err)
		}
	}
}

// drop is read without copying the bytes: the kernel throws them away, tcp(7).
func (s socket) drop(p []byte) (int, error) {
	for {
		n, _, err := unix.Recvfrom(int(s), p, unix.MSG_TRUNC)
		if err == nil {
			return n, nil
		}
		if !errors.Is(err, unix.EINTR) {
			return 0, fault(err)
		}
	}
}

// write writes what there is room for, errAgain = nothing.
func (s socket) write(p []byte) (int, error) {
	for {
		n, err := unix.Write(int(s), p)
		if err == nil {
			return n, nil
		}
		if !errors.Is(err, unix.EINTR) {
			return 0, fault(err)
		}
	}
}

// fault makes errAgain of what says so.
func fault(err error) error {
	if errors.Is(err, unix.EAGAIN) {
		return errAgain
	}
	return err
}

// poller tells which sockets have something new: each arrival, each end and
// each time that there is room again is told once, epoll(7).
type poller struct {
	fd     int
	events [128]unix.EpollEvent
	ready  [128]socket
}

func newPoller() (*poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make a poller: %w", err)
	}
	return &poller{fd: fd}, nil
}

func (p *poller) close() { _ = unix.Close(p.fd) }

// watch begins to tell of a socket. Closing that ends it.
func (p *poller) watch(s socket) error {
	const edges = unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET
	e := unix.EpollEvent{Events: edges & (1<<32 - 1), Fd: int32(s)} // #nosec G115 -- a descriptor
	if err := unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, int(s), &e); err != nil {
		return fmt.Errorf("watch a socket: %w", err)
	}
	return nil
}

// wait returns the sockets with something new, none after limit. They are good
// until it is called again.
func (p *poller) wait(limit time.Duration) ([]socket, error) {
	n, err := unix.EpollWait(p.fd, p.events[:], int(max(limit, 0)/time.Millisecond)+1)
	if errors.Is(err, unix.EINTR) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("wait: %w", err)
	}
	for i, e := range p.events[:n] {
		p.ready[i] = socket(e.Fd)
	}
	return p.ready[:n], nil
}

// tick makes wait return again and again, with the socket that is returned. It
// must be read each time: only that starts the next interval.
func (p *poller) tick(every time.Duration) (socket, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return -1, os.NewSyscallError("timerfd_create", err)
	}
	each := unix.NsecToTimespec(int64(every))
	if err := unix.TimerfdSettime(fd, 0, &unix.ItimerSpec{Interval: each, Value: each}, nil); err != nil {
		socket(fd).close()
		return -1, os.NewSyscallError("timerfd_settime", err)
	}
	return socket(fd), p.watch(socket(fd))
}
