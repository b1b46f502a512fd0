package sigv4_test

import (
	"fmt"
	"strings"
	"testing"

	"tollgate/proxy/sigv4"
)

// Headers that decide how a request is read are there once at most, and some
// never; one without a value is not there.
func TestHeadersThatDecide(t *testing.T) {
	const length, crc = "X-Amz-Decoded-Content-Length", "x-amz-checksum-crc32"
	for _, c := range []struct {
		name   string
		header string
		values []string
		want   error
	}{
		{"date twice", "X-Amz-Date", []string{"20130524T000000Z", "20130524T000000Z"}, sigv4.ErrInvalidArgument},
		{"digest twice", "X-Amz-Content-Sha256", []string{"STREAMING-UNSIGNED-PAYLOAD-TRAILER", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"}, sigv4.ErrInvalidArgument},
		{"length twice", "Content-Length", []string{"5", "5"}, sigv4.ErrInvalidArgument},
		{"decoded length twice", length, []string{"5", "5"}, sigv4.ErrInvalidArgument},
		{"trailer twice", "X-Amz-Trailer", []string{crc, crc}, sigv4.ErrInvalidArgument},
		{"host beside the host", "Host", []string{"h"}, sigv4.ErrInvalidArgument},
		{"session token", "X-Amz-Security-Token", []string{"token"}, sigv4.ErrSecurityToken},
		{"empty session token", "X-Amz-Security-Token", []string{""}, sigv4.ErrSecurityToken},
		{"authorization twice", "Authorization", []string{"Bearer a", "AWS4-HMAC-SHA256 a"}, sigv4.ErrMechanisms},
		{"authorization of another kind", "Authorization", []string{"Bearer a"}, sigv4.ErrNoSignature},
		{"no authorization", "Authorization", nil, sigv4.ErrNoSignature},
		{"no date", "X-Amz-Date", nil, sigv4.ErrMissingDate},
		{"no digest", "X-Amz-Content-Sha256", nil, sigv4.ErrMissingHeader},
		{"no decoded length", length, nil, sigv4.ErrMissingLength},
		{"length without a value", "Content-Length", []string{}, nil},
		{"host without a value", "Host", []string{}, nil},
		{"as it was", "X-Amz-Trailer", []string{crc}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := signed(wire(t, "PUT", "/b/k", "h", length+": 5", "X-Amz-Trailer: "+crc), "STREAMING-UNSIGNED-PAYLOAD-TRAILER")
			v.Header[c.header] = c.values
			_, err := sigv4.Parse(v)
			wants(t, err, c.want)
		})
	}
}

// Of the headers that had to be signed the first by name is told, in whatever
// order and number they are there.
func TestUnsignedHeaderIsTold(t *testing.T) {
	for range 20 {
		v := signed(wire(t, "GET", "/b/k", "h", "X-Amz-Meta-S: signed"), empty)
		for i := range 12 {
			v.Header[fmt.Sprintf("X-Amz-Meta-%c", 'z'-i)] = nil
		}
		v.Header["X_amz.acl"], v.Header["X-Amz-Trailers"] = []string{"a"}, []string{"a"}
		_, _, err := verify(v, day, nil)
		wants(t, err, sigv4.ErrHeadersNotSigned)
		if !strings.Contains(err.Error(), `"x-amz-meta-o"`) {
			t.Fatal(err)
		}
	}
}
