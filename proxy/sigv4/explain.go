package sigv4

import (
	"crypto/subtle"
	"path"
	"strings"

	"tollgate/tokens"
)

// Hints are what may have changed a request on its way, for Explain.
type Hints struct {
	// Hosts are other names that the client may have signed, such as an
	// X-Forwarded-Host. The first two are tried.
	Hosts []string
	// Prefixes are what may have been cut off the path. The first two are
	// tried.
	Prefixes []string
	// Region is the one that the client may have made its key for. Empty is
	// none.
	Region string
}

// maxTrials bounds how many canonical requests Explain makes, of which five
// are for secrets and the region.
const maxTrials = 24

// trial is a way in which a request may have been different when signed.
type trial struct {
	reason string
	change func(*message)
}

// Explain guesses after ErrMismatch why the signature of a known access key
// does not match, by trying known causes in turn. It returns a stable word for
// the log, empty for none, after at most maxTrials canonical requests:
// secret_whitespace, wrong_region, host_port, host_changed, method_changed,
// path_encoded_twice, plus_for_space, path_normalised, path_prefix_stripped,
// accept_encoding_changed, content_type_changed, payload_changed. The client
// must not see it: the guess is no reason to let a request through, and helps
// whoever forges one.
func (s *Signature) Explain(secret tokens.Secret, hints Hints) string {
	switch s.Version {
	case V4:
		return s.explain4(secret, hints)
	case V2:
		for _, other := range otherSecrets(secret) {
			if s.verify2(other) == nil {
				return "secret_whitespace"
			}
		}
		return ""
	default:
		return ""
	}
}

func (s *Signature) explain4(secret tokens.Secret, hints Hints) string {
	for _, other := range otherSecrets(secret) {
		if s.matches(deriveKey(keyName{other, s.Date, s.Region, s.Service}), unchanged) {
			return "secret_whitespace"
		}
	}
	if hints.Region != "" && s.matches(deriveKey(keyName{secret, s.Date, hints.Region, s.Service}), unchanged) {
		return "wrong_region"
	}
	key := deriveKey(keyName{secret, s.Date, s.Region, s.Service})
	trials := s.trials(hints)
	for _, t := range trials[:min(len(trials), maxTrials-5)] {
		if s.matches(key, t.change) {
			return t.reason
		}
	}
	return ""
}

// otherSecrets are the secret with and without the white space that copying
// adds.
func otherSecrets(secret tokens.Secret) []tokens.Secret {
	var others []tokens.Secret
	plain := secret.Reveal()
	for _, other := range [...]string{strings.TrimSpace(plain), plain + "\n", plain + "\r\n", plain + " "} {
		if other != plain {
			others = append(others, tokens.Secret(other))
		}
	}
	return others
}

// matches reports whether the signature is that of the request, changed.
func (s *Signature) matches(key *signingKey, change func(*message)) bool {
	m := s.message()
	change(&m)
	c := borrow()
	defer c.giveBack()
	digest, present := c.digest(&m)
	sum := c.hasher.hmac(key, key.inner, c.stringToSign(digest, s.timestamp, s.Scope))
	return present && subtle.ConstantTimeCompare(sum[:], s.mac[:]) == 1
}

func unchanged(*message) {}

func (s *Signature) trials(hints Hints) []trial {
	trials := append(s.hostTrials(hints.Hosts), s.methodTrials()...)
	trials = append(trials, s.pathTrials(hints.Prefixes)...)
	trials = append(trials, s.headerTrials("accept-encoding", "accept_encoding_changed",
		"", "identity", "gzip", "gzip, deflate, br")...)
	trials = append(trials, s.headerTrials("content-type", "content_type_changed", "", "application/octet-stream")...)
	for _, payload := range [...]string{ValueUnsigned, EmptyDigest} {
		if payload != s.payload {
			trials = append(trials, trial{"payload_changed", func(m *message) { m.payload = payload }})
		}
	}
	return trials
}

// hostTrials tries Host without its port and with those of the two schemes,
// and then other names.
func (s *Signature) hostTrials(others []string) []trial {
	var trials []trial
	name := s.view.Host
	if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, ']') {
		name = name[:i]
	}
	for _, host := range [...]string{name, name + ":443", name + ":80"} {
		if host != s.view.Host {
			trials = append(trials, trial{"host_port", func(m *message) { m.host = host }})
		}
	}
	for _, host := range others[:min(len(others), 2)] {
		trials = append(trials, trial{"host_changed", func(m *message) { m.host = host }})
	}
	return trials
}

func (s *Signature) methodTrials() []trial {
	other := map[string]string{"HEAD": "GET", "GET": "HEAD"}[s.view.Method]
	if other == "" {
		return nil
	}
	return []trial{{"method_changed", func(m *message) { m.method = other }}}
}

// pathTrials tries what proxies and generic signers do to a path.
func (s *Signature) pathTrials(prefixes []string) []trial {
	sent := s.view.Path
	canonical := string(appendPath(nil, sent))
	var trials []trial
	try := func(reason, other string) {
		if other != sent {
			trials = append(trials, trial{reason, func(m *message) { m.path = other }})
		}
	}
	try("path_encoded_twice", strings.ReplaceAll(canonical, "%", "%25"))
	try("path_encoded_twice", strings.ReplaceAll(sent, "%25", "%"))
	try("plus_for_space", strings.ReplaceAll(sent, "+", "%20"))
	try("plus_for_space", strings.ReplaceAll(sent, "%20", "+"))
	try("path_normalised", cleanPath(sent))
	for _, prefix := range prefixes[:min(len(prefixes), 2)] {
		try("path_prefix_stripped", strings.TrimSuffix(prefix, "/")+sent)
	}
	if strings.Contains(s.view.Query, "%20") || strings.Contains(s.view.Query, "+") {
		trials = append(trials, trial{"plus_for_space", func(m *message) { m.formSpaces = true }})
	}
	return trials
}

// cleanPath resolves dot segments and merges slashes, as signers for services
// other than S3 do.
func cleanPath(p string) string {
	clean := path.Clean("/" + p)
	if strings.HasSuffix(p, "/") && clean != "/" {
		clean += "/"
	}
	return clean
}

// headerTrials tries other values of a header that was signed.
func (s *Signature) headerTrials(name, reason string, values ...string) []trial {
	if !s.signs(name) {
		return nil
	}
	trials := make([]trial, 0, len(values))
	for _, value := range values {
		trials = append(trials, trial{reason, func(m *message) { m.otherName, m.otherValue = name, value }})
	}
	return trials
}
