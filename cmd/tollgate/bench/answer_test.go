package main

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// readAnswers gives text to a reader in pieces of the given size.
func readAnswers(text string, piece int) ([]answer, error) {
	var r answerReader
	var all []answer
	for len(text) > 0 {
		n := copy(r.space(), text[:min(piece, len(text))])
		text = text[n:]
		a, done, err := r.take(n)
		if err != nil {
			return all, err
		}
		if done {
			all = append(all, a)
		}
	}
	return all, nil
}

func TestAnswersEndWhereTheirLengthSays(t *testing.T) {
	t.Parallel()
	rows := []struct {
		name, text string
		want       []answer
	}{
		{"with a body", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", []answer{{200, 3}}},
		{"without a body", "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", []answer{{401, 0}}},
		{"without a reason", "HTTP/1.1 200\r\ncontent-LENGTH:3\r\n\r\nabc", []answer{{200, 3}}},
		{"one that never has a body", "HTTP/1.1 204 No Content\r\n\r\n", []answer{{204, 0}}},
		{"a name inside another", "HTTP/1.1 200 OK\r\nX-Content-Length: 9\r\nContent-Length: 1\r\n\r\na", []answer{{200, 1}}},
		{"a body like a head", "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n\r\n\r\n\r\n\r\n", []answer{{200, 8}}},
		{"a body longer than the buffer", "HTTP/1.1 200 OK\r\nContent-Length: 40000\r\n\r\n" + strings.Repeat("x", 40000), []answer{{200, 40000}}},
		{"half an answer", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", nil},
		{"half a head", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n", nil},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			for _, piece := range []int{1, 2, 7, 1 << 20} {
				got, err := readAnswers(row.text, piece)
				if err != nil || !slices.Equal(got, row.want) {
					t.Fatalf("in pieces of %d: got %v, %v, want %v", piece, got, err, row.want)
				}
			}
		})
	}
}

func TestAnswersInTurnAreToldApart(t *testing.T) {
	t.Parallel()
	one := "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab"
	got, err := readAnswers(one+"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"+one, 1)
	if want := []answer{{200, 2}, {503, 0}, {200, 2}}; err != nil || !slices.Equal(got, want) {
		t.Fatalf("got %v, %v, want %v", got, err, want)
	}
}

func TestAnswersThatCannotBeCountedAreErrors(t *testing.T) {
	t.Parallel()
	rows := []struct {
		name, text string
		want       error // nil = any
	}{
		{"no length", "HTTP/1.1 200 OK\r\n\r\n", errNoLength},
		{"chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", errNoLength},
		{"a length in words", "HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n", nil},
		{"a length below zero", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", nil},
		{"more than announced", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab", errNotAsked},
		{"an endless head", strings.Repeat("x", maxHead), errHeadTooLong},
		{"another version", "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", errNoAnswer},
		{"an informational one", "HTTP/1.1 100 Continue\r\n\r\n", errNoAnswer},
		{"no status", "HTTP/1.1 OK\r\n\r\n", errNoAnswer},
		{"nothing", "\r\n\r\n", errNoAnswer},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			got, err := readAnswers(row.text, 1<<20)
			if err == nil || row.want != nil && !errors.Is(err, row.want) {
				t.Fatalf("got %v and error %v, want %v", got, err, row.want)
			}
		})
	}
}

func TestBodiesMayBePassedUnread(t *testing.T) {
	t.Parallel()
	var r answerReader
	head := "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc"
	if rest := r.rest(); rest != 0 {
		t.Fatalf("%d bytes of no answer", rest)
	}
	if _, done, err := r.take(copy(r.space(), head)); done || err != nil || r.rest() != 997 {
		t.Fatalf("after the head: %v, %v, %d to come", done, err, r.rest())
	}
	if _, done, err := r.pass(900); done || err != nil || r.rest() != 97 {
		t.Fatalf("within the body: %v, %v, %d to come", done, err, r.rest())
	}
	if a, done, err := r.pass(97); !done || err != nil || a != (answer{200, 1000}) || r.rest() != 0 {
		t.Fatalf("at the end: %v, %v, %v, %d to come", a, done, err, r.rest())
	}
	if _, _, err := r.pass(1); !errors.Is(err, errNotAsked) {
		t.Errorf("a byte more: %v", err)
	}
}

func FuzzAnswers(f *testing.F) {
	f.Add("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcHTTP/1.1 204 No\r\n\r\n", 5)
	f.Add("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", 1)
	f.Add("\r\n\r\n\r\n\r\n", 2)
	f.Fuzz(func(t *testing.T, text string, piece int) {
		if piece < 1 {
			return
		}
		bytewise, err := readAnswers(text, 1)
		if err != nil {
			return
		}
		got, err := readAnswers(text, piece)
		if errors.Is(err, errNotAsked) {
			return // two answers in one piece: the load asks one at a time
		}
		if err != nil || !slices.Equal(got, bytewise) {
			t.Fatalf("in pieces of %d: %v, %v; byte by byte: %v", piece, got, err, bytewise)
		}
	})
}

func BenchmarkAnswer(b *testing.B) {
	var r answerReader
	text := prepare(1024, newFiller()).begin
	b.ReportAllocs()
	for b.Loop() {
		if _, done, err := r.take(copy(r.space(), text)); !done || err != nil {
			b.Fatal(done, err)
		}
	}
}
