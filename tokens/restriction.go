package tokens

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"unicode/utf8"
)

// Why a token's restrictions refuse a request. Test with errors.Is.
var (
	// ErrAddress: the client's address is none of the token's, or unknown.
	ErrAddress = errors.New("client address is not one of the token's")
	// ErrAgent: the user agent is none of the token's.
	ErrAgent = errors.New("user agent is not one of the token's")
	// ErrType: the type of what is uploaded is none of the token's.
	ErrType = errors.New("media type is not one of the token's")
	// ErrSize: what is uploaded is as large as the token does not allow.
	ErrSize = errors.New("upload is larger than the token allows")
	// ErrTag: a tag of the request is none of the token's.
	ErrTag = errors.New("tag is not one of the token's")
)

// Restrictions are what requests with a token must be like. The zero value
// restricts nothing; of several, each must hold.
type Restrictions struct {
	Addresses []netip.Prefix // the client's is in one of them; IPv4 in IPv6 is IPv4. None = any
	Agents    []Agent        // the User-Agent is one of them; none = any
	Types     []string       // of uploads: type/subtype or type/*, lower case; none = any
	Tags      []string       // of requests that have tags: key or key=value; none = any
	SizeBelow int64          // uploads have fewer bytes than this; 0 = any size
	Uses      uint32         // how often the token can be used; 0 = any number
}

// Agent is a user agent that a token allows.
type Agent struct {
	Text    string
	Pattern bool // * in Text stands for any text; without it Text is the whole
}

// Matches reports whether a User-Agent is the agent. Capitals matter.
func (a Agent) Matches(agent string) bool {
	if !a.Pattern {
		return agent == a.Text
	}
	parts := strings.Split(a.Text, "*")
	rest, ok := strings.CutPrefix(agent, parts[0])
	if len(parts) == 1 || !ok {
		return ok && rest == ""
	}
	for _, part := range parts[1 : len(parts)-1] {
		if _, rest, ok = strings.Cut(rest, part); !ok {
			return false
		}
	}
	return strings.HasSuffix(rest, parts[len(parts)-1])
}

// Circumstances are from where and with what a request comes.
type Circumstances struct {
	Client netip.Addr // invalid = unknown
	Agent  string     // the User-Agent; empty = there is none
}

// Upload is what a request stores, as far as its head says.
type Upload struct {
	Type string   // media type without parameters, lower case; empty = none was declared
	Size int64    // bytes as they will be stored; -1 = unknown
	Tags []string // as key=value, or key where there is no value
	// Untyped: what is stored has no type of its own, as a part of an object.
	Untyped bool
}

// IsZero reports whether r restricts nothing.
func (r *Restrictions) IsZero() bool {
	return len(r.Addresses) == 0 && len(r.Agents) == 0 && len(r.Types) == 0 && len(r.Tags) == 0 && r.SizeBelow == 0 && r.Uses == 0
}

// Admit says whether a request may come so. The error is ErrAddress or
// ErrAgent.
func (r *Restrictions) Admit(c Circumstances) error {
	client := c.Client.Unmap().WithZone("") // a zone is of this host alone, and no network can name one
	if len(r.Addresses) > 0 && !slices.ContainsFunc(r.Addresses, func(p netip.Prefix) bool { return p.Contains(client) }) {
		return ErrAddress
	}
	if len(r.Agents) > 0 && !slices.ContainsFunc(r.Agents, func(a Agent) bool { return a.Matches(c.Agent) }) {
		return ErrAgent
	}
	return nil
}

// Accept says whether an upload may be. The error is ErrType, ErrSize or
// ErrTag.
func (r *Restrictions) Accept(u Upload) error {
	if !u.Untyped && !r.AcceptsType(u.Type) {
		return ErrType
	}
	if !r.AcceptsSize(u.Size) {
		return ErrSize
	}
	return r.AcceptTags(u.Tags)
}

