package main

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

const uploaded = "what a client uploads, long enough to be cut in two"

// s3State is a credential and what becomes of a request that is signed with
// it.
type s3State struct {
	name string
	pair s3Pair
	want s3Verdict
}

// s3States makes a credential in every state.
func (g *s3Gateway) s3States() []s3State {
	g.t.Helper()
	soon := time.Now().Add(5 * time.Second).UTC().Format("2006-01-02T15:04:05.000Z")
	short := g.pair(john, hostOne, "X-User-Token-Expires-Meta", soon)
	live, revoked, orphan := g.pair(john, hostOne), g.pair(john, hostOne), g.pair(jane, hostOne)
	g.revoke(john, revoked.id)
	plain := g.issue(john, hostOne, nil)

	g.write(strings.Replace(g.setup.configuration(), "name: jane", "name: june", 1))
	g.hangUp <- os.Interrupt
	waitFor(g.t, func() bool { return strings.Contains(g.err.String(), "configuration reloaded") })
	waitFor(g.t, func() bool {
		return strings.Contains(g.send(g.t, short.signed(get("/bucket/short"))).body, "InvalidAccessKeyId")
	})
	g.storage.take("")

	unknown, otherSecret, forged, misused := live, live, live, live
	unknown.access = "0123456789abcdef0123456789abcdef"
	otherSecret.secret += "x"
	forged.signature = strings.Repeat("5a", 32)
	misused.access, misused.secret = plain.value, plain.value
	invalid := func(reason string) s3Verdict { return denied(403, "InvalidAccessKeyId", reason) }
	mismatch := denied(403, "SignatureDoesNotMatch", "signature_mismatch")
	return []s3State{
		{"Good", live, passed},
		{"UnknownAccessKey", unknown, invalid("unknown_token")},
		{"WrongSecret", otherSecret, mismatch},
		{"GarbageSignature", forged, mismatch},
		{"Revoked", revoked, invalid("revoked")},
		{"Expired", short, invalid("expired")},
		{"OwnerGone", orphan, invalid("owner_gone")},
		{"PlainTokenAsAccessKey", misused, invalid("unknown_token")},
		{"KeyOfAnotherTenant", g.pair(other, hostTwo), denied(403, "AccessDenied", "other_tenant")},
		{"KeyOfAnotherDomain", g.pair(john, hostOneB), denied(403, "AccessDenied", "out_of_scope")},
	}
}

