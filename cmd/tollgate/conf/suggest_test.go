package conf

import (
	"strings"
	"testing"
)

func TestDistanceCountsSlips(t *testing.T) {
	t.Parallel()
	rows := []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"abc", "abc", 0},
		{"abc", "abd", 1}, {"abc", "ab", 1}, {"abc", "abcd", 1}, {"abc", "acb", 1},
		{"ab", "ba", 1}, {"abcd", "badc", 2}, {"kitten", "sitting", 3}, {"ca", "abc", 3},
	}
	for _, row := range rows {
		if got := distance(row.a, row.b); got != row.want {
			t.Errorf("%q to %q: got %d, want %d", row.a, row.b, got, row.want)
		}
		if got := distance(row.b, row.a); got != row.want {
			t.Errorf("%q to %q: got %d, want %d", row.b, row.a, got, row.want)
		}
	}
}

func TestNearestIsTheBestWithinBounds(t *testing.T) {
	t.Parallel()
	keys := []string{"ttl", "listen", "listener", "default_ttl", "max_staleness", "a", ""}
	rows := []struct{ word, want string }{
		{"listen", "listen"}, {"lisen", "listen"}, {"listne", "listen"}, {"listenr", "listen"}, {"listenerr", "listener"},
		{"tll", "ttl"}, {"ltt", ""}, {"tl", "ttl"}, {"Default-TTL", "default_ttl"}, {"defaultttl", "default_ttl"},
		{"maxstalenes", "max_staleness"}, {"b", ""}, {"", ""}, {"nothing_like_it", ""},
		{strings.Repeat("x", 1000), ""},
	}
	for _, row := range rows {
		if got := nearest(row.word, keys); got != row.want {
			t.Errorf("%q: got %q, want %q", row.word, got, row.want)
		}
	}
}

func TestOnlyTheTidyPartOfAKeyIsVisible(t *testing.T) {
	t.Parallel()
	rows := []struct{ key, want string }{
		{"default_ttl", "default_ttl"}, {"a-b.c9", "a-b.c9"}, {"key:value", "key…"}, {"key value", "key…"},
		{"é", "…"}, {"", ""}, {strings.Repeat("k", 64), strings.Repeat("k", 64)}, {strings.Repeat("k", 65), strings.Repeat("k", 64) + "…"},
	}
	for _, row := range rows {
		if got := visible(row.key); got != row.want {
			t.Errorf("%q: got %q, want %q", row.key, got, row.want)
		}
	}
}

func TestParentTakesOneStep(t *testing.T) {
	t.Parallel()
	rows := []struct{ path, want string }{
		{"a.b[2].c", "a.b[2]"}, {"a.b[2]", "a.b"}, {"a.b", "a"}, {"a", ""}, {"", ""}, {"[0]", ""},
	}
	for _, row := range rows {
		if got := parent(row.path); got != row.want {
			t.Errorf("%q: got %q, want %q", row.path, got, row.want)
		}
	}
}

// The parser of this YAML text panics or answers without a line; both end as
// one sentence.
func TestParserErrorsNeverQuoteTheText(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"a: *b", "%TAG x", "a: !<", "a: \"\\xZZ\"", "a: !x!y z", "&", "!", "- - : [", "{a: [b: {c"} {
		_, problem, line := parse([]byte(text))
		if problem != "" && (!strings.HasPrefix(problem, "not valid YAML") || line != 1) {
			t.Errorf("%q: got %q in line %d, want a plain sentence for line 1", text, problem, line)
		}
	}
}
