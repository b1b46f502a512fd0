package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// The tokens part.
const (
	fewTokens = 1000    // what many are compared with
	inUse     = 100_000 // at most so many of the stored tokens are used
)

// stored is a gateway with many tokens.
type stored struct {
	count  int
	way    way
	values string // file of those that are used
	used   int    // how many they are
}

// measureTokens measures a gateway with few stored tokens beside one with many.
func (l *launcher) measureTokens(ctx context.Context, s settings, result *report, progress io.Writer) error {
	backend, err := l.startBackend(ctx)
	if err != nil {
		return err
	}
	one := newGroup("GET "+inBytes(s.size)+", one of the stored tokens", "", s.connsFor(s.size))
	many := newGroup("GET "+inBytes(s.size)+", tokens at random", "", s.connsFor(s.size))
	for _, count := range []int{fewTokens, s.tokens} {
		if _, err := fmt.Fprintf(progress, "storing %d tokens\n", count); err != nil {
			return err
		}
		at, err := l.startStored(ctx, backend, count)
		if err != nil {
			return err
		}
		m, err := l.warmStored(ctx, s, at)
		if err != nil {
			return err
		}
		result.Memory = append(result.Memory, m)
		one.join(at.row(s, fmt.Sprintf("%d stored", count), ""))
		many.join(at.row(s, fmt.Sprintf("%d stored, %d used", count, at.used), at.values))
	}
	groups := []group{one, many}
	if err := verify(ctx, groups); err != nil {
		return err
	}
	return l.rounds(ctx, s, groups, result, progress, "tokens: round")
}

// join adds a row; the first is the reference.
func (g *group) join(r row) {
	if len(g.rows) == 0 {
		g.table.Reference = r.name
	}
	g.rows = append(g.rows, r)
	g.table.names = append(g.table.names, r.name)
}

// row is a row of requests with the first token, or with those of a file.
func (t stored) row(s settings, name, values string) row {
	r := t.way.get(s.size)
	r.name, r.values, r.conns = name, values, s.connsFor(s.size)
	return r
}

// startStored fills a directory and starts a gateway on it.
func (l *launcher) startStored(ctx context.Context, backend string, count int) (stored, error) {
	name := fmt.Sprintf("stored-%d", count)
	t := stored{count: count, used: min(count, inUse), values: filepath.Join(l.dir, name+".values")}
	of := gatewayOf{name: name, upstream: plainUpstream(backend), filled: true}
	data := of.dataDir(l)
	if err := os.MkdirAll(data, 0o700); err != nil {
		return t, err
	}
	if _, err := output(roleFill, l.command(ctx, nil, l.self, roleFill, "-dir", data, "-count", strconv.Itoa(count),
		"-list", t.values, "-choose", strconv.Itoa(inUse)), nil); err != nil {
		return t, err
	}
	list, err := os.ReadFile(t.values) // #nosec G304 -- our own
	if err != nil {
		return t, err
	}
	first, _, _ := bytes.Cut(list, []byte("\n"))
	g, err := startTollgate(ctx, l, of)
	if err != nil {
		return t, err
	}
	g.token = string(first)
	t.way = g.way(fmt.Sprintf("tollgate, %d stored tokens", count), bearer)
	return t, nil
}

// warmLimit is how long it may take until each of the used tokens was used.
const warmLimit = 5 * time.Minute

// warmStored uses each token once, and measures the memory before and after.
func (l *launcher) warmStored(ctx context.Context, s settings, t stored) (m memory, err error) {
	m = memory{Name: t.way.name, What: "of them used", Count: t.used}
	if m.Before, err = t.way.gateway.footprint(); err != nil {
		return m, err
	}
	seen, err := l.load(ctx, t.row(s, t.way.name, t.values), warmLimit, "-inturn", "-requests", strconv.Itoa(t.used))
	if err != nil {
		return m, err
	}
	if seen.Errors > 0 || seen.Requests != uint64(t.used) { // #nosec G115 -- not negative
		return m, fmt.Errorf("%d of %d stored tokens can be used: %s", seen.Requests, t.used, seen.Failure)
	}
	m.After, err = t.way.gateway.footprint()
	return m, err
}
