package accounts

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"time"

	"tollgate/tokens"
)

// Stored is what the store keeps about a user: one that was not made in the
// configuration file, such as the administrator of the first run, or what an
// API changed of one whom the file names.
type Stored struct {
	Name         string
	PasswordHash tokens.Secret
	// Roles, Permissions, Tenants, Locator, ServiceAccount and Identity are
	// as in UserConfig.
	Roles          []string
	Permissions    []string
	Tenants        []string
	Locator        string
	ServiceAccount bool
	Identity       IdentityConfig
	Disabled       tokens.Mark // by whom and when; zero = he is not. Holds for users of the file too
	Created        time.Time   // UTC; zero = unknown
	Override       Override
}

// Override is what an API changed of a user whom the file names. The zero
// Override changes nothing.
type Override struct {
	// RemovedHash is the Fingerprint of a password hash that was removed: in
	// the file it does not count. Empty = none was.
	RemovedHash string
	// Seen is the fingerprint of the user's entry in the file when he was
	// changed first. Not empty = the record makes no user: without the file
	// there is nobody of that name.
	Seen string
}

// only reports whether the record makes no user of its own.
func (s *Stored) only() bool { return s.Override.Seen != "" }

// Fingerprint returns what an Override keeps of a text: its SHA-256, in hex.
func Fingerprint(text tokens.Secret) string {
	sum := sha256.Sum256([]byte(text.Reveal()))
	return hex.EncodeToString(sum[:])
}

// storedVersion is written in front of every record, so that a later form can
// tell itself from this one. Version 1 had the name, the hash, roles and
// tenants.
const storedVersion = 2

// storedWire is the record as it is written.
type storedWire struct {
	Version        int          `json:"version"`
	Name           string       `json:"name"`
	PasswordHash   string       `json:"password_hash,omitempty"`
	Roles          []string     `json:"roles,omitempty"`
	Tenants        []string     `json:"tenants,omitempty"`
	Permissions    []string     `json:"permissions,omitempty"`
	Locator        string       `json:"locator,omitempty"`
	ServiceAccount bool         `json:"service_account,omitempty"`
	Identity       identityWire `json:"identity,omitzero"`
	Disabled       markWire     `json:"disabled,omitzero"`
	Created        time.Time    `json:"created,omitzero"`
	Override       overrideWire `json:"override,omitzero"`
}

type identityWire struct {
	Domain string `json:"domain,omitempty"`
	AuthID string `json:"auth_id,omitempty"`
	UID    uint32 `json:"uid,omitempty"`
	GID    uint32 `json:"gid,omitempty"`
	SID    string `json:"sid,omitempty"`
}

type markWire struct {
	At time.Time `json:"at"`
	By string    `json:"by"`
}

type overrideWire struct {
	RemovedHash string `json:"removed_hash,omitempty"`
	Seen        string `json:"seen,omitempty"`
}

// EncodeStored returns the record under which s is kept, to the last
// nanosecond. It holds the password's hash in plain sight: keep it where
// hashes may be.
func EncodeStored(s Stored) ([]byte, error) {
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("encode stored user: %w", err)
	}
	if s.PasswordHash != "" {
		if _, err := parseHash(s.PasswordHash.Reveal()); err != nil {
			return nil, fmt.Errorf("encode stored user %q: %w", s.Name, err)
		}
	}
	return json.Marshal(s.wire())
}

func (s *Stored) wire() storedWire {
	return storedWire{
		Version: storedVersion, Name: s.Name, PasswordHash: s.PasswordHash.Reveal(),
		Roles: s.Roles, Tenants: s.Tenants, Permissions: s.Permissions,
		Locator: s.Locator, ServiceAccount: s.ServiceAccount, Identity: identityWire(s.Identity),
		Disabled: markWire{At: s.Disabled.At.UTC(), By: s.Disabled.By}, Created: s.Created.UTC(),
		Override: overrideWire(s.Override),
	}
}

// DecodeStored reads what EncodeStored wrote, now and in version 1. A field or
// a version that it does not know is an error: a newer gateway may mean a
// restriction by it.
func DecodeStored(record []byte) (Stored, error) {
	dec := json.NewDecoder(bytes.NewReader(record))
	dec.DisallowUnknownFields()
	var w storedWire
	if err := dec.Decode(&w); err != nil {
		return Stored{}, fmt.Errorf("decode stored user: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return Stored{}, errors.New("decode stored user: something follows the record")
	}
	switch w.Version {
	case storedVersion:
	case 1:
		first := storedWire{Version: 1, Name: w.Name, PasswordHash: w.PasswordHash, Roles: w.Roles, Tenants: w.Tenants}
		if !reflect.DeepEqual(w, first) {
			return Stored{}, errors.New("decode stored user: version is 1, which has less fields")
		}
	default:
		return Stored{}, fmt.Errorf("decode stored user: version is %d, accepted are 1 and %d", w.Version, storedVersion)
	}
	s := w.stored()
	if err := s.check(); err != nil {
		return Stored{}, fmt.Errorf("decode stored user: %w", err)
	}
	return s, nil
}

func (w *storedWire) stored() Stored {
	return Stored{
		Name: w.Name, PasswordHash: tokens.Secret(w.PasswordHash),
		Roles: w.Roles, Permissions: w.Permissions, Tenants: w.Tenants,
		Locator: w.Locator, ServiceAccount: w.ServiceAccount, Identity: IdentityConfig(w.Identity),
		Disabled: tokens.Mark{At: w.Disabled.At.UTC(), By: w.Disabled.By}, Created: w.Created.UTC(),
		Override: Override(w.Override),
	}
}

// check says what is wrong with a record whatever the configuration is.
func (s *Stored) check() error {
	if fault := nameFault(s.Name); fault != "" {
		return fmt.Errorf("name %s", fault)
	}
	if s.Locator != "" && !IsLocator(s.Locator) {
		return fmt.Errorf("user %q: locator is no UUID", s.Name)
	}
	if s.Disabled.At.IsZero() && s.Disabled.By != "" {
		return fmt.Errorf("user %q: disabled by somebody, and at no time", s.Name)
	}
	for _, text := range []string{s.Override.RemovedHash, s.Override.Seen} {
		if b, err := hex.DecodeString(text); text != "" && (err != nil || len(b) != sha256.Size || hex.EncodeToString(b) != text) {
			return fmt.Errorf("user %q: override has a fingerprint that is none", s.Name)
		}
	}
	return nil
}

// config returns the entry that the file would have for the user.
func (s *Stored) config() UserConfig {
	return UserConfig{
		Name: s.Name, PasswordHash: s.PasswordHash, Roles: s.Roles, Permissions: s.Permissions, Tenants: s.Tenants,
		Locator: s.Locator, ServiceAccount: s.ServiceAccount, Identity: s.Identity,
	}
}

// fingerprint returns that of an entry of the file.
func (u *UserConfig) fingerprint() string {
	s := Stored{
		Name: u.Name, PasswordHash: u.PasswordHash, Roles: u.Roles, Permissions: u.Permissions, Tenants: u.Tenants,
		Locator: u.Locator, ServiceAccount: u.ServiceAccount, Identity: u.Identity,
	}
	text, err := json.Marshal(s.wire())
	if err != nil { // which plain text and numbers cannot cause
		text = []byte(u.Name)
	}
	return Fingerprint(tokens.Secret(text))
}
