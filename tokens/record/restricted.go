package record

import (
	"math"
	"net/netip"

	"tollgate/tokens"
)

// Each restriction of a token is a field of its own, so that a binary that
// does not know one does not know the field either and refuses the record.
//
//	address = 4 or 16 bytes with their length in front | bits, one byte
//	agent   = 0 for the whole text, 1 for a pattern | text
//	type, tag = text

func appendRestrictions(b []byte, r *tokens.Restrictions) []byte {
	b = appendField(b, tagAddresses, listField(r.Addresses, appendPrefix))
	b = appendField(b, tagAgents, listField(r.Agents, appendAgent))
	b = appendField(b, tagTypes, listField(r.Types, AppendString))
	b = appendField(b, tagTags, listField(r.Tags, AppendString))
	b = appendCount(b, tagSizeBelow, uint64(max(r.SizeBelow, 0)))
	return appendCount(b, tagUses, uint64(r.Uses))
}

func (r *reading) restrictions() tokens.Restrictions {
	return tokens.Restrictions{
		Addresses: parsed(r, tagAddresses, prefixesOf),
		Agents:    parsed(r, tagAgents, agentsOf),
		Types:     parsed(r, tagTypes, stringsOf),
		Tags:      parsed(r, tagTags, stringsOf),
		SizeBelow: int64(r.count(tagSizeBelow, math.MaxInt64)), //nolint:gosec // count keeps it within
		Uses:      uint32(r.count(tagUses, math.MaxUint32)),    //nolint:gosec // count keeps it within
	}
}

func appendPrefix(b []byte, p netip.Prefix) []byte {
	b = AppendString(b, string(p.Addr().AsSlice()))
	return append(b, byte(p.Bits())) //nolint:gosec // at most 128
}

func prefixesOf(s string) ([]netip.Prefix, bool) { return listOf(s, cutPrefix) }

func cutPrefix(s string) (p netip.Prefix, rest string, ok bool) {
	bytes, rest, ok := CutString(s)
	if !ok || rest == "" {
		return p, "", false
	}
	addr, ok := netip.AddrFromSlice([]byte(bytes))
	p = netip.PrefixFrom(addr, int(rest[0]))
	return p, rest[1:], ok && p.IsValid()
}

func appendAgent(b []byte, a tokens.Agent) []byte {
	return AppendString(append(b, flag(a.Pattern)), a.Text)
}

func agentsOf(s string) ([]tokens.Agent, bool) { return listOf(s, cutAgent) }

func cutAgent(s string) (a tokens.Agent, rest string, ok bool) {
	if s == "" || s[0] > 1 {
		return a, "", false
	}
	a.Pattern = s[0] == 1
	a.Text, rest, ok = CutString(s[1:])
	return a, rest, ok
}

func flag(set bool) byte {
	if set {
		return 1
	}
	return 0
}
