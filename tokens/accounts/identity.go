package accounts

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"
	"strconv"
	"strings"
)

// Why an identity gives no user. Test with errors.Is.
var (
	// ErrNoSuchUser: nobody has the name or the identity.
	ErrNoSuchUser = errors.New("there is no such user")
	// ErrAmbiguousIdentity: more than one user has it.
	ErrAmbiguousIdentity = errors.New("more than one user has this identity")
	// ErrGroupIdentity: it is that of a group.
	ErrGroupIdentity = errors.New("identity is that of a group and of no user")
)

// The domains of identities that users and groups here can have. Qumulo Core
// knows some more, which nobody here is in.
const (
	DomainLocal           = "LOCAL"
	DomainWorld           = "WORLD" // everyone, which is a group
	DomainPosixUser       = "POSIX_USER"
	DomainPosixGroup      = "POSIX_GROUP"
	DomainActiveDirectory = "ACTIVE_DIRECTORY"
)

// Identity names a user as Qumulo Core does: by any of several names. Fields
// that are empty or nil are unknown. The zero Identity is nobody's.
type Identity struct {
	Domain string
	AuthID string // decimal, below 2^64, without leading zeros
	UID    *uint32
	GID    *uint32
	SID    string
	Name   string
}

// How numbers of POSIX become those of Qumulo Core, in its own identity
// helper: an auth_id of the kind shifted by 32 bits, and a SID.
const (
	posixUserKind  = 3
	posixGroupKind = 4
	posixUserSID   = "S-1-5-88-1-"
	posixGroupSID  = "S-1-5-88-2-"
	everyoneSID    = "S-1-1-0"
)

// identity returns what the user is known by. Who was given no auth_id has one
// that comes from his locator.
func (c IdentityConfig) identity(name, locator string) Identity {
	id := Identity{Domain: cmp.Or(c.Domain, DomainLocal), SID: c.SID, Name: name}
	if n, err := strconv.ParseUint(c.AuthID, 10, 64); err == nil {
		id.AuthID = strconv.FormatUint(n, 10)
	} else {
		id.AuthID = authIDOf(locator)
	}
	if c.UID != 0 {
		id.UID = &c.UID
	}
	if c.GID != 0 {
		id.GID = &c.GID
	}
	return id
}

// authIDOf returns the auth_id of a user who was given none: from 2^62 to
// 2^63-1, where no number of POSIX and no well-known one is.
func authIDOf(locator string) string {
	sum := sha256.Sum256([]byte(locator))
	n := binary.BigEndian.Uint64(sum[:])
	return strconv.FormatUint(n&(1<<62-1)|1<<62, 10)
}

// sameAs reports whether two identities are equal: they share an attribute
// other than the domain and do not differ in that. A gid is no such attribute,
// since users share it. A uid, the auth_id and the SID that come from it are
// one attribute.
func (i Identity) sameAs(other Identity) bool {
	if i.Domain != "" && other.Domain != "" && i.Domain != other.Domain {
		return false
	}
	for _, pair := range [...][2]string{{i.Name, other.Name}, {i.AuthID, other.AuthID}, {i.SID, other.SID}} {
		if pair[0] != "" && pair[0] == pair[1] {
			return true
		}
	}
	others := other.uids()
	return slices.ContainsFunc(i.uids(), func(uid uint32) bool { return slices.Contains(others, uid) })
}

// uids returns the uid, and those that auth_id and SID say.
func (i Identity) uids() []uint32 {
	var all []uint32
	if i.UID != nil {
		all = append(all, *i.UID)
	}
	if n, err := strconv.ParseUint(i.AuthID, 10, 64); err == nil && n>>32 == posixUserKind {
		all = append(all, uint32(n)) // #nosec G115 -- the lower half
	}
	if digits, ok := strings.CutPrefix(i.SID, posixUserSID); ok {
		if n, err := strconv.ParseUint(digits, 10, 32); err == nil {
			all = append(all, uint32(n))
		}
	}
	return all
}

// ofGroup reports whether the identity can only be that of a group.
func (i Identity) ofGroup() bool {
	if i.Domain == DomainWorld || i.Domain == DomainPosixGroup || isGroupSID(i.SID) || isGroupAuthID(i.AuthID) {
		return true
	}
	return i.GID != nil && i.UID == nil && i.AuthID == "" && i.SID == "" && i.Name == ""
}

func isGroupSID(sid string) bool {
	return sid == everyoneSID || strings.HasPrefix(sid, posixGroupSID)
}

func isGroupAuthID(authID string) bool {
	n, err := strconv.ParseUint(authID, 10, 64)
	return err == nil && n>>32 == posixGroupKind
}

// isWellKnownGroup reports whether an auth_id is that of Qumulo Core's own
// groups of administrators or users. A user may be configured to have it.
func isWellKnownGroup(authID string) bool { return authID == "512" || authID == "513" }

// ByIdentity returns the one user whose identity is equal to the given one, a
// disabled one too. The error is ErrNoSuchUser, ErrAmbiguousIdentity or
// ErrGroupIdentity. Its cost grows with the number of users.
func (d *Directory) ByIdentity(id Identity) (*Account, error) {
	if id.ofGroup() {
		return nil, ErrGroupIdentity
	}
	var found *Account
	for _, a := range d.all {
		if !id.sameAs(a.Identity) {
			continue
		}
		if found != nil {
			return nil, ErrAmbiguousIdentity
		}
		found = a
	}
	switch {
	case found != nil:
		return found, nil
	case isWellKnownGroup(id.AuthID):
		return nil, ErrGroupIdentity
	}
	return nil, ErrNoSuchUser
}
