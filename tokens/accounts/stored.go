package accounts

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"tollgate/tokens"
)

// Stored is a user that was not made in the configuration file: the
// administrator of the first run, or one made through an API.
type Stored struct {
	Name         string
	PasswordHash tokens.Secret
	Roles        []string
	Tenants      []string // as in UserConfig
}

// storedVersion is written in front of every record, so that a later form can
// tell itself from this one.
const storedVersion = 1

// storedWire is the record as it is written.
type storedWire struct {
	Version      int      `json:"version"`
	Name         string   `json:"name"`
	PasswordHash string   `json:"password_hash,omitempty"`
	Roles        []string `json:"roles,omitempty"`
	Tenants      []string `json:"tenants,omitempty"`
}

// EncodeStored returns the record under which s is kept. It holds the
// password's hash in plain sight: keep it where hashes may be.
func EncodeStored(s Stored) ([]byte, error) {
	if fault := nameFault(s.Name); fault != "" {
		return nil, fmt.Errorf("encode stored user: name %s", fault)
	}
	if s.PasswordHash != "" {
		if _, err := parseHash(s.PasswordHash.Reveal()); err != nil {
			return nil, fmt.Errorf("encode stored user %q: %w", s.Name, err)
		}
	}
	return json.Marshal(storedWire{
		Version: storedVersion, Name: s.Name, PasswordHash: s.PasswordHash.Reveal(),
		Roles: s.Roles, Tenants: s.Tenants,
	})
}

// DecodeStored reads what EncodeStored wrote. A field or a version that it
// does not know is an error: a newer gateway may mean a restriction by it.
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
	if w.Version != storedVersion {
		return Stored{}, fmt.Errorf("decode stored user: version is %d, accepted is %d", w.Version, storedVersion)
	}
	if fault := nameFault(w.Name); fault != "" {
		return Stored{}, fmt.Errorf("decode stored user: name %s", fault)
	}
	return Stored{
		Name: w.Name, PasswordHash: tokens.Secret(w.PasswordHash), Roles: w.Roles, Tenants: w.Tenants,
	}, nil
}

func (s Stored) config() UserConfig {
	return UserConfig{Name: s.Name, PasswordHash: s.PasswordHash, Roles: s.Roles, Tenants: s.Tenants}
}
