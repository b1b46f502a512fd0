package sigv4

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // Signature Version 2 is HMAC-SHA1 by definition
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"time"

	"tollgate/tokens"
)

// Signature Version 2 is as AWS describes it in "Signing and authenticating
// REST requests":
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/RESTAuthentication.html

// readHeader2 reads "AWS ACCESSKEY:SIGNATURE" behind its scheme.
func (s *Signature) readHeader2(rest string) error {
	s.Version, s.Place = V2, InHeader
	s.Payload = Unsigned
	colon := strings.LastIndexByte(rest, ':')
	if colon < 0 {
		return Faultf(ErrHeaderMalformed, "The authorization header is malformed; expecting \"AWS AccessKey:Signature\".")
	}
	name := "Date"
	if len(s.view.Header["X-Amz-Date"]) > 0 {
		name = "X-Amz-Date"
	}
	if err := s.readPlainDate(name); err != nil {
		return err
	}
	return s.readKey2(rest[:colon], rest[colon+1:], ErrHeaderMalformed)
}

// readQuery2 reads the arguments of a presigned request of Version 2. Expires
// is an instant, in seconds since 1970; there is no longest time.
func (s *Signature) readQuery2(args *arguments) error {
	s.Version, s.Place = V2, InQuery
	s.Payload = Unsigned
	if !args.signature2.given || !args.expires2.given {
		return Faultf(ErrQueryMalformed, "Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters.")
	}
	seconds, err := strconv.ParseUint(args.expires2.value, 10, 40)
	if err != nil {
		return Faultf(ErrQueryMalformed, "Expires must be a number of seconds since 1970; it is %s.", quoted(args.expires2.value))
	}
	s.Deadline = time.Unix(int64(seconds), 0).UTC()
	s.timestamp = args.expires2.value
	return s.readKey2(args.accessKey2.value, args.signature2.value, ErrQueryMalformed)
}

func (s *Signature) readKey2(accessKey, signature string, kind error) error {
	if !isAccessKey(accessKey) {
		return Faultf(kind, "The access key is empty, longer than %d bytes or not plain ASCII.", maxAccessKey)
	}
	mac, err := base64.StdEncoding.Strict().DecodeString(signature)
	if err != nil || len(mac) != sha1.Size || len(signature) != base64.StdEncoding.EncodedLen(len(mac)) {
		return Faultf(kind, "The signature is malformed: it must be %d bytes in base64.", sha1.Size)
	}
	s.AccessKey, s.signature = accessKey, signature
	copy(s.mac[:], mac)
	return nil
}

// verify2 compares the signature of Version 2.
func (s *Signature) verify2(secret tokens.Secret) error {
	text, err := s.stringToSign2()
	if err != nil {
		return err
	}
	h := hmac.New(sha1.New, []byte(secret.Reveal()))
	h.Write([]byte(text))
	if !hmac.Equal(h.Sum(nil), s.mac[:sha1.Size]) {
		return mismatch()
	}
	return nil
}

// field2 is one x-amz-* header or sub-resource of the string to sign.
type field2 struct{ name, value string }

func compareFields(a, b field2) int { return strings.Compare(a.name, b.name) }

// stringToSign2 returns the string to sign of Version 2.
func (s *Signature) stringToSign2() (string, error) {
	args := s.arguments2()
	headers, err := s.amazonHeaders2(args)
	if err != nil {
		return "", err
	}
	date := s.timestamp // Expires, when presigned
	if s.Place == InHeader && len(s.view.Header["X-Amz-Date"]) == 0 {
		date, _ = s.view.header("Date")
	}
	var b strings.Builder
	for _, line := range [...]string{s.view.Method, s.standard2("Content-Md5", args), s.standard2("Content-Type", args), date} {
		b.WriteString(line)
		b.WriteByte('\n')
	}
	for _, h := range headers {
		b.WriteString(h.name + ":" + h.value + "\n")
	}
	if s.view.Bucket != "" {
		b.WriteString("/" + s.view.Bucket)
	}
	if s.view.Path == "" {
		b.WriteByte('/')
	}
	b.WriteString(s.view.Path)
	separator := byte('?')
	for _, a := range args {
		if !isSubresource2(a.name) {
			continue
		}
		b.WriteByte(separator)
		separator = '&'
		b.WriteString(a.name + a.value)
	}
	return b.String(), nil
}

