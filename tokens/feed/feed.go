// Package feed is what the engine that several gateways share tells each of
// them: what changed, and up to where.
package feed

import "tollgate/tokens"

// Position is a point in the history of an engine. The zero Position is that
// of a replica that has nothing yet.
type Position struct {
	Cluster  uint64 // the engine's own id; another one is another history
	Revision uint64 // of the last write to what is fed
	// Mark is what that write left behind, at random: the same revision with
	// another mark belongs to another history, such as that of an engine that
	// was restored from an older backup.
	Mark string
}

// Change is one thing that changed. Exactly one of its fields is set.
type Change struct {
	Token *tokens.Token // this record, with its revision, in place of the one with its id
	Gone  tokens.ID     // the token with this id, and its usage, are no more
	Usage *tokens.Usage // this usage in place of the one kept of its token
	User  *User
}

// User is the account of one user. What the bytes mean is the business of
// whoever put them there.
type User struct {
	Name    string
	Account []byte // nil = there is none any more
}
