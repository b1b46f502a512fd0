package proxy

import (
	"fmt"
	"strings"

	"tollgate/proxy/sigv4"
	"tollgate/tokens"
)

// StorageConfig makes an upstream an S3 storage: every request is signed for
// it with this key pair, which never leaves the gateway.
type StorageConfig struct {
	AccessKey string        `yaml:"access_key"`
	SecretKey tokens.Secret `yaml:"secret_key"`
	Region    string        `yaml:"region"`  // what clients and the gateway sign for
	Payload   string        `yaml:"payload"` // auto, unsigned, signed or decoded
}

// SetDefaults gives the region and the payload mode.
func (s *StorageConfig) SetDefaults() { s.Region, s.Payload = "us-east-1", "auto" }

// Validate reports every fault of s.
func (s *StorageConfig) Validate(report func(path, message string)) {
	if s.AccessKey == "" {
		report("access_key", "missing; give the access key of the storage, or leave s3 out for an upstream that is no S3 storage")
	} else if strings.ContainsAny(s.AccessKey, "/, \t\r\n") {
		report("access_key", fmt.Sprintf("%q is no access key, accepted is one without spaces, commas and slashes", s.AccessKey))
	}
	switch secret := s.SecretKey.Reveal(); {
	case secret == "":
		report("secret_key", "missing; give it here or as secret_key_file")
	case strings.TrimSpace(secret) != secret:
		report("secret_key", "begins or ends with a space or an empty line; take it off")
	}
	if s.Region == "" || strings.ContainsAny(s.Region, "/, \t\r\n") {
		report("region", fmt.Sprintf("%q is no region, accepted is a name like us-east-1", s.Region))
	}
	if _, ok := payloadModes[s.Payload]; !ok {
		report("payload", fmt.Sprintf("%q is no payload mode, accepted are auto, unsigned, signed and decoded", s.Payload))
	}
}

// payloadMode is how bodies go to the storage.
type payloadMode uint8

const (
	// payloadAuto passes on what the client's own mode allows without holding
	// the body: its digest, or an unsigned body, with the trailing checksum
	// if there is one.
	payloadAuto payloadMode = iota
	// payloadUnsigned never passes a digest on.
	payloadUnsigned
	// payloadSigned signs every body: by its digest, or chunk by chunk.
	payloadSigned
	// payloadDecoded is as payloadAuto, and trailing checksums end here: for
	// storages that do not know aws-chunked.
	payloadDecoded
)

// payloadModes are the names in the configuration.
var payloadModes = map[string]payloadMode{
	"auto": payloadAuto, "unsigned": payloadUnsigned, "signed": payloadSigned, "decoded": payloadDecoded,
}

// storage is an upstream that speaks S3. It never changes.
type storage struct {
	signer  sigv4.Signer
	payload payloadMode
	masker  masker // of which each answer has a copy
}

// maxStorageKeys is how many signing keys for storages are kept: one a day
// for each, and the day before's.
const maxStorageKeys = 64

func newStorage(c *StorageConfig) *storage {
	if c == nil {
		return nil
	}
	return &storage{
		signer: sigv4.Signer{
			AccessKey: c.AccessKey, Secret: c.SecretKey, Region: c.Region, Keys: sigv4.NewKeys(maxStorageKeys),
		},
		payload: payloadModes[c.Payload],
		masker:  newMasker(c.AccessKey),
	}
}

// SigningConfig is how S3 clients are served. The zero SigningConfig is the
// strictest; DefaultSigning gives the defaults.
type SigningConfig struct {
	BaseDomains          []string `yaml:"base_domains"`           // hosts below which a name is a bucket
	SigV2                bool     `yaml:"sigv2"`                  // take Signature Version 2 too
	AllowUnsignedPayload bool     `yaml:"allow_unsigned_payload"` // take bodies that the signature does not cover
}

// DefaultSigning returns the configuration that holds when nothing is
// configured.
func DefaultSigning() SigningConfig { return SigningConfig{AllowUnsignedPayload: true} }
