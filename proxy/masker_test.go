package proxy

import (
	"net/http/httptest"
	"strings"
	"testing"
)

// TestMaskerHidesTheAccessKeyWhereverTheTextIsCut: an owner's id is masked, a
// key of that name is not, and the length stays.
func TestMaskerHidesTheAccessKeyWhereverTheTextIsCut(t *testing.T) {
	text := "<Owner><ID>rootkey</ID><DisplayName>rootkey</DisplayName></Owner><Key>rootkey</Key><ID>rootkey2</ID>" +
		"<ID>rootkey</ID><ID>rootkey</I" // and one that is cut off
	want := strings.ReplaceAll(text, "<ID>rootkey</ID>", "<ID>*******</ID>")
	want = strings.ReplaceAll(want, "<DisplayName>rootkey</DisplayName>", "<DisplayName>*******</DisplayName>")
	for size := 1; size <= len(text); size++ {
		m, out := newMasker("rootkey"), httptest.NewRecorder()
		for rest := text; rest != ""; {
			n := min(size, len(rest))
			if taken, err := m.write(out, []byte(rest[:n])); taken != n || err != nil {
				t.Fatalf("it took %d of %d: %v", taken, n, err)
			}
			rest = rest[n:]
		}
		if got := out.Body.String() + string(m.rest()); got != want {
			t.Fatalf("in pieces of %d:\n%s, want\n%s", size, got, want)
		}
	}
	escaped := newMasker("a&b")
	if got := string(escaped.whole([]byte("<ID>a&amp;b</ID>"))); got != "<ID>*******</ID>" {
		t.Errorf("an escaped key: %s", got)
	}
}
