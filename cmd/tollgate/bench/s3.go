package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"tollgate/proxy/sigv4"
	"tollgate/tokens"
)

// The names of the ways to an object.
const (
	rowStorage = "storage alone"
	rowGateway = "tollgate"
)

// largeConns is the most connections for large objects: enough to keep both
// sides busy, few enough for one to end within the measurement.
const largeConns = 2

// site is a server that takes signed requests.
type site struct {
	name     string
	address  string
	signer   *sigv4.Signer
	gateway  *process // nil = there is none
	internal string   // address of its metrics; empty = there are none
}

// measureS3 measures requests for objects, to the storage and through the
// gateway in turn.
func (l *launcher) measureS3(ctx context.Context, s settings, result *report, progress io.Writer) error {
	storage, err := l.startStorage(ctx)
	if err != nil {
		return err
	}
	g, err := startStorageGateway(ctx, l, partS3, storage.address)
	if err != nil {
		return err
	}
	gateway := g.site()
	kinds := objectKinds(s)
	if err := fill(ctx, storage, kinds); err != nil {
		return err
	}
	if err := gateway.verify(ctx, kinds); err != nil {
		return fmt.Errorf("%s: %w", gateway.name, err)
	}
	collected := newObjectReport(kinds)
	for round := range s.rounds {
		if _, err := fmt.Fprintf(progress, "S3 round %d of %d\n", round+1, s.rounds); err != nil {
			return err
		}
		if err := l.objectRound(ctx, s, round, []site{storage, gateway}, collected); err != nil {
			return err
		}
	}
	result.S3 = collected.summarise()
	result.Notes = append(result.Notes, objectNotes(s)...)
	if s.profile == "" || s.part != partS3 {
		return nil
	}
	r, err := gateway.row(kinds[0])
	if err != nil {
		return err
	}
	r.conns = s.connsForObject(kinds[0])
	return l.profile(ctx, s, g, r)
}

// startStorageGateway starts a gateway in front of an S3 storage.
func startStorageGateway(ctx context.Context, l *launcher, name, storage string) (*tollgate, error) {
	return startTollgate(ctx, l, gatewayOf{name: name, secret: clientToken, upstream: fmt.Sprintf(
		`urls: ["http://%s"], max_idle_connections: 10000, s3: {access_key: %s, secret_key: %q, region: %s}`,
		storage, storageKey, storageToken.Reveal(), region)})
}

// site is the gateway as its client signs for it.
func (g *tollgate) site() site {
	return site{name: rowGateway, address: g.address, signer: signerOf(g.token, clientToken), gateway: g.process, internal: g.internal}
}

// fill stores the objects that are asked for.
func fill(ctx context.Context, storage site, kinds []object) error {
	for _, o := range kinds {
		if o.method != http.MethodGet {
			continue
		}
		o.method, o.payload = http.MethodPut, sigv4.ValueUnsigned
		if err := storage.expect(ctx, o); err != nil {
			return fmt.Errorf("%s: store %s: %w", storage.name, o.key, err)
		}
	}
	return nil
}

// objectRound measures each kind once each way, one way directly after the
// other.
func (l *launcher) objectRound(ctx context.Context, s settings, number int, sites []site, collected *objectReport) error {
	ordered := slices.Clone(sites)
	if number%2 == 1 {
		slices.Reverse(ordered)
	}
	for _, o := range collected.kinds {
		for _, at := range ordered {
			r, err := at.row(o)
			if err != nil {
				return err
			}
			r.conns = s.connsForObject(o)
			c, err := l.measure(ctx, s, r)
			if err != nil {
				return fmt.Errorf("%s: %s: %w", at.name, o.name, err)
			}
			collected.add(o.name, at.name, c)
		}
	}
	return nil
}

// connsForObject is how many connections carry requests of one kind.
func (s settings) connsForObject(o object) int {
	if o.size >= largeBody {
		return min(s.conns, largeConns)
	}
	return s.conns
}

// row makes a kind of request ready for the load.
func (s site) row(o object) (row, error) {
	request, err := o.request(s.signer, s.address, time.Now())
	return row{
		name: s.name, address: s.address, gateway: s.gateway, internal: s.internal,
		request: request, size: int64(o.answers()), conns: 1,
	}, err
}

// expect holds that a request succeeds.
func (s site) expect(ctx context.Context, o object) error {
	r, err := s.row(o)
	if err != nil {
		return err
	}
	return expect(ctx, r, answer{http.StatusOK, r.size})
}

// verify holds that the gateway does what it is measured for: every request
// that is measured succeeds, and none does with another secret or, where the
// signature covers it, with another body.
func (s site) verify(ctx context.Context, kinds []object) error {
	for _, o := range kinds {
		if err := s.expect(ctx, o); err != nil {
			return fmt.Errorf("%s: %w", o.name, err)
		}
		// A body that is refused at its head might cut the answer off.
		o.size = min(o.size, 1000)
		if err := s.verifyRefusal(ctx, o); err != nil {
			return fmt.Errorf("%s: %w", o.name, err)
		}
	}
	return nil
}

func (s site) verifyRefusal(ctx context.Context, o object) error {
	forged := s
	forged.signer = signerOf(s.signer.AccessKey, tokens.Secret("another"))
	r, err := forged.row(o)
	if err != nil {
		return err
	}
	if err := expect(ctx, r, answer{http.StatusForbidden, -1}); err != nil {
		return fmt.Errorf("a wrong signature: %w", err)
	}
	status, covered := o.tampered()
	if !covered {
		return nil
	}
	if r, err = s.row(o); err != nil {
		return err
	}
	text := string(r.request)
	at := strings.Index(text, "\r\n\r\n") + len("\r\n\r\n") + o.size/2 // within the data
	r.request[at] ^= 1
	if err := expect(ctx, r, answer{status, -1}); err != nil {
		return fmt.Errorf("another body: %w", err)
	}
	return nil
}

// tampered is how a request with another body is answered, and whether it can
// be told from the right one.
func (o object) tampered() (status int, covered bool) {
	if o.method != http.MethodPut {
		return 0, false
	}
	switch o.payload {
	case digestPayload, sigv4.ValueUnsignedChunksTrailer: // XAmzContentSHA256Mismatch, BadDigest
		return http.StatusBadRequest, true
	case sigv4.ValueSignedChunks, sigv4.ValueSignedChunksTrailer: // SignatureDoesNotMatch
		return http.StatusForbidden, true
	}
	return 0, false
}
