package badgerstore

import (
	"bytes"
	"testing"
	"time"

	"tollgate/tokens"
)

// claimant returns a token with a name, times being hours from some day on.
func claimant(id string, created, expires int) *tokens.Token {
	at := func(hour int) time.Time {
		return time.UnixMilli(1_900_000_000_000).Add(time.Duration(hour) * time.Hour).UTC()
	}
	t := &tokens.Token{
		ID: tokens.ID(id), Hash: tokens.HashOf(id), API: tokens.UserTokens, Owner: "ada", Name: "deploy", Creator: "ada",
		Scope: tokens.Scope{Tenant: "acme"}, Created: at(created), Expires: at(expires), Revision: 1,
	}
	if expires == 0 {
		t.Expires = time.Time{}
	}
	return t
}

func closedAt(t *tokens.Token, hour int) *tokens.Token {
	t.Revoked = tokens.Mark{At: time.UnixMilli(1_900_000_000_000).Add(time.Duration(hour) * time.Hour).UTC(), By: "grace"}
	return t
}

func spentAt(t *tokens.Token, hour int) *tokens.Token {
	t = closedAt(t, hour)
	t.Spent, t.Revoked = t.Revoked.At, tokens.Mark{}
	return t
}

func revised(t *tokens.Token, revision uint64) *tokens.Token {
	t.Revision = revision
	return t
}

// TestWhoHasAName lists tokens of one name, best claim first, as claimName
// would have given it from the last to the first.
func TestWhoHasAName(t *testing.T) {
	t.Parallel()
	rows := map[string][]*tokens.Token{
		"no end before an end":                    {claimant("1", 1, 0), claimant("2", 2, 9)},
		"the later end":                           {claimant("1", 1, 9), claimant("2", 2, 8)},
		"made after the other had expired":        {claimant("2", 5, 9), claimant("1", 1, 5)},
		"that one was revoked":                    {closedAt(claimant("2", 5, 9), 6), claimant("1", 1, 5)},
		"that one was used up":                    {spentAt(claimant("2", 5, 9), 6), claimant("1", 1, 5)},
		"live, the one that had it was revoked":   {claimant("2", 5, 9), closedAt(claimant("1", 4, 99), 4)},
		"live again, who took it was revoked":     {claimant("1", 1, 9), closedAt(claimant("2", 5, 99), 6)},
		"live again for ever":                     {claimant("1", 1, 0), spentAt(claimant("2", 5, 99), 6)},
		"both revoked, the later made":            {closedAt(claimant("2", 3, 9), 4), closedAt(claimant("1", 1, 99), 2)},
		"revoked at a time to come":               {claimant("2", 5, 9), closedAt(claimant("1", 4, 0), 99)},
		"live, revoked and expired":               {claimant("3", 7, 9), closedAt(claimant("2", 5, 9), 6), claimant("1", 1, 5)},
		"revoked, expired, revoked":               {closedAt(claimant("3", 7, 9), 8), claimant("2", 5, 7), closedAt(claimant("1", 4, 9), 4)},
		"of the same end the later made":          {claimant("2", 2, 9), claimant("1", 1, 9)},
		"made at the same time, the later change": {revised(claimant("2", 2, 9), 8), revised(claimant("1", 2, 9), 7)},
		"nothing tells them apart but the id":     {claimant("1", 2, 9), claimant("2", 2, 9)},
	}
	for name, order := range rows {
		for i := range order {
			for j := range order[:i] {
				if bytes.Compare(claimKey(order[j]), claimKey(order[i])) >= 0 {
					t.Errorf("%s: %s is not before %s", name, order[j].ID, order[i].ID)
				}
			}
		}
	}
}

func TestATokenOfUnknownAgeCanHaveAName(t *testing.T) {
	t.Parallel()
	ageless := closedAt(claimant("1", 1, 9), 2)
	ageless.Created = time.Time{}
	if bytes.Compare(claimKey(closedAt(claimant("2", 1, 9), 2)), claimKey(ageless)) >= 0 {
		t.Error("it comes before one that is known to be younger")
	}
	for _, tok := range []*tokens.Token{ageless, claimant("3", 1, 0)} {
		prefix := nameKey(tok.Owner, tok.Name)
		if key := claimKey(tok); !bytes.HasPrefix(key, prefix) || string(key[len(prefix)+rankSize:]) != string(tok.ID) {
			t.Errorf("the key of %s is %q", tok.ID, key)
		}
	}
}