// AcceptsType reports whether uploads may be of a media type.
func (r *Restrictions) AcceptsType(mediaType string) bool {
	return len(r.Types) == 0 || slices.ContainsFunc(r.Types, func(t string) bool { return typeCovers(t, mediaType) })
}

// AcceptsSize reports whether uploads may have that many bytes. A negative
// number is one that is not known yet.
func (r *Restrictions) AcceptsSize(size int64) bool { return r.SizeBelow == 0 || size < r.SizeBelow }

// AcceptTags says whether a request may carry tags. The error is ErrTag.
func (r *Restrictions) AcceptTags(tags []string) error {
	if len(r.Tags) == 0 {
		return nil
	}
	for _, tag := range tags {
		key, _, _ := strings.Cut(tag, "=")
		if !slices.Contains(r.Tags, tag) && !slices.Contains(r.Tags, key) {
			return ErrTag
		}
	}
	return nil
}

// typeCovers reports whether t, which may end in /*, is or includes another.
func typeCovers(t, other string) bool {
	if kind, all := strings.CutSuffix(t, "*"); all {
		return len(other) > len(kind) && strings.HasPrefix(other, kind)
	}
	return t == other
}

// within returns what a token gets that was asked to have r and is made by one
// that has parent: what was left out is taken over. It reports false if r
// allows anything that parent does not. Uses are not compared.
func (r *Restrictions) within(parent *Restrictions) (Restrictions, bool) {
	merged := r.Clone()
	ok := narrower(&merged.Addresses, parent.Addresses, func(p, a netip.Prefix) bool { return p.Bits() <= a.Bits() && p.Contains(a.Addr()) }) &&
		narrower(&merged.Agents, parent.Agents, func(p, a Agent) bool { return p == a || !a.Pattern && p.Matches(a.Text) }) &&
		narrower(&merged.Types, parent.Types, typeCovers) &&
		narrower(&merged.Tags, parent.Tags, func(p, t string) bool { key, _, _ := strings.Cut(t, "="); return p == t || p == key })
	switch {
	case merged.SizeBelow == 0:
		merged.SizeBelow = parent.SizeBelow
	case parent.SizeBelow > 0 && merged.SizeBelow > parent.SizeBelow:
		return merged, false
	}
	return merged, ok
}

// inside reports whether r allows nothing that other does not, as it is. Uses
// are not compared.
func (r *Restrictions) inside(other *Restrictions) bool {
	merged, ok := r.within(other)
	return ok && len(merged.Addresses) == len(r.Addresses) && len(merged.Agents) == len(r.Agents) &&
		len(merged.Types) == len(r.Types) && len(merged.Tags) == len(r.Tags) && merged.SizeBelow == r.SizeBelow
}

// narrower takes the parent's list over where mine is empty, and otherwise
// reports whether each of mine is covered by one of the parent's.
func narrower[E any](mine *[]E, parent []E, covers func(parent, mine E) bool) bool {
	if len(parent) == 0 {
		return true
	}
	if len(*mine) == 0 {
		*mine = slices.Clone(parent)
		return true
	}
	return !slices.ContainsFunc(*mine, func(m E) bool {
		return !slices.ContainsFunc(parent, func(p E) bool { return covers(p, m) })
	})
}

// Bounds of what a token can be restricted to.
const (
	maxRestricted  = 64       // members of a list
	maxRestriction = 1 << 10  // bytes of a member
	maxNarrowing   = 16 << 10 // bytes of all texts together; of resources too
)

// Validate returns an *InvalidError for restrictions that no token can have.
func (r *Restrictions) Validate() error {
	if err := r.validateNumbers(); err != nil {
		return err
	}
	if n := r.bytes(); n > maxNarrowing {
		return Invalid("the restrictions have %d bytes together, accepted are at most %d", n, maxNarrowing)
	}
	for _, p := range r.Addresses {
		if !p.IsValid() || p != p.Masked() || p.Addr().Is4In6() {
			return Invalid("the address %q is no network, accepted is one like 10.0.0.0/8 or 2001:db8::1", p)
		}
	}
	for _, t := range r.Types {
		if parsed, err := ParseType(t); err != nil || parsed != t {
			return Invalid("the media type %q is none, accepted is one like image/png or image/*", clipped(t))
		}
	}
	return r.validateTexts()
}

