package record

import (
	"encoding/binary"
	"math"

	"tollgate/tokens"
)

// What a token was given is written as
//
//	count | permissions, number of resources, resources | ...
//
// with numbers as uvarint. Permissions are the bits of tokens.Permissions, so
// a bit that was given once never gets another meaning.

// allowedField returns the one encoding of allowances; none = empty.
func allowedField(all tokens.Allowances) string { return listField(all, appendAllowance) }

func appendAllowance(b []byte, a tokens.Allowance) []byte {
	b = binary.AppendUvarint(b, uint64(a.Permissions))
	b = binary.AppendUvarint(b, uint64(len(a.Resources)))
	for _, r := range a.Resources {
		b = AppendString(b, string(r))
	}
	return b
}

// allowedOf reads what allowedField wrote and nothing else. A right that is
// not known here is refused: nobody could say what the token allows.
func allowedOf(s string) (tokens.Allowances, bool) {
	list, ok := listOf(s, cutAllowance)
	all := tokens.Allowances(list)
	return all, ok && all.Validate() == nil
}

func cutAllowance(s string) (a tokens.Allowance, rest string, ok bool) {
	bits, s, ok := cutUvarint(s)
	if !ok || bits == 0 || bits > math.MaxUint32 || !tokens.Everything.Covers(tokens.Permissions(bits)) {
		return a, "", false
	}
	a.Permissions = tokens.Permissions(bits)
	n, s, ok := cutUvarint(s)
	if !ok || n > uint64(len(s)) || n > math.MaxInt32 {
		return a, "", false
	}
	if n > 0 {
		a.Resources = make([]tokens.Resource, n)
	}
	for i := range a.Resources {
		var r string
		if r, s, ok = CutString(s); !ok || r == "" {
			return a, "", false
		}
		a.Resources[i] = tokens.Resource(r)
	}
	return a, s, true
}
