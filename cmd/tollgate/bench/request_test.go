package main

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// readRequests gives text to a reader in pieces of the given size.
func readRequests(text string, piece int) ([]request, error) {
	var r requestReader
	var all []request
	for len(text) > 0 {
		n := copy(r.space(), text[:min(piece, len(text))])
		text = text[n:]
		for {
			got, err := r.take(n)
			if err != nil {
				return all, err
			}
			if !got.found {
				break
			}
			all = append(all, got)
			n = 0
		}
	}
	return all, nil
}

func FuzzRequests(f *testing.F) {
	f.Add("GET / HTTP/1.1\r\n\r\nHEAD / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\n\r\n", 9)
	f.Add("PUT / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n", 2)
	f.Fuzz(func(t *testing.T, text string, piece int) {
		if piece < 1 {
			return
		}
		bytewise, wantErr := readRequests(text, 1)
		got, err := readRequests(text, piece)
		if (err == nil) != (wantErr == nil) || !slices.Equal(got, bytewise) {
			t.Fatalf("in pieces of %d: %v, %v; byte by byte: %v, %v", piece, got, err, bytewise, wantErr)
		}
	})
}

func TestRequestsEndWhereTheirLengthSays(t *testing.T) {
	t.Parallel()
	rows := []struct {
		name, text string
		want       []request
	}{
		{"one without a body", "GET /x HTTP/1.1\r\nHost: x\r\n\r\n", []request{{found: true, size: -1}}},
		{"one for a size", "GET /x/77 HTTP/1.1\r\n\r\n", []request{{found: true, size: 77}}},
		{"one for a head", "HEAD /1 HTTP/1.1\r\n\r\n", []request{{found: true, headOnly: true, size: 1}}},
		{"one with a body", "PUT /0 HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", []request{{found: true}}},
		{"two", "PUT /0 HTTP/1.1\r\nContent-Length: 1\r\n\r\naGET /2 HTTP/1.1\r\n\r\n", []request{{found: true}, {found: true, size: 2}}},
		{"a long body", "PUT /0 HTTP/1.1\r\nContent-Length: 50000\r\n\r\n" + strings.Repeat("x", 50000), []request{{found: true}}},
		{"half a body", "PUT /0 HTTP/1.1\r\nContent-Length: 3\r\n\r\nab", nil},
		{"half a head", "GET / HTTP/1.1\r\n", nil},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			for _, piece := range []int{1, 3, 1 << 20} {
				if got, err := readRequests(row.text, piece); err != nil || !slices.Equal(got, row.want) {
					t.Errorf("in pieces of %d: got %v, %v, want %v", piece, got, err, row.want)
				}
			}
		})
	}
}

func TestRequestBodiesMayBePassedUnread(t *testing.T) {
	t.Parallel()
	var r requestReader
	got, err := r.take(copy(r.space(), "PUT /9 HTTP/1.1\r\nContent-Length: 100\r\n\r\nab"))
	if got.found || err != nil || r.rest() != 98 {
		t.Fatalf("after the head: %v, %v, %d to come", got, err, r.rest())
	}
	if got := r.pass(97); got.found || r.rest() != 1 {
		t.Fatalf("within the body: %v, %d to come", got, r.rest())
	}
	if got := r.pass(1); got != (request{found: true, size: 9}) || r.rest() != 0 {
		t.Fatalf("at the end: %v, %d to come", got, r.rest())
	}
	if got, err := r.take(0); got.found || err != nil {
		t.Errorf("the same once more: %v, %v", got, err)
	}
}

func TestRequestsThatCannotBeReadAreErrors(t *testing.T) {
	t.Parallel()
	rows := []struct {
		name, text string
		want       error
	}{
		{"an endless head", strings.Repeat("x", maxHead), errHeadTooLong},
		{"another version", "GET / HTTP/1.0\r\n\r\n", errBadRequest},
		{"chunks", "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", errBadRequest},
		{"a length below zero", "PUT / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", errBadRequest},
		{"a length above all", "PUT / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n", errBadRequest},
		{"nothing", "\r\n\r\n", errBadRequest},
	}
	for _, row := range rows {
		if got, err := readRequests(row.text, 1<<20); !errors.Is(err, row.want) {
			t.Errorf("%s: %v, %v, want %v", row.name, got, err, row.want)
		}
	}
}

func TestSizesInPaths(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]int64{
		"GET /1": 1, "GET /a/b/1024": 1024, "GET /0": 0, "GET /007": 7, "GET /1073741824": 1 << 30,
		"GET /1073741825": -1, "GET /99999999999999999999999999": -1, "GET /": -1, "": -1, "GET /1x": -1, "GET /-1": -1, "GET /1?2": -1,
	} {
		if got := sizeIn([]byte(path)); got != want {
			t.Errorf("%q: %d, want %d", path, got, want)
		}
	}
}

func BenchmarkRequestReader(b *testing.B) {
	var r requestReader
	text := requestBytes("GET", "/bucket/1024", "127.0.0.1:1", cookie(wrongToken))
	b.ReportAllocs()
	for b.Loop() {
		if got, err := r.take(copy(r.space(), text)); !got.found || err != nil {
			b.Fatal(got, err)
		}
	}
}
