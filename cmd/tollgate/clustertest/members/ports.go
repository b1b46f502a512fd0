package members

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
)

// The ports that members take. They are below those that Linux gives to
// outgoing connections (32768 and more), so that nobody takes the port of a
// member that is down for a while.
const (
	lowestPort  = 12000
	highestPort = 32000
)

// freeAddresses returns n addresses of loopback that nobody listens on. Another
// process may take one before it is used: see inUse.
func freeAddresses(n int) ([]string, error) {
	addresses := make([]string, 0, n)
	held := make([]net.Listener, 0, n)
	defer func() {
		for _, l := range held {
			_ = l.Close() // nothing was accepted
		}
	}()
	for range 100 * n {
		if len(addresses) == n {
			return addresses, nil
		}
		address := fmt.Sprintf("127.0.0.1:%d", lowestPort+rand.IntN(highestPort-lowestPort)) //nolint:gosec // a port is no secret
		l, err := net.Listen("tcp", address)                                                 //nolint:noctx // returns at once
		if err != nil {
			continue
		}
		held, addresses = append(held, l), append(addresses, address)
	}
	return nil, errors.New("find free ports: too few")
}

// inUse says whether a member could not start because another process has its
// port.
func inUse(err error) bool { return strings.Contains(err.Error(), "address already in use") }
