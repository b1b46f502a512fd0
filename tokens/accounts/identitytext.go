package accounts

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"

	"tollgate/tokens"
)

// maxIdentity bounds an identity in string form, in bytes.
const maxIdentity = 512

const identityForms = `a name, a SID, AD\name, or one of local:, world:, ldap_user:, ldap_group:, ad:, name:, sid:, uid:, gid: and auth_id: with what belongs to it`

// ParseIdentity reads the string form of an identity as Qumulo Core's own
// client does: a bare name or SID, AD\name, or a prefix in any case with a
// colon and a value. It says nothing about whether anybody has it. What is
// none of these is a *tokens.InvalidError.
func ParseIdentity(text string) (Identity, error) {
	if text == "" || len(text) > maxIdentity {
		return Identity{}, tokens.Invalid("an identity of %d bytes was read, accepted are 1 to %d", len(text), maxIdentity)
	}
	if isSID(text) {
		return Identity{SID: text}, nil
	}
	prefix, value, prefixed := strings.Cut(text, ":")
	if !prefixed {
		if domain, name, ok := strings.Cut(text, `\`); ok && strings.EqualFold(domain, "ad") {
			return named(DomainActiveDirectory, name)
		}
		return named("", text)
	}
	if strings.Contains(value, ":") {
		return Identity{}, tokens.Invalid("the identity %q has more than one colon, accepted is %s", short(text), identityForms)
	}
	return prefixedIdentity(strings.ToLower(prefix), value)
}

// prefixedIdentity reads what stands behind a prefix in lower case.
func prefixedIdentity(prefix, value string) (id Identity, err error) {
	if domain, ok := domainOfPrefix(prefix); ok {
		return named(domain, value)
	}
	switch prefix {
	case "world":
		if !strings.EqualFold(value, "Everyone") {
			return id, tokens.Invalid("the identity world:%s is unknown, accepted is world:Everyone", short(value))
		}
		return Identity{Domain: DomainWorld, Name: "Everyone"}, nil
	case "sid":
		id.SID, err = parseSID(value)
	case "uid":
		id.UID, err = parsePosix("uid", value)
	case "gid":
		id.GID, err = parsePosix("gid", value)
	case "auth_id":
		id.AuthID, err = parseAuthID(value)
	default:
		return id, tokens.Invalid("the identity begins with %q, accepted is %s", short(prefix)+":", identityForms)
	}
	return id, err
}

// domainOfPrefix returns the domain that a prefix in front of a name stands
// for; empty = any.
func domainOfPrefix(prefix string) (domain string, ok bool) {
	switch prefix {
	case "name":
		return "", true
	case "local":
		return DomainLocal, true
	case "ldap_user":
		return DomainPosixUser, true
	case "ldap_group":
		return DomainPosixGroup, true
	case "ad":
		return DomainActiveDirectory, true
	default:
		return "", false
	}
}

func named(domain, name string) (Identity, error) {
	if fault := nameFault(name); fault != "" {
		return Identity{}, tokens.Invalid("the name of the identity %s", fault)
	}
	return Identity{Domain: domain, Name: name}, nil
}

func parseSID(text string) (string, error) {
	if len(text) > maxIdentity || !isSID(text) {
		return "", tokens.Invalid("the sid %q is none, accepted is one like S-1-5-21-1-2-3-1002", short(text))
	}
	return text, nil
}

// parsePosix reads a uid or a gid.
func parsePosix(what, text string) (*uint32, error) {
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return nil, tokens.Invalid("the %s %q is none, accepted is a number from 0 to 4294967295", what, short(text))
	}
	id := uint32(n)
	return &id, nil
}

// parseAuthID reads a decimal number, or a hexadecimal one behind 0x, and
// writes it in decimal.
func parseAuthID(text string) (string, error) {
	digits, base := text, 10
	if rest, ok := strings.CutPrefix(strings.ToLower(text), "0x"); ok {
		digits, base = rest, 16
	}
	n, err := strconv.ParseUint(digits, base, 64)
	if err != nil {
		return "", tokens.Invalid("the auth_id %q is none, accepted is a number below 2^64, decimal or with 0x in front", short(text))
	}
	return strconv.FormatUint(n, 10), nil
}

// DecodeIdentity reads the JSON form of an identity: an object with any of
// domain, auth_id, uid, gid, sid and name, at least one of which is not the
// domain, or a string that ParseIdentity reads. Members that are null or an
// empty string are unknown. Whatever else is a *tokens.InvalidError.
func DecodeIdentity(text []byte) (Identity, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	first, err := d.Token()
	if err != nil {
		return Identity{}, tokens.Invalid("the identity is no JSON, accepted is an object or a string")
	}
	var id Identity
	switch first := first.(type) {
	case string:
		id, err = ParseIdentity(first)
	case json.Delim:
		if first != '{' {
			return Identity{}, tokens.Invalid("the identity is a list, accepted is an object or a string")
		}
		id, err = identityMembers(d)
	default:
		return Identity{}, tokens.Invalid("the identity is neither an object nor a string")
	}
	if err != nil {
		return Identity{}, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Identity{}, tokens.Invalid("something follows the identity, accepted is the identity alone")
	}
	return id, nil
}

// identityMembers reads an object behind its opening brace.
func identityMembers(d *json.Decoder) (Identity, error) {
	var id Identity
	seen := make(map[string]bool)
	for d.More() {
		member, value, err := jsonMember(d)
		if err != nil {
			return id, err
		}
		if seen[member] {
			return id, tokens.Invalid("the identity has %q twice", short(member))
		}
		seen[member] = true
		if err := id.set(member, value); err != nil {
			return id, err
		}
	}
	if _, err := d.Token(); err != nil {
		return id, errNoObject()
	}
	if id.AuthID == "" && id.UID == nil && id.GID == nil && id.SID == "" && id.Name == "" {
		return id, tokens.Invalid("the identity names nobody, accepted is at least one of auth_id, uid, gid, sid and name")
	}
	return id, nil
}

// jsonMember reads a name and what belongs to it.
func jsonMember(d *json.Decoder) (member string, value any, err error) {
	key, err := d.Token()
	member, ok := key.(string)
	if err != nil || !ok {
		return "", nil, errNoObject()
	}
	if err := d.Decode(&value); err != nil {
		return "", nil, errNoObject()
	}
	return member, value, nil
}

func errNoObject() error { return tokens.Invalid("the identity is no JSON object") }

// set takes one member of the JSON form over.
func (i *Identity) set(member string, value any) (err error) {
	switch member {
	case "uid":
		i.UID, err = jsonNumber(member, value)
	case "gid":
		i.GID, err = jsonNumber(member, value)
	case "domain", "auth_id", "sid", "name":
		text, ok := value.(string)
		if !ok && value != nil {
			return tokens.Invalid("%s of the identity is no string, accepted is a string or null", member)
		}
		if text == "" {
			return nil
		}
		err = i.setText(member, text)
	default:
		return tokens.Invalid("the identity has %q, accepted are domain, auth_id, uid, gid, sid and name", short(member))
	}
	return err
}

func (i *Identity) setText(member, text string) (err error) {
	switch member {
	case "domain":
		i.Domain, err = parseDomain(text)
	case "auth_id":
		i.AuthID, err = parseAuthID(text)
	case "sid":
		i.SID, err = parseSID(text)
	case "name":
		var id Identity
		id, err = named("", text)
		i.Name = id.Name
	default:
		err = tokens.Invalid("the identity has no text called %q", short(member))
	}
	return err
}

func jsonNumber(member string, value any) (*uint32, error) {
	if value == nil {
		return nil, nil //nolint:nilnil // unknown, which is no fault
	}
	n, ok := value.(json.Number)
	if !ok {
		return nil, tokens.Invalid("%s of the identity is no number, accepted is a number or null", member)
	}
	return parsePosix(member, n.String())
}

// parseDomain reads one of the domains that Qumulo Core's interface knows. The
// null domain is an unknown one; nobody is in those that begin with API_.
func parseDomain(text string) (string, error) {
	switch text {
	case "API_NULL_DOMAIN":
		return "", nil
	case DomainLocal, DomainWorld, DomainPosixUser, DomainPosixGroup, DomainActiveDirectory,
		"API_INVALID_DOMAIN", "API_RESERVED_DOMAIN", "API_INTERNAL_DOMAIN", "API_OPERATOR_DOMAIN",
		"API_CREATOR_DOMAIN", "API_QUMULO_SUPPORT_DOMAIN":
		return text, nil
	default:
		return "", tokens.Invalid("the domain %q is unknown, accepted are LOCAL, WORLD, POSIX_USER, POSIX_GROUP and ACTIVE_DIRECTORY", short(text))
	}
}
