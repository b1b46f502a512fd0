package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// peerTokens is how many tokens the peers that check know.
const peerTokens = 10_000

// peerToken is the token with a number. It has the form of ours.
func peerToken(n int) string { return fmt.Sprintf("%032x", n+1) }

// peers are the gateways of other projects, started.
type peers struct {
	plain, big, unbuffered, checking way // nginx
	haproxy                          way
}

// peerAddresses are where they listen.
type peerAddresses struct {
	backend                                   string
	plain, big, unbuffered, checking, haproxy string
}

func (l *launcher) startPeers(ctx context.Context, backend string) (peers, error) {
	at := peerAddresses{backend: backend}
	for _, a := range []*string{&at.plain, &at.big, &at.unbuffered, &at.checking, &at.haproxy} {
		var err error
		if *a, err = freeAddress(ctx); err != nil {
			return peers{}, err
		}
	}
	nginx, err := l.startNginx(ctx, at)
	if err != nil {
		return peers{}, err
	}
	haproxy, err := l.startHaproxy(ctx, at)
	if err != nil {
		return peers{}, err
	}
	checks := way{carry: bearer(peerToken(0)), wrong: bearer(wrongToken)}
	p := peers{
		plain:      way{name: rowNginx, address: at.plain, gateway: nginx},
		big:        way{name: rowNginxBig, address: at.big, gateway: nginx},
		unbuffered: way{name: rowNginxUnbuffered, address: at.unbuffered, gateway: nginx},
		checking:   checks.at(rowAuthRequest, at.checking, nginx),
		haproxy:    checks.at(rowHaproxy, at.haproxy, haproxy),
	}
	for _, w := range []way{p.plain, p.haproxy} {
		if err := w.await(ctx); err != nil {
			return peers{}, fmt.Errorf("%w: %s", err, l.complaintOf(w.gateway.name))
		}
	}
	return p, nil
}

// startPeer starts a program that is looked for where administrators have
// theirs, too. What it says is in a file of our directory.
func (l *launcher) startPeer(ctx context.Context, name string, args ...string) (*process, error) {
	binary, err := findPeer(name)
	if err != nil {
		return nil, err
	}
	said, err := os.Create(l.complaintFile(name))
	if err != nil {
		return nil, err
	}
	defer func() { _ = said.Close() }() // the process has its own
	cmd := l.gateway(ctx, binary, args...)
	cmd.Stdout, cmd.Stderr = said, said
	return l.start(name, cmd)
}

func findPeer(name string) (string, error) {
	found, err := exec.LookPath(name)
	for _, dir := range []string{"/usr/sbin", "/usr/local/sbin"} {
		if err != nil {
			found, err = exec.LookPath(filepath.Join(dir, name))
		}
	}
	if err != nil {
		return "", fmt.Errorf("%s is not installed: run cmd/tollgate/bench/install.sh, as make bench does: %w", name, err)
	}
	return found, nil
}

func (l *launcher) complaintFile(name string) string { return filepath.Join(l.dir, name+".said") }

// complaintOf is what a peer said.
func (l *launcher) complaintOf(name string) []byte {
	text, err := os.ReadFile(l.complaintFile(name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return []byte(err.Error())
	}
	return bytes.TrimSpace(text)
}

// await waits until a gateway passes a request on.
func (w way) await(ctx context.Context) error {
	ctx, done := context.WithTimeout(ctx, readyLimit)
	defer done()
	r := w.get(1)
	return await(ctx, w.name, func() error { return expect(ctx, r, answer{http.StatusOK, 1}) })
}

// await tries until there is no error or the context ends.
func await(ctx context.Context, name string, try func() error) error {
	tick := time.NewTicker(readyPoll)
	defer tick.Stop()
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s did not start: %w: %w", name, ctx.Err(), err)
		case <-tick.C:
		}
	}
}