func (r *Restrictions) validateNumbers() error {
	for _, list := range []struct {
		what string
		n    int
	}{{"addresses", len(r.Addresses)}, {"user agents", len(r.Agents)}, {"media types", len(r.Types)}, {"tags", len(r.Tags)}} {
		if list.n > maxRestricted {
			return Invalid("%d %s were read, accepted are at most %d", list.n, list.what, maxRestricted)
		}
	}
	if r.SizeBelow < 0 {
		return Invalid("the size %d is negative, accepted is 0 or more", r.SizeBelow)
	}
	return nil
}

func (r *Restrictions) validateTexts() error {
	for _, a := range r.Agents {
		if err := checkText("user agent", a.Text); err != nil {
			return err
		}
	}
	for _, t := range r.Tags {
		if err := checkText("tag", t); err != nil {
			return err
		}
	}
	return nil
}

// bytes returns how long all texts are together.
func (r *Restrictions) bytes() int {
	n := 0
	for _, a := range r.Agents {
		n += len(a.Text)
	}
	for _, list := range [...][]string{r.Types, r.Tags} {
		for _, text := range list {
			n += len(text)
		}
	}
	return n
}

func checkText(what, text string) error {
	switch {
	case text == "":
		return Invalid("a %s is empty, accepted is some text; leave the list out to allow any", what)
	case len(text) > maxRestriction:
		return Invalid("a %s has %d bytes, accepted are at most %d", what, len(text), maxRestriction)
	case !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return Invalid("the %s %q has a control character or is not UTF-8", what, clipped(text))
	}
	return nil
}

// ParseNetwork reads a CIDR or a single address. IPv4 in IPv6 becomes IPv4.
func ParseNetwork(text string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(text); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, Invalid("%q is no network, accepted is a CIDR like 10.0.0.0/8 or a single address", clipped(text))
	}
	// Addresses are compared as IPv4 where they are that inside IPv6.
	if v4 := prefix.Addr().Unmap(); v4 != prefix.Addr() {
		if prefix.Bits() < 96 {
			return netip.Prefix{}, Invalid("%q reaches beyond the IPv4 addresses inside IPv6, accepted are 96 bits or more there", clipped(text))
		}
		prefix = netip.PrefixFrom(v4, prefix.Bits()-96)
	}
	return prefix.Masked(), nil
}

// ParseType reads a media type as restrictions have it: type/subtype or
// type/*, without parameters. Capitals are lowered.
func ParseType(text string) (string, error) {
	lower := lowered(text)
	kind, sub, ok := strings.Cut(lower, "/")
	if !ok || !isRestrictedName(kind) || sub != "*" && !isRestrictedName(sub) {
		return "", Invalid("%q is no media type, accepted is one like image/png or image/*", clipped(text))
	}
	return lower, nil
}

// lowered returns s with the capitals of ASCII as small letters. There are
// others that strings.ToLower makes letters of ASCII.
func lowered(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

// isRestrictedName reports whether s is a restricted-name in lower case (RFC
// 6838, section 4.2).
func isRestrictedName(s string) bool {
	if s == "" || len(s) > 127 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		letter := c >= 'a' && c <= 'z' || c >= '0' && c <= '9'
		if !letter && (i == 0 || !strings.ContainsRune("!#$&-^_.+", rune(c))) {
			return false
		}
	}
	return true
}

// clipped keeps a sentence from repeating more than a reader wants to see.
func clipped(text string) string {
	const most = 60
	if len(text) > most {
		return strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}

// Clone returns a copy that shares nothing with r.
func (r *Restrictions) Clone() Restrictions {
	c := *r
	c.Addresses = slices.Clone(r.Addresses)
	c.Agents = slices.Clone(r.Agents)
	c.Types = slices.Clone(r.Types)
	c.Tags = slices.Clone(r.Tags)
	return c
}
