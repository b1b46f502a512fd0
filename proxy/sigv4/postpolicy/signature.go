package postpolicy

import (
	"crypto/hmac"
	"crypto/sha1" // #nosec G505 -- HMAC-SHA1 is what version 2 is
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"time"

	"tollgate/proxy/sigv4"
	"tollgate/tokens"
)

const (
	algorithm  = "AWS4-HMAC-SHA256"
	service    = "s3"
	terminator = "aws4_request"

	dayLayout  = "20060102"
	timeLayout = "20060102T150405Z"
)

// maxAge is how long a signature of version 4 is good for: "the signatures are
// also valid for up to seven days" (bucket-policy-s3-sigv4-conditions.html).
const maxAge = 7 * 24 * time.Hour

// maxSkew is how far the clock of who signed may be ahead.
const maxSkew = 15 * time.Minute

// scope is a credential. Version 2 has only an access key.
type scope struct{ accessKey, date, region, service, terminator string }

// findSignature tells the version and reads the credential.
func (f *Form) findSignature() error {
	v2, v4 := f.some(fieldAccessKeyV2, fieldSignatureV2), f.some(fieldAlgorithm, fieldCredential, fieldDate, fieldSignature)
	switch {
	case v2 && v4:
		return sigv4.Faultf(ErrArgument, "The form has fields of Signature Version 2 and of Version 4, only one of them is accepted")
	case v4:
		if err := f.require(fieldPolicy, fieldAlgorithm, fieldCredential, fieldDate, fieldSignature); err != nil {
			return err
		}
		f.version = V4
		return f.readCredential()
	case v2:
		if err := f.require(fieldPolicy, fieldAccessKeyV2, fieldSignatureV2); err != nil {
			return err
		}
		f.version = V2
		f.scope.accessKey, _ = f.Get(fieldAccessKeyV2)
		if f.scope.accessKey == "" {
			return sigv4.Faultf(ErrArgument, "A non-empty access key must be provided in AWSAccessKeyId")
		}
		return nil
	default:
		f.version = Unsigned
		return nil
	}
}

func (f *Form) some(names ...string) bool {
	for _, name := range names {
		if f.find(name) != nil {
			return true
		}
	}
	return false
}

func (f *Form) require(names ...string) error {
	for _, name := range names {
		if f.find(name) == nil {
			return missing(name)
		}
	}
	return nil
}

func (f *Form) readCredential() error {
	credential, _ := f.Get(fieldCredential)
	parts := strings.Split(credential, "/")
	if len(parts) != 5 {
		return sigv4.Faultf(ErrArgument, `The x-amz-credential is malformed, expected is "ACCESSKEY/YYYYMMDD/REGION/s3/aws4_request"`)
	}
	if parts[0] == "" {
		return sigv4.Faultf(ErrArgument, "A non-empty access key must be provided in the credential")
	}
	f.scope = scope{parts[0], parts[1], parts[2], parts[3], parts[4]}
	return nil
}

// Version returns the version of the signature.
func (f *Form) Version() Version { return f.version }

// AccessKey returns the access key that the form names; "" if it is not signed.
func (f *Form) AccessKey() string { return f.scope.accessKey }

// Date returns the day of the credential's scope, YYYYMMDD. It is "" in version
// 2, and not judged before Check.
func (f *Form) Date() string { return f.scope.date }

// Region returns the region of the credential's scope. It is "" in version 2,
// and not judged before Check.
func (f *Form) Region() string { return f.scope.region }

// Service returns the service of the credential's scope. It is "" in version 2,
// and not judged before Check.
func (f *Form) Service() string { return f.scope.service }

// Check judges all that needs neither secret nor bucket, at the time now: in
// version 4 the algorithm, the scope (for the service s3 and exactly this
// region), its day, which is that of x-amz-date, and the age of the signature;
// then the policy and its expiration. At the very moment of the expiration the
// policy has expired. Errors are ErrUnsigned, ErrSecurityToken, ErrArgument,
// ErrRegion, ErrPolicyDocument and ErrPolicy.
func (f *Form) Check(now time.Time, region string) error {
	f.policy = nil
	if f.find(fieldSecurityToken) != nil {
		return sigv4.Faultf(ErrSecurityToken, "The provided token is malformed or otherwise invalid, forms are accepted without x-amz-security-token")
	}
	switch f.version {
	case V4:
		if err := f.checkScope(region); err != nil {
			return err
		}
		if err := f.checkDate(now); err != nil {
			return err
		}
	case V2:
	default:
		return sigv4.Faultf(ErrUnsigned, "The form has no signature, fields behind the file are ignored")
	}
	encoded, _ := f.Get(fieldPolicy)
	p, err := parsePolicy(encoded)
	if err != nil {
		return err
	}
	if !now.Before(p.expiration) {
		return sigv4.Faultf(ErrPolicy, "Invalid according to Policy: Policy expired.")
	}
	f.policy = p
	return nil
}

