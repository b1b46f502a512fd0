package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func TestValuesTakeTheFirstOnesPlace(t *testing.T) {
	t.Parallel()
	request := []byte("GET / token=aaa end")
	v, err := newValues([]byte("aaa\nbbb\nccc\n"), request, true)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"aaa", "bbb", "ccc", "aaa"} {
		if v.choose(request); string(request) != "GET / token="+want+" end" {
			t.Errorf("got %q, want %s", request, want)
		}
	}
}

func TestValuesAtRandomAreAllUsed(t *testing.T) {
	t.Parallel()
	request := []byte("a")
	v, err := newValues([]byte("a b c d"), request, false)
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for range 4000 {
		v.choose(request)
		counts[string(request)]++
	}
	for _, value := range strings.Fields("a b c d") {
		if n := counts[value]; n < 800 || n > 1200 {
			t.Errorf("%s came %d times of 4000", value, n)
		}
	}
}

func TestListsThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	rows := []struct {
		name, list, request string
		want                error
	}{
		{"an empty one", "\n", "GET", errNoValues},
		{"different lengths", "aa\nb\n", "aa", errOddValue},
		{"another request", "aa\nbb\n", "GET", errNotInRequest},
	}
	for _, row := range rows {
		if _, err := newValues([]byte(row.list), []byte(row.request), false); !errors.Is(err, row.want) {
			t.Errorf("%s: %v, want %v", row.name, err, row.want)
		}
	}
}

func FuzzValues(f *testing.F) {
	f.Add([]byte("aaa\nbbb\n"), []byte("GET aaa"))
	f.Add([]byte(" "), []byte(""))
	f.Fuzz(func(t *testing.T, list, request []byte) {
		v, err := newValues(list, request, true)
		if err != nil {
			return
		}
		before := bytes.Clone(request)
		for _, want := range bytes.Fields(list) {
			v.choose(request)
			if !bytes.Equal(request[v.at:v.at+v.length], want) || len(request) != len(before) {
				t.Fatalf("got %q, want %q at %d", request, want, v.at)
			}
		}
	})
}

func BenchmarkChoose(b *testing.B) {
	request := []byte(peerToken(0))
	var list bytes.Buffer
	for n := range inUse {
		list.WriteString(peerToken(n) + "\n")
	}
	v, err := newValues(list.Bytes(), request, false)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		v.choose(request)
	}
}
