package main

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// storageError makes the storage answer everything with an error.
func storageError(status int, inside string) func(http.ResponseWriter, *s3Arrival) bool {
	return func(w http.ResponseWriter, _ *s3Arrival) bool {
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, `<?xml version="1.0" encoding="UTF-8"?>`+"\n<Error>"+inside+"</Error>")
		return true
	}
}

// TestS3AnswersOfTheStorage: what the gateway signed is between it and the
// storage; all else that the storage has to say passes.
func TestS3AnswersOfTheStorage(t *testing.T) {
	g := startS3(t, s3Setup{})
	leaks := "<AWSAccessKeyId>" + storageKey + "</AWSAccessKeyId><StringToSign>AWS4-HMAC-SHA256 of it</StringToSign>" +
		"<SignatureProvided>5a5a</SignatureProvided><StringToSignBytes>41 57</StringToSignBytes><CanonicalRequest>PUT /bucket</CanonicalRequest>"
	for _, row := range []struct {
		name    string
		respond func(http.ResponseWriter, *s3Arrival) bool
		status  int
		code    string // in the answer
		passes  []string
		reason  string
	}{
		{"KeyRefused", storageError(403, "<Code>SignatureDoesNotMatch</Code><Message>of the storage</Message>"+leaks), 502, "InternalError", nil, "upstream_refused_key"},
		{"KeyUnknown", storageError(403, "<Code>InvalidAccessKeyId</Code><Message>of the storage</Message>"+leaks), 502, "InternalError", nil, "upstream_refused_key"},
		{"ClockOff", storageError(403, "<Code>RequestTimeTooSkewed</Code><Message>of the storage</Message>"), 502, "InternalError", nil, "upstream_refused_key"},
		{"DigestRefused", storageError(400, "<Code>XAmzContentSHA256Mismatch</Code><Message>of the storage</Message>"), 502, "InternalError", nil, "upstream_refused_key"},
		{"AccessDenied", storageError(403, "<Code>AccessDenied</Code><Message>No.</Message><Resource>/bucket/a</Resource>"+leaks), 403, "AccessDenied", []string{"<Message>No.</Message>", "<Resource>/bucket/a</Resource>"}, ""},
		{"NoSuchKey", storageError(404, "<Code>NoSuchKey</Code><Message>None.</Message><Key>a</Key><HostId>h</HostId>"), 404, "NoSuchKey", []string{"<Key>a</Key>"}, ""},
		{"SlowDown", storageError(503, "<Code>SlowDown</Code><Message>Later.</Message>"+leaks), 503, "SlowDown", []string{"Later."}, ""},
		{"Condition", storageError(412, "<Code>PreconditionFailed</Code><Message>m</Message><Condition>If-None-Match</Condition>"), 412, "PreconditionFailed", []string{"<Condition>If-None-Match</Condition>"}, ""},
		{"KeyInTheMessage", storageError(400, "<Code>InvalidRequest</Code><Message>Not for "+storageKey+".</Message>"), 502, "InternalError", nil, "upstream_bad_answer"},
		{"KeyInPlainText", func(w http.ResponseWriter, _ *s3Arrival) bool {
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, "no: "+storageKey)
			return true
		}, 502, "InternalError", nil, "upstream_bad_answer"},
		{"HalfAnError", func(w http.ResponseWriter, _ *s3Arrival) bool {
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, "<Error><Code>AccessDenied</Code><StringToSign>AWS4-HMAC-SHA256 of it")
			return true
		}, 403, "InternalError", nil, ""},
		{"PlainText", func(w http.ResponseWriter, _ *s3Arrival) bool {
			w.WriteHeader(http.StatusTeapot)
			_, _ = io.WriteString(w, "a teapot")
			return true
		}, 418, "", []string{"a teapot"}, ""},
		{"RedirectWithTheKey", func(w http.ResponseWriter, _ *s3Arrival) bool {
			w.Header().Set("Location", "https://elsewhere/bucket/a?X-Amz-Credential="+storageKey+"%2F20260101&X-Amz-Signature=5a")
			w.WriteHeader(http.StatusTemporaryRedirect)
			return true
		}, 307, "", nil, ""},
		{"KeyInAHeaderOfSuccess", func(w http.ResponseWriter, _ *s3Arrival) bool {
			w.Header().Set("X-Debug-Authorization", "Credential="+storageKey)
			return false
		}, 200, "", []string{"stored"}, ""},
	} {
		pair, plain := g.pair(john, hostOne), g.issue(john, hostOne, nil).value
		for who, call := range map[string]s3Call{"Signed": pair.signed(put(g.path(), uploaded)), "Bearer": put(g.path(), uploaded).with("Authorization", "Bearer "+plain)} {
			t.Run(row.name+"/"+who, func(t *testing.T) {
				g.storage.answers(row.respond)
				got := g.send(t, call)
				arrivals := g.storage.take("")
				g.checkSecrets(t, call, got, arrivals)
				if got.status != row.status || len(arrivals) != 1 {
					t.Errorf("status %d, %d arrived: %s", got.status, len(arrivals), got.body)
				}
				if row.code != "" && (who == "Signed" || row.status != 502) && !strings.Contains(got.body, "<Code>"+row.code+"</Code>") {
					t.Errorf("code: %s", got.body)
				}
				for _, text := range row.passes {
					if !strings.Contains(got.body, text) {
						t.Errorf("%q is not in %s", text, got.body)
					}
				}
				for _, text := range []string{"StringToSign", "CanonicalRequest", "AWSAccessKeyId", "SignatureProvided", "of the storage", "X-Amz-Signature", "of it"} {
					if strings.Contains(got.body+headerText(got.header), text) {
						t.Errorf("%q is in %s", text, got.body)
					}
				}
				if got.header.Get("Gateway-Request-Id") == "" {
					t.Errorf("no request id: %v", got.header)
				}
				if row.reason != "" {
					g.reasons = append(g.reasons, noted{t.Name(), got.header.Get("Gateway-Request-Id"), row.reason})
				}
			})
		}
	}
}

