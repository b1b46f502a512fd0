package engine

import (
	"strconv"
	"strings"

	clientv3 "go.etcd.io/etcd/client/v3"

	"tollgate/tokens"
	"tollgate/tokens/record"
)

// keys makes and reads the keys of the engine, all of which have a prefix:
//
//	d/h             the head: a random mark, put by every write below d/
//	d/t/<id>        the record of a token
//	d/u/<name>      the account of a user
//	d/l/<id>        the usage of a token
//	d/b/<nonce>     a barrier
//	i/h/<hash>      the id of the token with that hash
//	i/u/<name>      put whenever the user of that name is made, changed or
//	                removed, and never deleted
//	i/n/<owner><name>  the id of the token that has the name; owner has its
//	                length, a uvarint, in front
//	g/<gateway>     a gateway that is live
//	a/<nonce>/<gateway>  a gateway that has applied a barrier
//	k/<name>/<lease>  who has a turn or waits for one; name has its length in
//	                front. tokens.Fence is one whose keys hold others' writes up
//
// A gateway is its name, a slash and a mark of the process. Only what is below
// d/ is told to replicas.
type keys struct{ prefix string }

const (
	headPart    = "d/h"
	tokenPart   = "d/t/"
	userPart    = "d/u/"
	usagePart   = "d/l/"
	barrierPart = "d/b/"
	gatewayPart = "g/"
)

func (k keys) data() string                  { return k.prefix + "d/" }
func (k keys) head() string                  { return k.prefix + headPart }
func (k keys) token(id tokens.ID) string     { return k.prefix + tokenPart + string(id) }
func (k keys) user(name string) string       { return k.prefix + userPart + name }
func (k keys) usage(id tokens.ID) string     { return k.prefix + usagePart + string(id) }
func (k keys) barrier(nonce string) string   { return k.prefix + barrierPart + nonce }
func (k keys) hash(h tokens.Hash) string     { return k.prefix + "i/h/" + string(h[:]) }
func (k keys) gateways() string              { return k.prefix + gatewayPart }
func (k keys) gateway(inst string) string    { return k.prefix + gatewayPart + inst }
func (k keys) acks(nonce string) string      { return k.prefix + "a/" + nonce + "/" }
func (k keys) ack(nonce, inst string) string { return k.acks(nonce) + inst }

func (k keys) changed(user string) string { return k.prefix + "i/u/" + user }

// under returns the keys of those on whom a write rests, the users first.
func (k keys) under(b tokens.Basis) []string {
	all := make([]string, 0, len(b.Users)+len(b.Tokens))
	for _, name := range b.Users {
		all = append(all, k.changed(name))
	}
	for _, id := range b.Tokens {
		all = append(all, k.token(id))
	}
	return all
}

func (k keys) name(owner, name string) string {
	return k.prefix + "i/n/" + string(record.AppendString(nil, owner)) + name
}

func (k keys) locks(name string) string {
	return k.prefix + "k/" + string(record.AppendString(nil, name)) + "/"
}

func (k keys) lock(name string, lease clientv3.LeaseID) string {
	return k.locks(name) + strconv.FormatInt(int64(lease), 16)
}

// kind is what a key below d/ is for. The zero kind is told to nobody.
type kind byte

const (
	otherKind kind = iota
	headKind
	tokenKind
	userKind
	usageKind
	barrierKind
)

// parse returns what a key is for and the name in it, which is not empty but
// for the head's.
func (k keys) parse(key string) (kind, string) {
	rest, ok := strings.CutPrefix(key, k.prefix)
	switch {
	case !ok:
		return otherKind, ""
	case rest == headPart:
		return headKind, ""
	}
	for _, part := range [...]struct {
		kind kind
		text string
	}{{tokenKind, tokenPart}, {usageKind, usagePart}, {userKind, userPart}, {barrierKind, barrierPart}} {
		if name, ok := strings.CutPrefix(rest, part.text); ok && name != "" {
			return part.kind, name
		}
	}
	return otherKind, ""
}
