package postpolicy

import (
	"net/textproto"
	"strings"
	"unicode/utf8"

	"tollgate/proxy/sigv4"
)

// The fields that have a meaning here, in lower case.
const (
	fieldKey           = "key"
	fieldBucket        = "bucket"
	fieldFile          = "file"
	fieldPolicy        = "policy"
	fieldContentType   = "content-type"
	fieldTagging       = "tagging"
	fieldAlgorithm     = "x-amz-algorithm"
	fieldCredential    = "x-amz-credential" // #nosec G101 -- the name of a field
	fieldDate          = "x-amz-date"
	fieldSignature     = "x-amz-signature"
	fieldSecurityToken = "x-amz-security-token" // #nosec G101 -- the name of a field
	fieldAccessKeyV2   = "awsaccesskeyid"
	fieldSignatureV2   = "signature"
	fieldCustomerKey   = "x-amz-server-side-encryption-customer-key"

	prefixIgnored  = "x-ignore-"
	prefixAmazon   = "x-amz-"
	prefixMetadata = "x-amz-meta-"
)

// variable is replaced by the name of the file.
const variable = "${filename}"

// field is a form field in front of the file.
type field struct {
	name  string // as sent
	lower string // what it is compared by: "The post parameters are case insensitive" (sigv4-post-example.html)
	value string
}

// fieldOf judges name and value. Values end up in headers and documents of the
// storage, so that control characters are accepted only where lines are usual.
func fieldOf(name string, value []byte) (field, error) {
	f := field{name: name, lower: strings.ToLower(name), value: string(value)}
	if strings.ContainsFunc(f.value, f.isControl) {
		return field{}, sigv4.Faultf(ErrMalformed, "The form field %s holds a control character", name)
	}
	if !utf8.Valid(value) {
		return field{}, sigv4.Faultf(ErrMalformed, "The form field %s is not in UTF-8", name)
	}
	if strings.HasPrefix(f.lower, prefixAmazon) && !f.authenticates() && !f.forStorage() {
		return field{}, sigv4.Faultf(ErrPolicy, "The form field %s is not accepted in a form", name)
	}
	return f, nil
}

// isControl reports whether a character is one of control that the field may not
// have.
func (f field) isControl(c rune) bool {
	switch c {
	case '\r', '\n':
		return f.lower != fieldPolicy && f.lower != fieldTagging && !strings.HasPrefix(f.lower, prefixIgnored)
	default:
		return c < ' ' && c != '\t' || c == 0x7f
	}
}

// authenticates reports whether the field belongs to the signature.
func (f field) authenticates() bool {
	switch f.lower {
	case fieldPolicy, fieldAlgorithm, fieldCredential, fieldDate, fieldSignature, fieldSecurityToken, fieldAccessKeyV2, fieldSignatureV2:
		return true
	default:
		return false
	}
}

// uncovered reports whether the field needs no condition: "except
// x-amz-signature, file, policy, and field names that have an x-ignore-
// prefix" (sigv4-HTTPPOSTConstructPolicy.html), and for version 2
// AWSAccessKeyId and signature (HTTPPOSTForms.html).
func (f field) uncovered() bool {
	switch f.lower {
	case fieldSignature, fieldPolicy, fieldAccessKeyV2, fieldSignatureV2:
		return true
	default:
		return strings.HasPrefix(f.lower, prefixIgnored)
	}
}

// forStorage reports whether the storage is told of the field: those that
// RESTObjectPOST documents, and the x-amz- headers of PutObject that say
// something about the object itself. Of others S3 takes no notice; a storage
// that does, such as of x-amz-copy-source, would act on them with the gateway's
// rights.
func (f field) forStorage() bool {
	switch f.lower {
	case fieldKey, fieldContentType, fieldTagging, "acl", "cache-control", "content-disposition", "content-encoding",
		"content-language", "content-md5", "expires", "redirect", "success_action_redirect", "success_action_status",
		"x-amz-acl", "x-amz-expected-bucket-owner", "x-amz-grant-full-control", "x-amz-grant-read", "x-amz-grant-read-acp",
		"x-amz-grant-write-acp", "x-amz-object-lock-legal-hold", "x-amz-object-lock-mode", "x-amz-object-lock-retain-until-date",
		"x-amz-request-payer", "x-amz-sdk-checksum-algorithm", "x-amz-storage-class", "x-amz-tagging", "x-amz-website-redirect-location":
		return true
	case "x-amz-checksum-algorithm", "x-amz-checksum-crc32", "x-amz-checksum-crc32c", "x-amz-checksum-crc64nvme",
		"x-amz-checksum-sha1", "x-amz-checksum-sha256", "x-amz-checksum-type":
		return true
	case "x-amz-server-side-encryption", "x-amz-server-side-encryption-aws-kms-key-id", "x-amz-server-side-encryption-bucket-key-enabled",
		"x-amz-server-side-encryption-context", "x-amz-server-side-encryption-customer-algorithm",
		fieldCustomerKey, "x-amz-server-side-encryption-customer-key-md5":
		return true
	default:
		meta, ok := strings.CutPrefix(f.lower, prefixMetadata)
		return ok && isToken(meta)
	}
}

// documented is the name as AWS writes it.
func (f field) documented() string {
	switch {
	case f.lower == "expires", f.lower == "cache-control", strings.HasPrefix(f.lower, "content-"):
		return textproto.CanonicalMIMEHeaderKey(f.lower)
	default:
		return f.lower
	}
}

// baseOf is the name of a file less the directories of either notation: "only
// the text following the last slash (/) or backslash (\) is used"
// (sigv4-HTTPPOSTForms.html).
func baseOf(filename string) string { return filename[strings.LastIndexAny(filename, `/\`)+1:] }

// expand replaces ${filename} in every field that does not belong to the
// signature: all form fields know it, and without a file name it is the empty
// string (sigv4-HTTPPOSTForms.html). A field that still has the
// variable afterwards is refused, since the storage would replace it once more.
func expand(fields []field, filename string) error {
	room := maxPrefix
	for i := range fields {
		f := &fields[i]
		if n := strings.Count(f.value, variable); n > 0 && !f.authenticates() {
			if len(f.value)+n*(len(filename)-len(variable)) > room {
				return tooLong()
			}
			f.value = strings.ReplaceAll(f.value, variable, filename)
		}
		if room -= len(f.value); room < 0 {
			return tooLong()
		}
		if strings.Contains(f.value, variable) {
			return sigv4.Faultf(ErrMalformed, "The form field %s holds %s even after the name of the file was put in", f.name, variable)
		}
	}
	return nil
}
