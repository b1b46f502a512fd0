package record

import (
	"errors"
	"fmt"
	"math"
	"net/netip"

	"tollgate/tokens"
)

// A usage is stored as
//
//	version byte | fields as in a record
//
// beside the token and not in it: what is written of it between two reads of
// the token changes neither the token nor its revision.
const usageVersion = 1

const (
	usageTagCount = 1 + iota
	usageTagAt
	usageTagAddress
	usageTagAgent
	usageTags // one more than the last
)

// MaxAgent is what tokens.Usage says of its agent, in bytes.
const MaxAgent = 256

// ErrUsage says: the bytes are no usage that EncodeUsage wrote.
var ErrUsage = errors.New("damaged or unknown usage of a token")

// EncodeUsage returns the one encoding of u, whose time is canonical.
func EncodeUsage(u tokens.Usage) []byte {
	b := append(make([]byte, 0, 64), usageVersion)
	b = appendCount(b, usageTagCount, u.Count)
	b = appendTime(b, usageTagAt, u.At)
	address, _ := u.Address.MarshalBinary() // it has no error to return
	b = appendField(b, usageTagAddress, string(address))
	return appendField(b, usageTagAgent, u.Agent)
}

// DecodeUsage reads what EncodeUsage wrote and nothing else.
func DecodeUsage(data []byte) (tokens.Usage, error) {
	if len(data) == 0 || data[0] != usageVersion {
		return tokens.Usage{}, fmt.Errorf("%w: %d bytes of another version than %d", ErrUsage, len(data), usageVersion)
	}
	var fields [usageTags]string
	if err := splitFields(string(data[1:]), fields[:]); err != nil {
		return tokens.Usage{}, fmt.Errorf("%w: %w", ErrUsage, err)
	}
	r := reading{fields: fields[:]}
	u := tokens.Usage{
		Count:   r.count(usageTagCount, math.MaxUint64),
		At:      r.time(usageTagAt),
		Address: parsed(&r, usageTagAddress, addressOf),
		Agent:   parsed(&r, usageTagAgent, agentOf),
	}
	if r.failed != 0 {
		return tokens.Usage{}, fmt.Errorf("%w: field %d cannot be read", ErrUsage, r.failed)
	}
	return u, nil
}

func agentOf(s string) (string, bool) { return s, len(s) <= MaxAgent }

func addressOf(s string) (addr netip.Addr, ok bool) {
	err := addr.UnmarshalBinary([]byte(s))
	return addr, err == nil
}
