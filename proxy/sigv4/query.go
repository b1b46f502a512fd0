package sigv4

import "strings"

// The arguments of query authentication. AWS: "Authenticating Requests: Using
// Query Parameters", and "Signing and authenticating REST requests" for
// Version 2. Names are case-sensitive.
const (
	argAlgorithm     = "X-Amz-Algorithm"
	argCredential    = "X-Amz-Credential" //nolint:gosec // the name of an argument
	argDate          = "X-Amz-Date"
	argExpires       = "X-Amz-Expires"
	argSignedHeaders = "X-Amz-SignedHeaders"
	argSignature     = "X-Amz-Signature"
	argContentSHA256 = "X-Amz-Content-Sha256"
	argSecurityToken = "X-Amz-Security-Token" //nolint:gosec // the name of an argument
	argAccessKey2    = "AWSAccessKeyId"
	argSignature2    = "Signature"
	argExpires2      = "Expires"
)

// argument is one argument of the query, decoded.
type argument struct {
	value string
	given bool
}

// arguments is what the query says about authentication.
type arguments struct {
	algorithm, credential, date, expires, signedHeaders, signature, contentSHA256 argument
	accessKey2, signature2, expires2                                              argument
	hoisted                                                                       bool // x-amz-* among the rest
}

// slot returns where the argument of a name belongs, nil for one that is not
// about authentication. Signature and Expires are common words and count
// beside AWSAccessKeyId only.
func (a *arguments) slot(name string) *argument {
	switch name {
	case argAlgorithm:
		return &a.algorithm
	case argCredential:
		return &a.credential
	case argDate:
		return &a.date
	case argExpires:
		return &a.expires
	case argSignedHeaders:
		return &a.signedHeaders
	case argSignature:
		return &a.signature
	case argContentSHA256:
		return &a.contentSHA256
	default:
		return a.slot2(name)
	}
}

func (a *arguments) slot2(name string) *argument {
	switch name {
	case argAccessKey2:
		return &a.accessKey2
	case argSignature2:
		return &a.signature2
	case argExpires2:
		return &a.expires2
	default:
		return nil
	}
}

// version4 reports whether any argument of Version 4 is there.
func (a *arguments) version4() bool {
	return a.algorithm.given || a.credential.given || a.date.given || a.expires.given ||
		a.signedHeaders.given || a.signature.given || a.contentSHA256.given
}

// version2 reports whether the query is signed with Version 2.
func (a *arguments) version2() bool { return a.accessKey2.given }

// argumentsOf reads the raw query to its end.
func argumentsOf(query string) (arguments, error) {
	var a arguments
	twice := ""
	for rest := query; rest != ""; {
		var pair string
		pair, rest, _ = cut(rest, '&')
		rawName, rawValue, _ := cut(pair, '=')
		name := decodeQuery(rawName)
		if strings.EqualFold(name, argSecurityToken) {
			return a, securityToken()
		}
		slot := a.slot(name)
		if slot == nil {
			if isAuthenticationByCase(name) {
				return a, Faultf(ErrQueryMalformed, "The query argument %s must be written as AWS writes it; names are case-sensitive.", quoted(name))
			}
			a.hoisted = a.hoisted || isAmazon(name)
			continue
		}
		if slot.given {
			twice = name
		}
		*slot = argument{decodeQuery(rawValue), true}
	}
	if twice != "" && (a.version2() || twice != argSignature2 && twice != argExpires2) {
		return a, Faultf(ErrInvalidArgument, "The query argument %s is there more than once; once is accepted.", twice)
	}
	return a, nil
}

// isAuthenticationByCase recognises the arguments of Version 4 in another
// case, which one reader could take for them and another could not.
func isAuthenticationByCase(name string) bool {
	if !isAmazon(name) && len(name) != len(argAccessKey2) {
		return false
	}
	for _, known := range [...]string{argAlgorithm, argCredential, argDate, argExpires, argSignedHeaders, argSignature, argContentSHA256, argAccessKey2} {
		if strings.EqualFold(name, known) {
			return true
		}
	}
	return false
}

// Strip returns the raw query without the arguments of query authentication;
// the rest stays byte for byte. A request that is signed in the header has no
// such arguments: Parse refuses them beside it.
func (s *Signature) Strip(query string) string {
	if s.Place != InQuery {
		return query
	}
	// What is kept is nearly always nothing, or one piece of the query.
	begin, end, pieces := 0, 0, 0
	for from := 0; from <= len(query); {
		pair, _, _ := cut(query[from:], '&')
		if !s.isAuthentication(pair) {
			if pieces == 0 || from != end+1 {
				begin, pieces = from, pieces+1
			}
			end = from + len(pair)
		}
		from += len(pair) + 1
	}
	if pieces > 1 {
		return s.stripPieces(query)
	}
	return query[begin:end]
}

// stripPieces is Strip where more than one piece of the query is kept.
func (s *Signature) stripPieces(query string) string {
	kept := make([]string, 0, strings.Count(query, "&")+1)
	for pair := range strings.SplitSeq(query, "&") {
		if !s.isAuthentication(pair) {
			kept = append(kept, pair)
		}
	}
	return strings.Join(kept, "&")
}

// isAuthentication reports whether an argument is part of the authentication.
func (s *Signature) isAuthentication(pair string) bool {
	name, _, _ := cut(pair, '=')
	name = decodeQuery(name)
	if s.Version == V2 {
		return name == argAccessKey2 || name == argSignature2 || name == argExpires2
	}
	switch name {
	case argAlgorithm, argCredential, argDate, argExpires, argSignedHeaders, argSignature, argContentSHA256, argSecurityToken:
		return true
	default:
		return false
	}
}

// securityToken is the refusal of session tokens. AWS: "Making requests using
// IAM user temporary credentials".
func securityToken() error {
	return Faultf(ErrSecurityToken, "The provided token is malformed or otherwise invalid: no security tokens are issued here; sign with an access key and its secret key alone.")
}