// TestS3AnswersPassByteForByte: what is no error is the storage's own.
func TestS3AnswersPassByteForByte(t *testing.T) {
	g := startS3(t, s3Setup{})
	big := strings.Repeat("0123456789abcdef", 64<<10)
	g.storage.answers(func(w http.ResponseWriter, a *s3Arrival) bool {
		w.Header().Set("ETag", `"e"`)
		w.Header().Set("X-Amz-Version-Id", "v")
		w.Header().Set("Content-Range", "bytes 0-1/2")
		w.Header().Set("Content-Length", fmt.Sprint(len(big)))
		w.WriteHeader(http.StatusPartialContent)
		if a.Method != http.MethodHead {
			_, _ = io.WriteString(w, big)
		}
		return true
	})
	pair := g.pair(john, hostOne)
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		t.Run(method, func(t *testing.T) {
			got := g.send(t, pair.signed(s3Call{method: method, host: hostOne, path: g.path()}))
			if got.status != 206 || method == http.MethodGet && got.body != big || got.header.Get("Content-Length") != fmt.Sprint(len(big)) {
				t.Errorf("got %d, %d bytes, %v", got.status, len(got.body), got.header)
			}
			for name, want := range map[string]string{"Etag": `"e"`, "X-Amz-Version-Id": "v", "Content-Range": "bytes 0-1/2", "Content-Security-Policy": "sandbox"} {
				if got.header.Get(name) != want {
					t.Errorf("%s: %q", name, got.header.Get(name))
				}
			}
		})
	}
}

// TestS3MismatchIsExplainedToTheOperator: the log names the cause of a
// signature that does not match, where it is known; the client learns the same
// as of any other.
func TestS3MismatchIsExplainedToTheOperator(t *testing.T) {
	g := startS3(t, s3Setup{})
	pair := g.pair(john, hostOne)
	newline, wrong, forwarded := pair, pair, pair
	newline.secret += "\n"
	wrong.secret += "x"
	host := func(signed, sent string) s3Call {
		c := get("/bucket/a")
		c.host = signed
		c = forwarded.signed(c)
		c.host = sent
		return c
	}
	rows := []struct {
		name, why string
		call      s3Call
	}{
		{"Unknown", "", wrong.signed(get("/bucket/a"))},
		{"SecretWithNewline", "secret_whitespace", newline.signed(get("/bucket/a"))},
		{"PortTakenOff", "host_port", host(hostOne+":80", hostOne)},
		{"PortAdded", "host_port", host(hostOne, hostOne+":8443")},
		{"HostChanged", "host_changed", host("s3.example.net", hostOne).with("X-Forwarded-Host", "s3.example.net")},
		{"MethodChanged", "method_changed", func() s3Call {
			c := get("/bucket/a")
			c.method = http.MethodHead
			c = pair.signed(c)
			c.method = http.MethodGet
			return c
		}()},
		{"PrefixCutOff", "path_prefix_stripped", func() s3Call {
			c := pair.signed(get("/s3/bucket/a"))
			c.path = "/bucket/a"
			return c.with("X-Forwarded-Prefix", "/s3")
		}()},
		{"ContentTypeChanged", "content_type_changed", pair.signed(put("/bucket/a", "x").with("Content-Type", "application/octet-stream")).set("Content-Type", "text/plain")},
	}
	var answers []string
	replies := make([]s3Reply, len(rows))
	for i, row := range rows {
		replies[i], _ = g.judge(t, row.call, denied(403, "SignatureDoesNotMatch", "signature_mismatch"))
		answers = append(answers, strings.ReplaceAll(replies[i].body, replies[i].header.Get("Gateway-Request-Id"), "ID"))
	}
	for i, row := range rows { // the log is behind, so that all come first
		message, _ := g.logLine(answer{header: replies[i].header})["error"].(string)
		if row.why != "" && !strings.Contains(message, row.why) || row.why == "" && strings.Contains(message, "_") {
			t.Errorf("%s: the log says %q, want %q", row.name, message, row.why)
		}
	}
	if slices.Sort(answers); len(slices.Compact(answers)) != 1 {
		t.Errorf("the client can tell causes apart: %q", answers)
	}
}
