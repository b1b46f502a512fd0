package main

import (
	"net"
	"strings"
	"testing"
	"time"
)

// TestS3Clock: a request is good for fifteen minutes before and after its
// date, and a presigned one as long as it says. The offsets leave some seconds
// for the test itself; the edges are held where the signature is checked.
func TestS3Clock(t *testing.T) {
	g := startS3(t, s3Setup{signing: "sigv2: true"})
	pair := g.pair(john, hostOne)
	skewed := denied(403, "RequestTimeTooSkewed", "clock_skew")
	over := denied(403, "AccessDenied", "presigned_expired")
	malformed := denied(400, "AuthorizationQueryParametersError", "malformed_signature")
	for _, row := range []struct {
		name    string
		shift   time.Duration // of the client's clock
		expires string
		header  s3Verdict
		query   s3Verdict
	}{
		{"Now", 0, "300", passed, passed},
		{"AlmostFifteenMinutesLate", -890 * time.Second, "900", passed, passed},
		{"MoreThanFifteenMinutesLate", -920 * time.Second, "900", skewed, over},
		{"AlmostFifteenMinutesEarly", 890 * time.Second, "900", passed, passed},
		{"MoreThanFifteenMinutesEarly", 920 * time.Second, "900", skewed, over},
		{"NoGraceAfterTheEnd", -20 * time.Second, "10", passed, over},
		{"JustBeforeTheEnd", -20 * time.Second, "60", passed, passed},
		{"ForNoTime", 0, "0", passed, over},
		{"ForNoTimeEarly", 890 * time.Second, "0", passed, over},
		{"ForOneSecondOfOldTime", -10 * time.Second, "1", passed, over},
		{"ForOneSecondFromEarly", 890 * time.Second, "1", passed, passed},
		{"SevenDays", 0, "604800", passed, passed},
		{"AlmostSevenDaysAgo", -604780 * time.Second, "604800", skewed, passed},
		{"SevenDaysAgo", -604820 * time.Second, "604800", skewed, over},
		{"MoreThanSevenDays", 0, "604801", passed, malformed},
		{"NegativeTime", 0, "-1", passed, malformed},
		{"NoNumber", 0, "1h", passed, malformed},
		{"NoExpires", 0, "%20", passed, malformed},
	} {
		p := pair
		p.shift, p.expires = row.shift, row.expires
		t.Run(row.name+"/header", func(t *testing.T) { g.judge(t, p.signed(put(g.path(), uploaded)), row.header) })
		t.Run(row.name+"/presigned", func(t *testing.T) { g.judge(t, p.presigned(put(g.path(), uploaded)), row.query) })
		t.Run(row.name+"/streaming", func(t *testing.T) {
			g.judge(t, p.upload("header", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", g.path(), uploaded), row.header)
		})
	}
	for name, row := range map[string]struct {
		shift         time.Duration
		header, query s3Verdict
	}{
		"Now": {0, passed, passed}, "Late": {-920 * time.Second, skewed, over}, "Early": {920 * time.Second, skewed, passed},
	} {
		p := pair
		p.shift = row.shift
		t.Run("Version2/"+name, func(t *testing.T) {
			g.judge(t, p.signV2(get(g.path()), "header"), row.header)
			g.judge(t, p.signV2(get(g.path()), "presigned"), row.query)
		})
	}
	t.Run("LongerByAnUnsignedArgument", func(t *testing.T) {
		p := pair
		p.shift, p.expires = -20*time.Second, "10"
		c := p.presigned(get(g.path()))
		c.query = strings.Replace(c.query, "X-Amz-Expires=10", "X-Amz-Expires=604800", 1)
		g.judge(t, c, denied(403, "SignatureDoesNotMatch", "signature_mismatch"))
	})
}

// TestS3PresignedEndsWithItsToken: a link is good no longer than the key pair
// that made it, however long it says.
func TestS3PresignedEndsWithItsToken(t *testing.T) {
	g := startS3(t, s3Setup{})
	pair := g.pair(john, hostOne)
	pair.expires = "604800"
	link := pair.presigned(get(g.path()))
	g.judge(t, link, passed)
	g.revoke(john, pair.id)
	g.judge(t, link, denied(403, "InvalidAccessKeyId", "revoked"))
}

// TestS3RevocationCutsAnUpload: an upload under way ends with its key pair, and
// is not whole at the storage, whatever the client still sends.
func TestS3RevocationCutsAnUpload(t *testing.T) {
	g := startS3(t, s3Setup{})
	for _, mode := range []string{"digest", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"} {
		t.Run(mode, func(t *testing.T) {
			pair := g.pair(john, hostOne)
			c := pair.upload("header", mode, g.path(), strings.Repeat("x", 256<<10))
			conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(g.url, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			half := len(c.body) / 2
			if _, err := conn.Write(append([]byte(c.head()), c.body[:half]...)); err != nil {
				t.Fatal(err)
			}
			waitFor(t, func() bool { return g.storage.underWay() == 1 })
			g.revoke(john, pair.id)
			waitFor(t, func() bool { return g.storage.underWay() == 0 })
			_, _ = conn.Write(c.body[half:]) // the connection may be closed
			arrivals := g.storage.take(c.path)
			if len(arrivals) != 1 || arrivals[0].complete() {
				t.Errorf("%d arrived: %s", len(arrivals), faults(arrivals))
			}
		})
	}
}
