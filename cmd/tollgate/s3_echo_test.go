package main

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// TestS3WhatTheClientNamedComesBack: letters that happen to be the storage's
// access key are no secret where the client wrote them himself.
func TestS3WhatTheClientNamedComesBack(t *testing.T) {
	g := startS3(t, s3Setup{})
	g.storage.answers(func(w http.ResponseWriter, a *s3Arrival) bool {
		w.Header().Set("X-Amz-Meta-Owner", "the "+storageKey)
		w.Header().Set("Content-Disposition", `attachment; filename="`+storageKey+`"`)
		if strings.Contains(a.Path, "missing") {
			w.Header().Set("Content-Type", "application/xml")
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, "<Error><Code>NoSuchKey</Code><Message>none</Message><Key>"+strings.TrimPrefix(a.Path, "/bucket/")+"</Key></Error>")
		}
		return true
	})
	pair := g.pair(john, hostOne)
	got := g.send(t, pair.signed(get("/bucket/key")))
	if got.status != 200 || got.header.Get("X-Amz-Meta-Owner") == "" || got.header.Get("Content-Disposition") == "" {
		t.Errorf("%d %v", got.status, got.header)
	}
	got = g.send(t, pair.signed(get("/bucket/missing-"+storageKey)))
	if got.status != 404 || !strings.Contains(got.body, "<Code>NoSuchKey</Code>") {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// TestS3LocationNamesTheGateway: an address of the storage itself is of no use
// to clients, and says where it is.
func TestS3LocationNamesTheGateway(t *testing.T) {
	g := startS3(t, s3Setup{})
	g.storage.answers(func(w http.ResponseWriter, a *s3Arrival) bool {
		at := g.storage.URL + a.Path + "/folder/object"
		w.Header().Set("Location", at)
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, "<PostResponse><Location>"+at+"</Location></PostResponse>")
		return true
	})
	c := newForm(g).call(g.pair(john, hostOne))
	got := g.send(t, c)
	want := "http://" + hostOne + c.path + "/folder/object"
	if got.status != 201 || got.header.Get("Location") != want || got.body != "<PostResponse><Location>"+want+"</Location></PostResponse>" {
		t.Errorf("%d %v %s, want %s", got.status, got.header, got.body, want)
	}
}
