package engine

import (
	"errors"
	"fmt"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"

	"tollgate/tokens"
	"tollgate/tokens/feed"
	"tollgate/tokens/record"
)

var errOtherID = errors.New("it has the id of another token")

// changeOf returns what a key and its value tell a replica; false = nothing. A
// record that cannot be read is told as that of a token that is no more: the
// token is unknown then, and all else goes on.
func (e *Engine) changeOf(kv *mvccpb.KeyValue) (feed.Change, bool) {
	kind, name := e.keys.parse(string(kv.Key))
	switch kind {
	case tokenKind:
		return e.tokenChange(tokens.ID(name), kv), true
	case usageKind:
		u, err := record.DecodeUsage(kv.Value)
		if err != nil {
			e.damaged("usage of token "+name, err)
			return feed.Change{}, false
		}
		u.ID = tokens.ID(name)
		return feed.Change{Usage: &u}, true
	case userKind:
		account := kv.Value
		if account == nil {
			account = []byte{}
		}
		return feed.Change{User: &feed.User{Name: name, Account: account}}, true
	case otherKind, headKind, barrierKind:
		return feed.Change{}, false
	default:
		return feed.Change{}, false
	}
}

// changesOf returns what several keys tell.
func (e *Engine) changesOf(kvs []*mvccpb.KeyValue) []feed.Change {
	changes := make([]feed.Change, 0, len(kvs))
	for _, kv := range kvs {
		if c, ok := e.changeOf(kv); ok {
			changes = append(changes, c)
		}
	}
	return changes
}

func (e *Engine) tokenChange(id tokens.ID, kv *mvccpb.KeyValue) feed.Change {
	t, err := record.Decode(kv.Value)
	if err == nil && t.ID != id {
		err = fmt.Errorf("%w: %w", record.ErrDamaged, errOtherID)
	}
	if err != nil {
		e.damaged("record of token "+string(id), err)
		return feed.Change{Gone: id}
	}
	t.Revision = revisionOf(kv)
	return feed.Change{Token: t}
}

// absenceOf returns what it tells a replica that a key is no more.
func (e *Engine) absenceOf(key string) (feed.Change, bool) {
	kind, name := e.keys.parse(key)
	switch kind {
	case tokenKind:
		return feed.Change{Gone: tokens.ID(name)}, true
	case userKind:
		return feed.Change{User: &feed.User{Name: name}}, true
	case otherKind, headKind, usageKind, barrierKind: // a usage goes with its token
		return feed.Change{}, false
	default:
		return feed.Change{}, false
	}
}

// damaged makes known that something cannot be read.
func (e *Engine) damaged(what string, err error) {
	e.cfg.Log(fmt.Sprintf("etcd: %s cannot be read and counts as none: %v", what, err))
	e.cfg.Observe("damaged", time.Duration(0), err)
}