// s3Modes are the values of x-amz-content-sha256. A mode that cannot be read
// has a verdict of its own, whoever signs.
var s3Modes = []struct {
	name, value string
	refused     s3Verdict
}{
	{"Absent", "", s3Verdict{}}, // only presigned
	{"Digest", "digest", s3Verdict{}},
	{"Unsigned", "UNSIGNED-PAYLOAD", s3Verdict{}},
	{"SignedChunks", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", s3Verdict{}},
	{"SignedChunksTrailer", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", s3Verdict{}},
	{"UnsignedChunksTrailer", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", s3Verdict{}},
	{"ECDSAChunks", "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", denied(400, "InvalidRequest", "signature_version")},
	{"ECDSAChunksTrailer", "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER", denied(400, "InvalidRequest", "signature_version")},
	{"UnknownStream", "STREAMING-AWS5-PAYLOAD", denied(400, "InvalidArgument", "malformed_signature")},
	{"Word", "NONE", denied(400, "InvalidArgument", "malformed_signature")},
}

// TestS3Verdicts is the table of state x payload mode x place: which answer,
// and did anything reach the storage.
func TestS3Verdicts(t *testing.T) {
	g := startS3(t, s3Setup{})
	states := g.s3States()
	for _, state := range states {
		for _, mode := range s3Modes {
			for _, place := range []string{"header", "presigned"} {
				t.Run(state.name+"/"+mode.name+"/"+place, func(t *testing.T) {
					want := state.want
					switch {
					case mode.refused.code != "":
						want = mode.refused
					case mode.value == "" && place == "header":
						want = denied(400, "InvalidRequest", "malformed_signature")
					}
					c := state.pair.upload(place, mode.value, g.path(), uploaded)
					_, a := g.judge(t, c, want)
					if a != nil && string(a.Data) != uploaded {
						t.Errorf("the storage got %q", a.Data)
					}
				})
			}
		}
		t.Run(state.name+"/NoBody/header", func(t *testing.T) { g.judge(t, state.pair.signed(get(g.path())), state.want) })
		t.Run(state.name+"/NoBody/presigned", func(t *testing.T) { g.judge(t, state.pair.presigned(get(g.path())), state.want) })
		t.Run(state.name+"/HEAD", func(t *testing.T) {
			c := get(g.path())
			c.method = http.MethodHead
			g.judge(t, state.pair.signed(c), state.want)
		})
		t.Run(state.name+"/Form", func(t *testing.T) { g.judge(t, newForm(g).call(state.pair), state.want) })
	}
}

// TestS3SignatureVersion2 is the same for the older signature, which is off
// unless the configuration takes it.
func TestS3SignatureVersion2(t *testing.T) {
	for _, setting := range []struct {
		name, signing string
		off           bool
	}{{"Off", "", true}, {"On", "sigv2: true", false}} {
		g := startS3(t, s3Setup{signing: setting.signing})
		refused := denied(400, "InvalidRequest", "signature_version")
		for _, state := range g.s3States() {
			want := state.want
			if setting.off {
				want = refused
			}
			for _, place := range []string{"header", "presigned"} {
				t.Run(setting.name+"/"+state.name+"/"+place, func(t *testing.T) {
					g.judge(t, state.pair.signV2(put(g.path(), uploaded), place), want)
					g.judge(t, state.pair.signV2(get(g.path()), place), want)
				})
			}
			t.Run(setting.name+"/"+state.name+"/Form", func(t *testing.T) {
				f := newForm(g)
				f.version2 = true
				g.judge(t, f.call(state.pair), want)
			})
		}
		// There are no chunks in Version 2: a body that is said to have some is
		// stored by nobody.
		good := g.pair(john, hostOne)
		for _, mode := range s3Modes {
			if !strings.HasPrefix(mode.value, "STREAMING-") {
				continue
			}
			for _, place := range []string{"header", "presigned"} {
				t.Run(setting.name+"/"+mode.name+"/"+place, func(t *testing.T) {
					c := put(g.path(), "5\r\nhello\r\n0\r\n\r\n").with("Content-Encoding", "aws-chunked").
						with("X-Amz-Content-Sha256", mode.value).with("X-Amz-Decoded-Content-Length", "5")
					want := denied(400, "InvalidRequest", "")
					if setting.off {
						want = refused
					}
					g.judge(t, good.signV2(c, place), want)
				})
			}
		}
	}
}

// TestS3UnsignedPayloadCanBeRefused: where every body must be signed, those
// that are not go nowhere; links, which never sign a body, still work.
func TestS3UnsignedPayloadCanBeRefused(t *testing.T) {
	g := startS3(t, s3Setup{signing: "allow_unsigned_payload: false, sigv2: true"})
	pair := g.pair(john, hostOne)
	refused := denied(403, "AccessDenied", "payload_not_signed")
	for _, row := range []struct {
		name, place, mode string
		want              s3Verdict
	}{
		{"Digest", "header", "digest", passed},
		{"SignedChunks", "header", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", passed},
		{"SignedChunksTrailer", "header", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", passed},
		{"Unsigned", "header", "UNSIGNED-PAYLOAD", refused},
		{"UnsignedChunksTrailer", "header", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", refused},
		{"Presigned", "presigned", "", passed},
	} {
		t.Run(row.name, func(t *testing.T) {
			g.judge(t, pair.upload(row.place, row.mode, g.path(), uploaded), row.want)
		})
	}
	t.Run("Version2", func(t *testing.T) { g.judge(t, pair.signV2(put(g.path(), uploaded), "header"), refused) })
}
