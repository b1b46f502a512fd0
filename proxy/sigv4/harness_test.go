package sigv4_test

import (
	"bufio"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"tollgate/proxy/sigv4"
	"tollgate/tokens"
)

const (
	accessKey = "AKIAIOSFODNN7EXAMPLE"
	secret    = tokens.Secret("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
	region    = "us-east-1"
	empty     = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

var day = time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC)

// wire reads a request as net/http's server does: method, target and host,
// then lines of headers.
func wire(t testing.TB, method, target, host string, lines ...string) sigv4.View {
	t.Helper()
	head := method + " " + target + " HTTP/1.1\r\nHost: " + host + "\r\n" + strings.Join(lines, "\r\n")
	if len(lines) > 0 {
		head += "\r\n"
	}
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(head + "\r\n")))
	if err != nil {
		t.Fatalf("%s: %v", head, err)
	}
	path, query, _ := strings.Cut(target, "?")
	return sigv4.View{Method: r.Method, Host: r.Host, Path: path, Query: query, Header: r.Header, ContentLength: r.ContentLength}
}

// verify goes the whole way of a request.
func verify(v sigv4.View, now time.Time, keys *sigv4.Keys) (*sigv4.Signature, *sigv4.Seed, error) {
	s, err := sigv4.Parse(v)
	if err != nil {
		return nil, nil, err
	}
	if err := s.Check(now, s.Region); err != nil {
		return s, nil, err
	}
	seed, err := s.Verify(secret, keys)
	return s, seed, err
}

// signed signs a request with the headers that are there.
func signed(v sigv4.View, payload string) sigv4.View {
	v.Header = v.Header.Clone()
	signer().Sign(day, &v, payload)
	return v
}

func signer() *sigv4.Signer {
	return &sigv4.Signer{AccessKey: accessKey, Secret: secret, Region: region}
}

// wants fails unless an error is of a kind, nil for none, and has a sentence
// without anything secret.
func wants(t testing.TB, err, kind error) {
	t.Helper()
	if !errors.Is(err, kind) || (kind == nil) != (err == nil) {
		t.Fatalf("got %v, want %v", err, kind)
	}
	var fault *sigv4.Fault
	if err == nil {
		return
	}
	if !errors.As(err, &fault) || len(fault.Message) < 20 {
		t.Errorf("no sentence for the client: %v", err)
	}
	if strings.Contains(err.Error(), secret.Reveal()) {
		t.Errorf("a secret in %v", err)
	}
}

func secretOf(s string) tokens.Secret { return tokens.Secret(s) }