func (f *Form) checkScope(region string) error {
	if a, _ := f.Get(fieldAlgorithm); a != algorithm {
		return sigv4.Faultf(ErrArgument, "The x-amz-algorithm is %q, accepted is %s", clip(a), algorithm)
	}
	if f.scope.service != service {
		return sigv4.Faultf(ErrArgument, "The credential is for the service %q, this endpoint belongs to %q", clip(f.scope.service), service)
	}
	if f.scope.terminator != terminator {
		return sigv4.Faultf(ErrArgument, "The credential ends in %q, this endpoint uses %q", clip(f.scope.terminator), terminator)
	}
	if region == "" || f.scope.region != region {
		return sigv4.Faultf(ErrRegion, "the region '%s' is wrong; expecting '%s'", clip(f.scope.region), region)
	}
	return nil
}

func (f *Form) checkDate(now time.Time) error {
	text, _ := f.Get(fieldDate)
	date, err := time.Parse(timeLayout, text)
	if err != nil || len(text) != len(timeLayout) {
		return sigv4.Faultf(ErrArgument, "X-Amz-Date must be formatted via ISO8601 Long format, as in 20130728T000000Z")
	}
	if day := date.Format(dayLayout); day != f.scope.date {
		return sigv4.Faultf(ErrArgument, "The credential is for the day %q, and the x-amz-date is of %s", clip(f.scope.date), day)
	}
	if date.Sub(now) > maxSkew {
		return sigv4.Faultf(ErrPolicy, "The x-amz-date lies in the future, at most %s are accepted", maxSkew)
	}
	if now.Sub(date) > maxAge {
		return sigv4.Faultf(ErrPolicy, "The signature is older than seven days")
	}
	return nil
}

// Verify checks a signature of version 4 with the signing key of AccessKey,
// Date, Region and Service: x-amz-signature is the HMAC-SHA256 of the field
// policy as sent, in lower-case hexadecimal
// (sigv4-authentication-HTTPPOST.html). It fails with ErrMismatch, in constant
// time, and for every other version.
func (f *Form) Verify(mac sigv4.MAC) error {
	f.verified = false
	sent, _ := f.Get(fieldSignature)
	if f.version != V4 || mac == nil || len(sent) != hex.EncodedLen(sha256.Size) || sent != strings.ToLower(sent) {
		return mismatch()
	}
	want, err := hex.DecodeString(sent)
	if err != nil {
		return mismatch()
	}
	encoded, _ := f.Get(fieldPolicy)
	sum := mac([]byte(encoded))
	if !hmac.Equal(sum[:], want) {
		return mismatch()
	}
	f.verified = true
	return nil
}

// VerifyV2 checks a signature of version 2: signature is the HMAC-SHA1 of the
// field policy as sent, under the secret itself, in base64
// (HTTPPOSTForms.html). It fails with ErrMismatch, in constant time, and for
// every other version and an empty secret.
func (f *Form) VerifyV2(secret tokens.Secret) error {
	f.verified = false
	sent, _ := f.Get(fieldSignatureV2)
	want, err := base64.StdEncoding.Strict().DecodeString(sent)
	if f.version != V2 || secret == "" || err != nil {
		return mismatch()
	}
	encoded, _ := f.Get(fieldPolicy)
	h := hmac.New(sha1.New, []byte(secret.Reveal()))
	_, _ = h.Write([]byte(encoded))
	if !hmac.Equal(h.Sum(nil), want) {
		return mismatch()
	}
	f.verified = true
	return nil
}

func mismatch() error {
	return sigv4.Faultf(ErrMismatch, "The request signature we calculated does not match the signature you provided. Check your key and signing method.")
}
