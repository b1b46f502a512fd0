package main

import (
	"strings"
	"testing"
)

// TestS3OneCredentialCounts: a request that two readers could take for two
// different ones is refused, and a cookie, which browsers add by themselves,
// does not count beside a signature.
func TestS3OneCredentialCounts(t *testing.T) {
	g := startS3(t, s3Setup{signing: "sigv2: true"})
	pair := g.pair(john, hostOne)
	plain := g.issue(john, hostOne, nil).value
	foreign := g.issue(other, hostTwo, nil).value
	dead := "0123456789abcdef0123456789abcdef"
	header := func() s3Call { return pair.signed(put(g.path(), uploaded)) }
	query := func() s3Call { return pair.presigned(put(g.path(), uploaded)) }
	twice := denied(400, "InvalidArgument", "")
	ambiguous := denied(400, "InvalidArgument", "ambiguous_credentials")
	for _, row := range []struct {
		name string
		call s3Call
		want s3Verdict
	}{
		{"HeaderAndQuery", pair.signed(query().without("X-Amz-Content-Sha256")), ambiguous},
		{"QueryAddedToAHeader", header().argument("X-Amz-Signature=" + strings.Repeat("0", 64)), ambiguous},
		{"AlgorithmAddedToAHeader", header().argument("X-Amz-Algorithm=AWS4-HMAC-SHA256"), ambiguous},
		{"ExpiresAddedToAHeader", header().argument("X-Amz-Expires=604800"), ambiguous},
		{"LowerCaseArgumentAddedToAHeader", header().argument("x-amz-signature=" + strings.Repeat("0", 64)), denied(400, "AuthorizationQueryParametersError", "malformed_signature")},
		{"Version2QueryAddedToAHeader", header().argument("AWSAccessKeyId=a&Signature=b&Expires=1"), ambiguous},
		{"Version2HeaderBesideAQuery", pair.signV2(query(), "header"), ambiguous},
		{"Version2QueryBesideAQuery", pair.signV2(query(), "presigned"), ambiguous},
		{"BearerBesideAHeader", header().with("Authorization", "Bearer "+plain), ambiguous},
		{"BearerBeforeAHeader", pair.signed(put(g.path(), uploaded).with("Authorization", "Bearer "+plain)), ambiguous},
		{"BearerBesideAQuery", query().with("Authorization", "Bearer "+plain), ambiguous},
		{"BasicBesideAQuery", query().with("Authorization", basicOf(john)), ambiguous},
		{"OtherSchemeBesideAQuery", query().with("Authorization", "Digest x"), ambiguous},
		{"EmptyAuthorizationBesideAQuery", query().with("Authorization", ""), ambiguous},
		{"AuthorizationTwice", header().with("Authorization", header().get("Authorization")), ambiguous},
		{"CookieBesideAHeader", header().with("Cookie", "token="+plain), passed},
		{"DeadCookieBesideAHeader", header().with("Cookie", "token="+dead), passed},
		{"ForeignCookieBesideAQuery", query().with("Cookie", "token="+foreign), passed},
		{"GatewayTokenBesideAHeader", header().with("Gateway-Token", foreign), passed},
		{"TokenBesideAQuery", query().with("token", foreign).with("X-Auth-Token", foreign), passed},

		{"DateTwice", header().with("X-Amz-Date", header().get("X-Amz-Date")), twice},
		{"DigestTwice", header().with("X-Amz-Content-Sha256", sha256Hex([]byte(uploaded))), twice},
		{"DecodedLengthTwice", pair.upload("header", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", g.path(), uploaded).with("X-Amz-Decoded-Content-Length", "1"), twice},
		{"TrailerTwice", pair.upload("header", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", g.path(), uploaded).with("X-Amz-Trailer", "x-amz-checksum-sha1"), twice},
		{"ArgumentTwice", query().argument("X-Amz-Date=20200101T000000Z"), twice},
		{"SignatureTwice", query().argument("X-Amz-Signature=" + strings.Repeat("0", 64)), twice},
		{"SignatureInAnotherCase", query().argument("X-Amz-SIGNATURE=" + strings.Repeat("0", 64)), denied(400, "AuthorizationQueryParametersError", "malformed_signature")},
		{"EscapedArgument", query().argument("X-Amz%2DSignature=" + strings.Repeat("0", 64)), twice},
		{"SecurityTokenInTheQuery", query().argument("X-Amz-Security-Token=t"), denied(400, "InvalidToken", "session_token")},
		{"SecurityTokenInTheHeader", pair.signed(put(g.path(), uploaded).with("X-Amz-Security-Token", "t")), denied(400, "InvalidToken", "session_token")},
		{"SecurityTokenPresigned", pair.presigned(put(g.path(), uploaded).argument("X-Amz-Security-Token=t")), denied(400, "InvalidToken", "session_token")},
		{"QueryTokenBesideAQuery", query().argument("_token=" + plain), denied(403, "SignatureDoesNotMatch", "")},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.call.secrets = append(row.call.secrets, plain, foreign)
			g.judge(t, row.call, row.want)
		})
	}
}

// TestS3OneHostAndLength: two Host or Content-Length headers never get as far
// as a verdict.
func TestS3OneHostAndLength(t *testing.T) {
	g := startS3(t, s3Setup{})
	pair := g.pair(john, hostOne)
	for _, row := range []struct{ name, header, value string }{
		{"HostTwice", "Host", hostTwo},
		{"SameHostTwice", "Host", hostOne},
		{"LengthTwice", "Content-Length", "1"},
		{"LengthAndChunks", "Transfer-Encoding", "chunked"},
	} {
		t.Run(row.name, func(t *testing.T) {
			// Without a body: one that nobody reads would reset the connection.
			c := pair.signed(put(g.path(), "")).with(row.header, row.value)
			got := g.send(t, c)
			if arrivals := g.storage.take(""); got.status != 400 || len(arrivals) > 0 {
				t.Errorf("got %d, %d arrived", got.status, len(arrivals))
			}
		})
	}
}

// TestS3MalformedSignatures: what cannot be read is refused with the code that
// AWS has for it, before anybody looks a key up.
func TestS3MalformedSignatures(t *testing.T) {
	g := startS3(t, s3Setup{})
	pair := g.pair(john, hostOne)
	malformed := denied(400, "AuthorizationHeaderMalformed", "malformed_signature")
	query := denied(400, "AuthorizationQueryParametersError", "malformed_signature")
	edited := func(old, replacement string) s3Call {
		c := pair.signed(put(g.path(), uploaded))
		return c.set("Authorization", strings.Replace(c.get("Authorization"), old, replacement, 1))
	}
	editedQuery := func(old, replacement string) s3Call {
		c := pair.presigned(put(g.path(), uploaded))
		c.query = strings.Replace(c.query, old, replacement, 1)
		return c
	}
	elsewhere := pair
	elsewhere.region = "eu-west-1"
	for _, row := range []struct {
		name string
		call s3Call
		want s3Verdict
	}{
		{"AnotherService", edited("/s3/", "/s3tables/"), malformed},
		{"AnotherEnd", edited("aws4_request", "aws5_request"), malformed},
		{"AnotherDay", edited("/2", "/1"), malformed},
		{"NoSignedHeaders", edited(" SignedHeaders=", " Signed="), malformed},
		{"HostNotSigned", edited("SignedHeaders=host;", "SignedHeaders="), denied(403, "AccessDenied", "header_not_signed")},
		{"UnsortedHeaders", edited("host;x-amz-content-sha256", "x-amz-content-sha256;host"), malformed},
		{"ShortSignature", edited("Signature=", "Signature=00"), malformed},
		{"NoSignature", edited("Signature=", "Sig="), malformed},
		{"SchemeAlone", pair.signed(put(g.path(), uploaded)).set("Authorization", "AWS4-HMAC-SHA256"), malformed},
		{"SchemeOfEllipticCurves", edited("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"), denied(400, "InvalidRequest", "signature_version")},
		{"UnknownScheme", edited("AWS4-HMAC-SHA256", "AWS5-HMAC"), denied(400, "InvalidArgument", "malformed_signature")},
		{"NoDate", pair.signed(put(g.path(), uploaded)).without("X-Amz-Date"), denied(403, "AccessDenied", "malformed_signature")},
		{"AnotherRegion", elsewhere.signed(put(g.path(), uploaded)), denied(400, "AuthorizationHeaderMalformed", "wrong_region")},
		{"AnotherRegionPresigned", elsewhere.presigned(put(g.path(), uploaded)), denied(400, "AuthorizationQueryParametersError", "wrong_region")},
		{"PresignedWithoutExpires", editedQuery("X-Amz-Expires=300&", ""), query},
		{"PresignedWithoutDate", editedQuery("X-Amz-Date=", "X-Other="), query},
		{"PresignedForEllipticCurves", editedQuery("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"), denied(400, "InvalidRequest", "signature_version")},
		{"BadEscape", pair.signed(get(g.path() + "%zz")), denied(400, "-", "")},
	} {
		t.Run(row.name, func(t *testing.T) { g.judge(t, row.call, row.want) })
	}
	for name, call := range map[string]s3Call{"Header": elsewhere.signed(get("/bucket/a")), "Query": elsewhere.presigned(get("/bucket/a"))} {
		t.Run("RegionIsNamed/"+name, func(t *testing.T) {
			if got := g.send(t, call); !strings.Contains(got.body, "<Region>"+storageRegion+"</Region>") {
				t.Errorf("got %s", got.body)
			}
		})
	}
}
