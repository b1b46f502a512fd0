package badgerstore

import (
	"errors"
	"strings"
	"testing"
	"time"

	"tollgate/tokens"
	"tollgate/tokens/record"
)

// TestADamagedNameIsNeitherFreeNorAnothers: what a name leads to must have
// that name.
func TestADamagedNameIsNeitherFreeNorAnothers(t *testing.T) {
	t.Parallel()
	other := benchToken(2)
	nothing := tokens.HashOf("nothing")
	rows := map[string][]byte{
		"a record that is not there": nothing[:],
		"a token with another name":  other.Hash[:],
		"no hash":                    []byte("short"),
	}
	for name, damage := range rows {
		s, _ := observed(t)
		tok := benchToken(1)
		tok.Name = "deploy"
		for _, one := range []*tokens.Token{tok, other} {
			if _, err := s.Put(t.Context(), one); err != nil {
				t.Fatal(err)
			}
		}
		overwrite(t, s, nameKey(tok.Owner, "deploy"), damage)
		next := benchToken(1)
		next.ID, next.Hash, next.Name = "3", tokens.HashOf("3"), "deploy"
		if _, err := s.Put(t.Context(), next); !errors.Is(err, errIndex) {
			t.Errorf("%s: Put = %v, want errIndex", name, err)
		}
		page, err := s.List(t.Context(), tokens.Query{Owner: tok.Owner, Name: "deploy"})
		if !errors.Is(err, errIndex) || len(page.Tokens) > 0 {
			t.Errorf("%s: List = %d tokens, %v, want errIndex", name, len(page.Tokens), err)
		}
	}
}

// overwrite puts a value under a key, whatever it was.
func overwrite(t *testing.T, s *Store, key, value []byte) {
	t.Helper()
	_, err := s.submit(t.Context(), 0, func(state, uint64) (*change, error) {
		c := &change{}
		c.set(key, value)
		return c, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestNamesHaveBounds(t *testing.T) {
	t.Parallel()
	s, _ := observed(t)
	tok := benchToken(1)
	tok.Name = strings.Repeat("n", record.MaxName)
	if _, err := s.Put(t.Context(), tok); err != nil {
		t.Errorf("a name of %d bytes: %v", record.MaxName, err)
	}
	page, err := s.List(t.Context(), tokens.Query{Owner: tok.Owner, Name: tok.Name})
	if err != nil || len(page.Tokens) != 1 || page.Next != "" {
		t.Errorf("List = %d tokens, next %q, %v, want one", len(page.Tokens), page.Next, err)
	}
	long := benchToken(2)
	long.Name = tok.Name + "n"
	if _, err := s.Put(t.Context(), long); !errors.Is(err, record.ErrTooLong) {
		t.Errorf("a name of one byte more: %v, want record.ErrTooLong", err)
	}
	api := benchToken(3)
	api.API = tokens.API(long.Name)
	if _, err := s.Put(t.Context(), api); !errors.Is(err, record.ErrTooLong) {
		t.Errorf("an API of one byte more: %v, want record.ErrTooLong", err)
	}
	for name, q := range map[string]tokens.Query{
		"a long name":  {Owner: tok.Owner, Name: strings.Repeat("n", 100_000)},
		"a long owner": {Owner: strings.Repeat("n", 100_000), Name: "deploy"},
	} {
		if page, err := s.List(t.Context(), q); err != nil || len(page.Tokens) > 0 {
			t.Errorf("%s: List = %d tokens, %v, want none", name, len(page.Tokens), err)
		}
	}
	q := tokens.Query{Owner: tok.Owner, Name: tok.Name, After: "AQ"}
	if _, err := s.List(t.Context(), q); !errors.Is(err, tokens.ErrBadCursor) {
		t.Errorf("List of a name with a cursor = %v, want ErrBadCursor", err)
	}
}

// TestRevives has what it takes for a name to be claimed again.
func TestRevives(t *testing.T) {
	t.Parallel()
	at := benchToken(1).Expires
	live, longer, endless := benchToken(1), benchToken(1), benchToken(1)
	longer.Expires, endless.Expires = at.Add(time.Millisecond), time.Time{}
	revoked, spent := live.Clone(), live.Clone()
	revoked.Revoked.At, spent.Spent = at.Add(-time.Millisecond), at.Add(-time.Millisecond)
	rows := []struct {
		name    string
		old, to *tokens.Token
		want    bool
	}{
		{"the same", live, live, false},
		{"a longer life", live, longer, true},
		{"a shorter life", longer, live, false},
		{"no end", live, endless, true},
		{"an end", endless, live, false},
		{"a revocation", endless, revoked, false},
		{"a last use", live, spent, false},
		{"a revocation undone", revoked, live, true},
		{"a last use undone", spent, live, true},
		{"used up and then revoked", spent, revoked, false},
	}
	for _, row := range rows {
		if got := revives(row.old, row.to); got != row.want {
			t.Errorf("%s: revives = %v, want %v", row.name, got, row.want)
		}
	}
}
