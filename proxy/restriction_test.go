package proxy

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"tollgate/tokens"
)

func TestDeclaredType(t *testing.T) {
	for _, row := range []struct {
		name   string
		values []string
		want   string
	}{
		{"Plain", []string{"image/png"}, "image/png"},
		{"Capitals", []string{"Image/PNG"}, "image/png"},
		{"Parameters", []string{"text/html; charset=utf-8"}, "text/html"},
		{"None", nil, ""},
		{"Empty", []string{""}, ""},
		{"Two", []string{"image/png", "text/html"}, ""},
		{"List", []string{"image/png, text/html"}, ""},
		{"Parameter twice", []string{"image/png; a=b; a=c"}, ""},
		{"No subtype", []string{"image/"}, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := declaredType(row.values); got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}

// readers give out the same bytes in different pieces.
func readers(text string) map[string]io.Reader {
	return map[string]io.Reader{
		"AtOnce":      strings.NewReader(text),
		"ByteByByte":  iotest.OneByteReader(strings.NewReader(text)),
		"EndWithData": iotest.DataErrReader(strings.NewReader(text)),
	}
}

func TestBoundedBody(t *testing.T) {
	const limit = 10 // fewer than this
	for size := range 13 {
		text := strings.Repeat("x", size)
		for name, source := range readers(text) {
			got, err := io.ReadAll(&boundedBody{source: source, left: limit - 1})
			if size < limit && (err != nil || string(got) != text) {
				t.Errorf("%d bytes %s: %q, %v", size, name, got, err)
			}
			if size >= limit && (!errors.Is(err, tokens.ErrSize) || len(got) >= size) {
				t.Errorf("%d bytes %s: %q, %v", size, name, got, err)
			}
		}
	}
}

func TestSniffedBody(t *testing.T) {
	png := "\x89PNG\r\n\x1a\n" + strings.Repeat("\x00", 5000)
	html := "<!DOCTYPE html><html>" + strings.Repeat("a", 5000)
	for _, row := range []struct {
		name, body string
		types      []string
		coded      bool
		refused    bool
	}{
		{"Allowed", png, []string{"image/png"}, false, false},
		{"Family", png, []string{"image/*"}, false, false},
		{"Other", html, []string{"image/png"}, false, true},
		{"OtherAllowed", html, []string{"image/png", "text/html"}, false, false},
		{"WhatItIsAlso", html, []string{"text/plain"}, false, false},
		{"Empty", "", []string{"image/png"}, false, false},
		{"Words", "some words", []string{"image/png"}, false, false},
		{"Bytes", "\x00\x01\x02\x03", []string{"image/png"}, false, false},
		{"Coded", png, []string{"image/png"}, true, true},
		{"Short", "<html>", []string{"image/png"}, false, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			for name, source := range readers(row.body) {
				body := &sniffedBody{source: source, only: &tokens.Restrictions{Types: row.types}, coded: row.coded}
				got, err := io.ReadAll(body)
				switch {
				case row.refused && (!errors.Is(err, tokens.ErrType) || len(got) != 0):
					t.Errorf("%s: %d bytes, %v", name, len(got), err)
				case !row.refused && (err != nil || string(got) != row.body):
					t.Errorf("%s: %d bytes of %d, %v", name, len(got), len(row.body), err)
				}
				if _, err := body.Read(make([]byte, 1)); err == nil {
					t.Errorf("%s: it goes on after its end", name)
				}
			}
		})
	}
	t.Run("BrokenOff", func(t *testing.T) {
		broken := io.MultiReader(strings.NewReader("some words"), iotest.ErrReader(ErrBrokenBody))
		got, err := io.ReadAll(&sniffedBody{source: broken, only: &tokens.Restrictions{Types: []string{"image/png"}}})
		if !errors.Is(err, ErrBrokenBody) || string(got) != "some words" {
			t.Errorf("%q, %v", got, err)
		}
	})
}

func TestIsCoded(t *testing.T) {
	for value, want := range map[string]bool{"": false, "identity": false, "aws-chunked": true, "Identity": false, "gzip": true, "aws-chunked, GZIP": true, "br": true} {
		x := &exchange{in: &http.Request{Header: http.Header{"Content-Encoding": {value}}}}
		if got := x.isCoded(); got != want {
			t.Errorf("%q: %v", value, got)
		}
	}
}
