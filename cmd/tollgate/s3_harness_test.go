package main

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// The key pair of the storage, and the secret of every client's key pair.
const (
	storageKey    = "STORAGEROOTKEY000001"
	storageSecret = "storage+secret/of the root"
	clientSecret  = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	storageRegion = "us-east-1"
)

// s3Setup is a gateway in front of a storage. Empty fields are the defaults.
type s3Setup struct {
	payload string // how bodies go to the storage
	signing string // the section s3
	more    string // more YAML at the top level
}

// s3Gateway is a gateway with its storage.
type s3Gateway struct {
	*gateway
	storage *fakeStorage
	setup   setup
	next    int
	reasons []noted
}

// noted is a refusal whose reason the log must give.
type noted struct{ row, id, reason string }

func startS3(t *testing.T, s s3Setup) *s3Gateway {
	t.Helper()
	if s.payload == "" {
		s.payload = "auto"
	}
	g := &s3Gateway{storage: startStorage(t)}
	g.setup = setup{dir: t.TempDir(), more: fmt.Sprintf(
		"upstreams:\n  - {name: storage, urls: [%q], s3: {access_key: %s, secret_key: %q, payload: %s}}\ns3: {%s}\n%s",
		g.storage.URL, storageKey, storageSecret, s.payload, s.signing, s.more)}
	g.gateway = startGateway(t, g.setup)
	t.Cleanup(g.checkReasons)
	return g
}

// pair makes an S3 key pair of a user; header can narrow it.
func (g *s3Gateway) pair(user, host string, header ...string) s3Pair {
	g.t.Helper()
	made := g.issue(user, host, headers(append(header, "X-User-Secret-Key-Meta", clientSecret)...))
	return s3Pair{access: made.value, secret: clientSecret, id: made.id}
}

// path returns the path of a new object.
func (g *s3Gateway) path() string {
	g.next++
	return "/bucket/object" + strconv.Itoa(g.next)
}

// reach says how far a request may come that is refused.
type reach int

const (
	nowhere    reach = iota // the storage is not asked
	incomplete              // the storage sees what is not whole
)

// s3Verdict is what becomes of a request. An empty code stands for what is
// passed on, whole; an empty reason is not looked for.
type s3Verdict struct {
	status       int
	code, reason string
	reach        reach
}

// passed is the verdict of what reaches the storage.
var passed = s3Verdict{status: http.StatusOK}

func denied(status int, code, reason string) s3Verdict {
	return s3Verdict{status: status, code: code, reason: reason}
}

func broken(status int, code, reason string) s3Verdict {
	return s3Verdict{status, code, reason, incomplete}
}

// judge sends a request and holds that it gets its verdict, and that the
// storage saw what it may. It returns the answer, and what arrived if that is
// whole.
func (g *s3Gateway) judge(t *testing.T, c s3Call, want s3Verdict) (s3Reply, *s3Arrival) {
	t.Helper()
	if want.code != "" {
		g.storage.mustNot(c.path, t.Name())
	}
	got := g.send(t, c)
	arrivals := g.storage.take(c.path)
	if got.status != want.status && !got.none(c) {
		t.Errorf("status %d, want %d: %s", got.status, want.status, got.body)
	}
	g.checkSecrets(t, c, got, arrivals)
	if want.code == "" {
		if len(arrivals) != 1 || !arrivals[0].complete() {
			t.Errorf("the storage got %d requests, want one that is whole: %s", len(arrivals), faults(arrivals))
			return got, nil
		}
		return got, arrivals[0]
	}
	g.checkRefusal(t, c, got, want)
	for _, a := range arrivals {
		if want.reach == nowhere || a.complete() {
			t.Errorf("refused, and the storage got %s (fault: %v)", a.head(), a.Fault)
		}
	}
	return got, nil
}

func faults(arrivals []*s3Arrival) string {
	var all []string
	for _, a := range arrivals {
		all = append(all, fmt.Sprintf("%v in %s", a.Fault, a.head()))
	}
	return strings.Join(all, "; ")
}

// checkSecrets holds that neither side learns the other's key.
func (g *s3Gateway) checkSecrets(t *testing.T, c s3Call, got s3Reply, arrivals []*s3Arrival) {
	t.Helper()
	answer := got.body + headerText(got.header)
	for _, secret := range []string{storageKey, storageSecret} {
		if strings.Contains(answer, secret) {
			t.Errorf("the client learnt %q: %s", secret, answer)
		}
	}
	for _, a := range arrivals {
		for _, secret := range append([]string{clientSecret}, c.secrets...) {
			if secret != "" && (strings.Contains(a.head(), secret) || bytes.Contains(a.Body, []byte(secret))) {
				t.Errorf("the storage learnt %q: %s", secret, a.head())
			}
		}
	}
}

// checkRefusal holds the form of a refusal, and notes its reason.
func (g *s3Gateway) checkRefusal(t *testing.T, c s3Call, got s3Reply, want s3Verdict) {
	t.Helper()
	if got.none(c) {
		return
	}
	id := got.header.Get("Gateway-Request-Id")
	if want.reason != "" {
		g.reasons = append(g.reasons, noted{t.Name(), id, want.reason})
	}
	if c.method == http.MethodHead {
		if got.body != "" {
			t.Errorf("HEAD was answered with a body: %s", got.body)
		}
		return
	}
	if want.code == "-" { // not in XML
		return
	}
	var document struct {
		XMLName       xml.Name `xml:"Error"`
		Code, Message string
		RequestID     string `xml:"RequestId"`
	}
	if err := xml.Unmarshal([]byte(got.body), &document); err != nil {
		t.Errorf("%v: %s", err, got.body)
	}
	if document.Code != want.code || document.Message == "" {
		t.Errorf("code %q, want %q: %s", document.Code, want.code, got.body)
	}
	if document.RequestID != id || id == "" || got.header.Get("X-Amz-Request-Id") != id {
		t.Errorf("request ids: %q in the document, %v", document.RequestID, got.header)
	}
}

// checkReasons looks the noted reasons up in the log.
func (g *s3Gateway) checkReasons() {
	g.end()
	lines := map[string]string{}
	for line := range strings.SplitSeq(g.err.String()+g.out.String(), "\n") {
		if _, rest, found := strings.Cut(line, `"request_id":"`); found {
			id, _, _ := strings.Cut(rest, `"`)
			lines[id] = line
		}
	}
	for _, n := range g.reasons {
		if !strings.Contains(lines[n.id], `"reason":"`+n.reason+`"`) {
			g.t.Errorf("%s: the reason is not %s: %s", n.row, n.reason, lines[n.id])
		}
	}
}
