package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"tollgate/tokens"
)

// group is what is compared with each other.
type group struct {
	rows  []row
	table *table
}

// newGroup makes a group. The reference is the row that the others are
// measured by.
func newGroup(name, reference string, conns int, rows ...row) group {
	g := group{rows: rows, table: newTable(name, reference)}
	for i := range rows {
		rows[i].conns = conns
		g.table.names = append(g.table.names, rows[i].name)
	}
	return g
}

// gateways are all that is measured in the proxy part, started. They stay for
// all rounds: a gateway that gets no requests takes no time.
type gateways struct {
	backend, proxy       way
	peers                peers
	cookie, bearer, slow way
	tollgate             *tollgate // of cookie and bearer
	signing              site
}

func startGateways(ctx context.Context, l *launcher) (g gateways, err error) {
	backend, err := l.startBackend(ctx)
	if err != nil {
		return g, err
	}
	g.backend = way{name: rowBackend, address: backend}
	proxy, address, err := l.startAnnounced(roleProxy, l.gateway(ctx, l.self, roleProxy, "-target", "http://"+backend))
	if err != nil {
		return g, err
	}
	g.proxy = way{name: rowProxy, address: address, gateway: proxy}
	if g.peers, err = l.startPeers(ctx, backend); err != nil {
		return g, err
	}
	plain := gatewayOf{name: partProxy, upstream: plainUpstream(backend)}
	if g.tollgate, err = startTollgate(ctx, l, plain); err != nil {
		return g, err
	}
	g.cookie, g.bearer = g.tollgate.way(rowCookie, cookie), g.tollgate.way(rowBearer, bearer)
	plain.name, plain.lanes = "slow", slowLane
	slow, err := startTollgate(ctx, l, plain)
	if err != nil {
		return g, err
	}
	g.slow = slow.way(rowSlow, bearer)
	signing, err := startStorageGateway(ctx, l, "signed", backend)
	if err != nil {
		return g, err
	}
	g.signing = signing.site()
	return g, nil
}

func plainUpstream(backend string) string {
	return fmt.Sprintf(`urls: ["http://%s"], max_idle_connections: 10000`, backend)
}

// The bodies from which on other things are compared.
const (
	bigBuffers = 64 << 10 // nginx with larger buffers beside it
	largeBody  = 1 << 20  // few connections, as one answer fills a core for long
)

// proxiedLargeConns is the most connections for large bodies.
const proxiedLargeConns = 8

// groups are all groups of the proxy part.
func (g *gateways) groups(s settings) ([]group, error) {
	var all []group
	for _, size := range s.sizes {
		rows := []row{g.backend.get(size), g.peers.plain.get(size)}
		if size >= bigBuffers {
			rows = append(rows, g.peers.big.get(size))
		}
		rows = append(rows, g.peers.haproxy.get(size), g.peers.checking.get(size))
		if size == s.size {
			signed, err := g.signed(size)
			if err != nil {
				return nil, err
			}
			rows = append(rows, g.proxy.get(size), signed)
		}
		rows = append(rows, g.slow.get(size), g.cookie.get(size), g.bearer.get(size))
		all = append(all, newGroup("GET "+inBytes(size), rowNginx, s.connsFor(size), rows...))
	}
	return append(all, newGroup("PUT "+inBytes(s.upload), rowNginxUnbuffered, s.connsFor(s.upload),
		g.backend.put(s.upload), g.peers.unbuffered.put(s.upload), g.slow.put(s.upload), g.bearer.put(s.upload))), nil
}

// connsFor is how many connections carry bodies of a size.
func (s settings) connsFor(size int) int {
	if size >= largeBody {
		return min(s.conns, proxiedLargeConns)
	}
	return s.conns
}

// signed is a row of requests whose signature is checked, and made anew for
// the backend, which is taken for an S3 storage.
func (g *gateways) signed(size int) (row, error) {
	at := g.signing
	o := object{method: http.MethodGet, key: fmt.Sprint(size), size: size}
	r := row{
		name: rowSigned, address: at.address, gateway: at.gateway, internal: at.internal, size: int64(size), refusal: http.StatusForbidden,
		sign: func(now time.Time) ([]byte, error) { return o.request(at.signer, at.address, now) },
	}
	var err error
	if r.request, err = r.sign(time.Now()); err != nil {
		return row{}, err
	}
	r.refuses, err = o.request(signerOf(at.signer.AccessKey, tokens.Secret(wrongToken)), at.address, time.Now())
	return r, err
}

// measureProxy measures proxied requests that carry a token.
func (l *launcher) measureProxy(ctx context.Context, s settings, result *report, progress io.Writer) error {
	g, err := startGateways(ctx, l)
	if err != nil {
		return err
	}
	groups, err := g.groups(s)
	if err != nil {
		return err
	}
	if err := verify(ctx, groups); err != nil {
		return err
	}
	if err := l.rounds(ctx, s, groups, result, progress, "round"); err != nil {
		return err
	}
	for _, measured := range groups {
		if measured.table.Name != "GET "+inBytes(s.size) {
			continue
		}
		even := g.even(s, measured.table)
		if err := l.rounds(ctx, s, []group{even}, result, progress, "even load: round"); err != nil {
			return err
		}
	}
	if s.profile == "" {
		return nil
	}
	r := g.bearer.get(s.size)
	r.conns = s.connsFor(s.size)
	return l.profile(ctx, s, g.tollgate, r)
}

// evenShare is the load at which times are compared, of what the slowest can.
const evenShare = 0.7

// even is the group of the same even load on those that are compared, by what
// they were measured to be able to.
func (g *gateways) even(s settings, measured *table) group {
	rows := []row{g.peers.plain.get(s.size), g.cookie.get(s.size), g.bearer.get(s.size)}
	rate := 0.0
	for i, r := range rows {
		if can := measured.rate(r.name); i == 0 || can < rate {
			rate = can
		}
	}
	for i := range rows {
		rows[i].rate = max(evenShare*rate, 1)
	}
	return newGroup(fmt.Sprintf("GET %s, %.0f requests a second", inBytes(s.size), rows[0].rate), rowNginx, s.connsFor(s.size), rows...)
}

// verify holds that every row does what it is measured for.
func verify(ctx context.Context, groups []group) error {
	for _, g := range groups {
		for _, r := range g.rows {
			if err := r.verify(ctx); err != nil {
				return fmt.Errorf("%s, %s: %w", g.table.Name, r.name, err)
			}
		}
	}
	return nil
}

// rounds measures groups for all rounds, and puts their tables into the
// result.
func (l *launcher) rounds(ctx context.Context, s settings, groups []group, result *report, progress io.Writer, title string) error {
	for round := range s.rounds {
		if _, err := fmt.Fprintf(progress, "%s %d of %d\n", title, round+1, s.rounds); err != nil {
			return err
		}
		for _, g := range groups {
			if err := l.round(ctx, s, round, g); err != nil {
				return fmt.Errorf("%s: %w", g.table.Name, err)
			}
		}
	}
	for _, g := range groups {
		g.table.summarise()
		result.Tables = append(result.Tables, g.table)
	}
	return nil
}
