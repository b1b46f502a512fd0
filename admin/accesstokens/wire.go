package accesstokens

import (
	"encoding/json"
	"time"

	"tollgate/admin/api"
	"tollgate/tokens"
	"tollgate/tokens/accounts"
)

// creation is the body that asks for a token. Members are kept as they were
// sent: absent, null and of the wrong kind are three different things.
type creation struct {
	User           json.RawMessage `json:"user"`
	ExpirationTime json.RawMessage `json:"expiration_time"`
}

// identity returns whom the token is for. The error says what was read and
// what is accepted.
func (b *creation) identity() (accounts.Identity, error) {
	if isAbsent(b.User) || isNull(b.User) {
		return accounts.Identity{}, undecodable(api.Invalid("the member user is missing, accepted is an identity like {\"name\":\"svc\"}"))
	}
	id, err := accounts.DecodeIdentity(b.User)
	return id, undecodable(err)
}

// lifetime returns how long the token is to live. Tokens of this API live for
// ever if nothing is said, as far as the longest lifetime allows.
func (b *creation) lifetime() (tokens.Lifetime, error) {
	if isAbsent(b.ExpirationTime) {
		return tokens.Lifetime{Never: true}, nil
	}
	return lifetimeOf(b.ExpirationTime)
}

// alteration is the body that changes a token.
type alteration struct {
	Enabled        json.RawMessage `json:"enabled"`
	ExpirationTime json.RawMessage `json:"expiration_time"`
}

// change returns what is to become of a token, nothing at all included. The
// error says what was read and what is accepted.
func (b *alteration) change() (tokens.Change, error) {
	var c tokens.Change
	if !isAbsent(b.Enabled) {
		var enabled bool
		if isNull(b.Enabled) || json.Unmarshal(b.Enabled, &enabled) != nil {
			return c, undecodable(api.Invalid("the member enabled was read as %.60s, accepted are true and false", b.Enabled))
		}
		c.Enabled = &enabled
	}
	if isAbsent(b.ExpirationTime) {
		return c, nil
	}
	wish, err := lifetimeOf(b.ExpirationTime)
	c.Lifetime, c.Revive, c.Most = &wish, true, maxTokens
	return c, err
}

// lifetimeOf reads an expiration_time. Null is never, which is an extension.
func lifetimeOf(text json.RawMessage) (tokens.Lifetime, error) {
	if isNull(text) {
		return tokens.Lifetime{Never: true}, nil
	}
	const accepted = "accepted is a time of RFC 3339 with its zone, like 2031-05-17T08:30:00Z, or null for never"
	var value string
	if err := json.Unmarshal(text, &value); err != nil {
		return tokens.Lifetime{}, undecodable(api.Invalid("the member expiration_time was read as %.60s, %s", text, accepted))
	}
	at, ok := api.ParseTime(value)
	if !ok {
		return tokens.Lifetime{}, undecodable(api.Invalid("the member expiration_time was read as %.60q, %s", value, accepted))
	}
	if at.IsZero() { // which the service would take for no wish at all
		return tokens.Lifetime{}, tokens.Invalid("the expiration_time was read as %q, which is not in the future", value)
	}
	return tokens.Lifetime{Until: at}, nil
}

func isAbsent(member json.RawMessage) bool { return len(member) == 0 }

func isNull(member json.RawMessage) bool { return string(member) == "null" }

// created is the answer that carries the value of a new token.
type created struct {
	ID          tokens.ID `json:"id"`
	BearerToken string    `json:"bearer_token"`
}

// entry is the metadata of a token. Null is what is unknown, and the
// expiration_time of a token that never ends.
type entry struct {
	ID             tokens.ID `json:"id"`
	User           identity  `json:"user"`
	Creator        identity  `json:"creator"`
	CreationTime   string    `json:"creation_time"`
	ExpirationTime *string   `json:"expiration_time"`
	Enabled        bool      `json:"enabled"`
}

// identity is how a user is known; every member is always there.
type identity struct {
	Domain *string `json:"domain"`
	AuthID *string `json:"auth_id"`
	UID    *uint32 `json:"uid"`
	GID    *uint32 `json:"gid"`
	SID    *string `json:"sid"`
	Name   *string `json:"name"`
}

// entryOf returns what this API tells about a token. Of users who are gone the
// name is all that is left.
func entryOf(d *accounts.Directory, t *tokens.Token) entry {
	e := entry{
		ID: t.ID, User: identityOf(d, t.Owner), Creator: identityOf(d, t.Creator),
		CreationTime: printed(t.Created), Enabled: t.Disabled.At.IsZero(),
	}
	if !t.Expires.IsZero() {
		at := printed(t.Expires)
		e.ExpirationTime = &at
	}
	return e
}

func printed(at time.Time) string { return at.UTC().Format(time.RFC3339Nano) }

func identityOf(d *accounts.Directory, name string) identity {
	account, known := d.Account(name)
	if !known {
		return identity{Name: &name}
	}
	i := account.Identity
	return identity{Domain: orNull(i.Domain), AuthID: orNull(i.AuthID), UID: i.UID, GID: i.GID, SID: orNull(i.SID), Name: &name}
}

func orNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
