package accounts

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"tollgate/tokens"
)

// ErrBusy says: as many passwords are being checked as may be. Trying again later
// is worth while.
var ErrBusy = errors.New("too many password checks at once")

// Limits bounds what checking passwords may cost. A field that is zero or
// less takes its value from DefaultLimits.
type Limits struct {
	Concurrent int           // hashes computed at once
	Queue      int           // checks that wait for their turn
	Wait       time.Duration // how long each of them waits
	Remember   time.Duration // how long a success is remembered
	Remembered int           // how many successes are
}

// DefaultLimits returns the limits that suit this process: half of its
// processors hash, so that requests which carry a token do not stand behind a
// flood of wrong passwords; 64 wait for 1 s; 10,000 successes are remembered
// for 60 s.
func DefaultLimits() Limits {
	return Limits{
		Concurrent: max(1, runtime.GOMAXPROCS(0)/2),
		Queue:      64,
		Wait:       time.Second,
		Remember:   time.Minute,
		Remembered: 10_000,
	}
}

func (l Limits) withDefaults() Limits {
	d := DefaultLimits()
	for _, f := range []struct {
		have  *int
		other int
	}{{&l.Concurrent, d.Concurrent}, {&l.Queue, d.Queue}, {&l.Remembered, d.Remembered}} {
		if *f.have <= 0 {
			*f.have = f.other
		}
	}
	for _, f := range []struct {
		have  *time.Duration
		other time.Duration
	}{{&l.Wait, d.Wait}, {&l.Remember, d.Remember}} {
		if *f.have <= 0 {
			*f.have = f.other
		}
	}
	return l
}

// Stats counts what a Gate did since it was made.
type Stats struct {
	Hashed     uint64 // hashes computed, for users that do not exist too
	Remembered uint64 // checks answered from memory
	Shared     uint64 // checks answered by another check's hash
	Busy       uint64 // checks refused with ErrBusy
}

// Gate checks passwords within Limits, so that nobody can exhaust processor
// or memory by sending them. It is safe for concurrent use.
//
// There is no brake for a single user: a count of failures that refuses the
// next check lets anybody lock anybody out. Limits by client address belong
// in front of the gate.
type Gate struct {
	now    func() time.Time
	limits Limits
	macs   sync.Pool // of *mac
	slots  chan struct{}
	memory *memory

	waiting                          atomic.Int64
	hashed, remembered, shared, busy atomic.Uint64

	mu      sync.Mutex // guards running
	running map[digest]*check
	// compute does the work of one check. Tests count it.
	compute func(h passwordHash, password string) bool
}

// check is a hash being computed. ok and err are set before done is closed.
type check struct {
	done chan struct{}
	ok   bool
	err  error // ErrBusy, or a context's error: the check was not made
}

// NewGate returns a gate whose memory is keyed with 32 bytes of random, fresh
// for each process. It panics when random fails, as crypto/rand itself does.
func NewGate(now func() time.Time, random io.Reader, limits Limits) *Gate {
	key := make([]byte, sha256.Size)
	if _, err := io.ReadFull(random, key); err != nil {
		panic(fmt.Errorf("make password gate: %w", err))
	}
	limits = limits.withDefaults()
	return &Gate{
		now:     now,
		limits:  limits,
		macs:    sync.Pool{New: func() any { return newMAC(key) }},
		slots:   make(chan struct{}, limits.Concurrent),
		memory:  newMemory(limits.Remembered),
		running: make(map[digest]*check),
		compute: passwordHash.matches,
	}
}

// Stats returns the counts so far.
func (g *Gate) Stats() Stats {
	return Stats{
		Hashed: g.hashed.Load(), Remembered: g.remembered.Load(),
		Shared: g.shared.Load(), Busy: g.busy.Load(),
	}
}

// Check returns the account of the user if the password is his. Otherwise the
// error is ErrBadPassword, which is the same and costs the same for a wrong
// password, an unknown user, one without a password and a service account;
// ErrBusy; or the context's, if it ended while the check waited.
//
// A success is remembered for a while under the user's name, the password and
// the hash: a changed hash or a removed user holds at once.
func (g *Gate) Check(ctx context.Context, dir *Directory, name string, password tokens.Secret) (*Account, error) {
	if len(password) > maxPassword {
		return nil, ErrBadPassword
	}
	account, known := dir.Lookup(name)
	a := attempt{hash: dir.stranger(), password: password.Reveal()}
	if known = known && account.byPassword(); known {
		a.known, a.hash = true, account.hash()
		a.key = g.digest(name, a.password, account.PasswordHash.Reveal())
	} else {
		a.key = g.digest(name, a.password, "")
	}
	if g.recalls(a) {
		g.remembered.Add(1)
		return account, nil
	}
	ok, err := g.once(ctx, a)
	if errors.Is(err, ErrBusy) {
		g.busy.Add(1)
	}
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, ErrBadPassword
	}
	return account, nil
}

// attempt is one password that is to be checked.
type attempt struct {
	key      digest
	known    bool // there is such a user; otherwise the work is for show
	hash     passwordHash
	password string
}

// recalls reports whether the attempt succeeded a short while ago.
func (g *Gate) recalls(a attempt) bool { return a.known && g.memory.has(a.key, g.now()) }