// arguments2 returns the arguments of the query, decoded, sorted by name;
// values with their = in front, which tells an empty one from none.
func (s *Signature) arguments2() []field2 {
	var args []field2
	for rest := s.view.Query; rest != ""; {
		var pair string
		pair, rest, _ = strings.Cut(rest, "&")
		name, value, found := strings.Cut(pair, "=")
		if found {
			value = "=" + decodeQuery(value)
		}
		args = append(args, field2{decodeQuery(name), value})
	}
	slices.SortStableFunc(args, compareFields)
	return args
}

// standard2 returns Content-MD5 or Content-Type. Clients that presign put
// what they cannot send as a header into the query, under the header's name.
func (s *Signature) standard2(header string, args []field2) string {
	if value, given := s.view.header(header); given || s.Place != InQuery {
		return strings.Trim(value, " \t")
	}
	for _, a := range args {
		if a.name == strings.ToLower(header) {
			return strings.TrimPrefix(a.value, "=")
		}
	}
	return ""
}

// amazonHeaders2 returns the x-amz-* headers, sorted, values joined by
// commas. In a presigned request arguments of such names count as headers;
// one that is there as both is refused.
func (s *Signature) amazonHeaders2(args []field2) ([]field2, error) {
	var headers []field2
	for name, values := range s.view.Header {
		if !isAmazon(name) {
			continue
		}
		plain := strings.ToLower(name)
		if !strings.HasPrefix(plain, "x-amz-") {
			return nil, Faultf(ErrHeadersNotSigned, "The header %s cannot be signed with Signature Version 2.", quoted(name))
		}
		headers = append(headers, field2{plain, joinTrimmed(values)})
	}
	for _, a := range args {
		if s.Place != InQuery || !isAmazon(a.name) {
			continue
		}
		headers = append(headers, field2{strings.ToLower(a.name), strings.TrimPrefix(a.value, "=")})
	}
	slices.SortFunc(headers, compareFields)
	for i := 1; i < len(headers); i++ {
		if headers[i].name == headers[i-1].name {
			return nil, Faultf(ErrInvalidArgument, "%s is there more than once, in the headers and in the query; once is accepted.", quoted(headers[i].name))
		}
	}
	return headers, nil
}

// joinTrimmed joins the values of a header by commas. Version 2 trims them and
// leaves the spaces within.
func joinTrimmed(values []string) string {
	var b strings.Builder
	for i, value := range values {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strings.Trim(value, " \t"))
	}
	return b.String()
}

// isSubresource2 has the arguments that Version 2 signs. It is AWS's list
// with the operations that came later, so that a signature for one operation
// is not good for another; a client that does not sign them is refused. What
// only says how to list (prefix, marker, max-keys …) Version 2 never signs.
func isSubresource2(name string) bool {
	switch name {
	case "accelerate", "acl", "analytics", "attributes", "cors", "defaultObjectAcl", "delete", "encryption",
		"intelligent-tiering", "inventory", "legal-hold", "lifecycle", "location", "logging", "metrics",
		"notification", "object-lock", "ownershipControls", "partNumber", "policy", "policyStatus",
		"publicAccessBlock", "renameObject", "replication", "requestPayment", "restore", "retention", "select",
		"select-type", "storageClass", "tagging", "torrent", "uploadId", "uploads", "versionId", "versioning",
		"versions", "website":
		return true
	default:
		return strings.HasPrefix(name, "response-")
	}
}
