package etcdstore

import (
	"context"
	"time"

	"tollgate/tokens"
	"tollgate/tokens/badgerstore"
	"tollgate/tokens/etcdstore/engine"
)

// The steps of a comparison, small and with pauses, so that requests do not
// feel it.
const (
	mergeChunk = 250
	mergePause = 2 * time.Millisecond
	// maxDoubtful is how many differences one comparison looks into. There is
	// another at once if there are more.
	maxDoubtful = 10_000
)

// merge walks what the engine has, as its stamps come, beside what the replica
// holds, both in the order of ids, and notes which tokens differ. As neither
// stands still, what differs is only worth a second look.
type merge struct {
	each  func(ctx context.Context, after tokens.ID, limit int) ([]badgerstore.Held, error)
	held  []badgerstore.Held // read and not yet passed
	after tokens.ID          // the last that was read
	ended bool               // there is nothing after it

	doubtful []engine.Stamp
	more     bool     // there was no room for all of them
	users    []string // that the engine has
}

// page takes the next stamps.
func (m *merge) page(ctx context.Context, all []engine.Stamp) error {
	for _, s := range all {
		if s.Token == "" {
			m.users = append(m.users, s.User)
			continue
		}
		if err := m.pass(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// pass takes one stamp of a token, and what the replica holds up to it.
func (m *merge) pass(ctx context.Context, s engine.Stamp) error {
	for {
		h, ok, err := m.peek(ctx)
		switch {
		case err != nil:
			return err
		case !ok || h.ID > s.Token:
			m.doubt(s.Token)
			return nil
		}
		m.held = m.held[1:]
		if h.ID == s.Token {
			if h.Revision != s.Revision {
				m.doubt(s.Token)
			}
			return nil
		}
		m.doubt(h.ID)
	}
}

// end takes what the replica holds behind the last stamp.
func (m *merge) end(ctx context.Context) error {
	for {
		h, ok, err := m.peek(ctx)
		if err != nil || !ok {
			return err
		}
		m.held = m.held[1:]
		m.doubt(h.ID)
	}
}

// peek returns what the replica holds next; not ok = nothing.
func (m *merge) peek(ctx context.Context) (h badgerstore.Held, ok bool, err error) {
	if len(m.held) == 0 && !m.ended {
		if !pause(ctx, mergePause) {
			return h, false, ctx.Err()
		}
		if m.held, err = m.each(ctx, m.after, mergeChunk); err != nil {
			return h, false, err
		}
		if m.ended = len(m.held) < mergeChunk; !m.ended {
			m.after = m.held[len(m.held)-1].ID
		}
	}
	if len(m.held) == 0 {
		return h, false, nil
	}
	return m.held[0], true, nil
}

func (m *merge) doubt(id tokens.ID) {
	if len(m.doubtful) == maxDoubtful {
		m.more = true
		return
	}
	m.doubtful = append(m.doubtful, engine.Stamp{Token: id})
}
