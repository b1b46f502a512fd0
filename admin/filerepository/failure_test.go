package filerepository_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// many is a JSON array of that many texts.
func many(n int, text string) string {
	return "[" + strings.TrimSuffix(strings.Repeat(fmt.Sprintf("%q,", text), n), ",") + "]"
}

func TestWhatIsNotAccepted(t *testing.T) {
	data := func(member string) string { return `{"roles":["upload.all"],"data":{` + member + `}}` }
	for _, c := range []struct{ name, body, field, says string }{
		{"an empty body", ``, "form", "the body is empty"},
		{"blanks", " \n", "form", "the body is empty"},
		{"no JSON", `roles=upload.all`, "form", "the body is no JSON"},
		{"an array", `["upload.all"]`, "form", "no JSON object"},
		{"null", `null`, "form", "no JSON object"},
		{"half an object", `{"roles":["upload.all"]`, "form", "ends too early"},
		{"something behind it", `{"roles":["upload.all"]} {}`, "form", "something follows"},
		{"a member twice", `{"roles":["upload.all"],"roles":["view.any_file"]}`, "form", `"roles" is there twice`},
		{"a member twice in other capitals", `{"roles":["upload.all"],"Roles":["view.any_file"]}`, "form", `there twice`},
		{"a member twice in the data", data(`"tags":[],"tags":["a"]`), "form", `"tags" is there twice`},
		{"an unknown member", `{"roles":["upload.all"],"owner":"ann"}`, "form", `"owner" is not known`},
		{"an unknown member in the data", data(`"owner":"ann"`), "form.data", `"owner" is not known`},
		{"nested too deep", `{"roles":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`, "form", "nested deeper"},

		{"no roles", `{}`, "form.roles", "please select valid roles"},
		{"null for roles", `{"roles":null}`, "form.roles", "please select valid roles"},
		{"an empty list of roles", `{"roles":[]}`, "form.roles", "please select valid roles"},
		{"an unknown role", `{"roles":["upload.all","upload.everything"]}`, "form.roles", `"upload.everything"`},
		{"an empty role", `{"roles":[""]}`, "form.roles", "please select valid roles"},
		{"a role in other capitals", `{"roles":["Upload.All"]}`, "form.roles", `"Upload.All"`},
		{"too many roles", `{"roles":` + many(65, "upload.all") + `}`, "form.roles", "65 roles were read"},
		{"a text for roles", `{"roles":"upload.all"}`, "form.roles", "accepted is an array of texts"},
		{"an object for roles", `{"roles":{"a":"upload.all"}}`, "form.roles", "accepted is an array of texts"},
		{"a number among roles", `{"roles":["upload.all",7]}`, "form.roles", "accepted is an array of texts"},
		{"null among roles", `{"roles":["upload.all",null]}`, "form.roles", "number 2 was read as null"},

		{"an array for the data", `{"roles":["upload.all"],"data":[]}`, "form.data", "no JSON object"},
		{"a text for the data", `{"roles":["upload.all"],"data":"x"}`, "form.data", "no JSON object"},
		{"a text for tags", data(`"tags":"a"`), "form.data.tags", "accepted is an array of texts"},
		{"an empty tag", data(`"tags":[""]`), "form.data.tags", "is empty"},
		{"a tag with a control character", data(`"tags":["a\u0001"]`), "form.data.tags", "control character"},
		{"too many tags", data(`"tags":` + many(65, "a")), "form.data.tags", "65 tags were read"},
		{"too long a tag", data(`"tags":["` + strings.Repeat("a", 1025) + `"]`), "form.data.tags", "1025 bytes"},
		{"a media type without a kind", data(`"allowedMimeTypes":["png"]`), "form.data.allowedMimeTypes", "no media type"},
		{"a media type with a parameter", data(`"allowedMimeTypes":["text/plain; charset=utf-8"]`), "form.data.allowedMimeTypes", "no media type"},
		{"every media type", data(`"allowedMimeTypes":["*/*"]`), "form.data.allowedMimeTypes", "no media type"},
		{"an empty media type", data(`"allowedMimeTypes":[""]`), "form.data.allowedMimeTypes", "no media type"},
		{"too many media types", data(`"allowedMimeTypes":` + many(65, "image/png")), "form.data.allowedMimeTypes", "65 media types were read"},
		{"an object for media types", data(`"allowedMimeTypes":{}`), "form.data.allowedMimeTypes", "accepted is an array of texts"},
		{"a negative size", data(`"maxAllowedFileSize":-1`), "form.data.maxAllowedFileSize", "negative"},
		{"half a byte", data(`"maxAllowedFileSize":1.5`), "form.data.maxAllowedFileSize", "was read as 1.5"},
		{"a size in a text", data(`"maxAllowedFileSize":"14579"`), "form.data.maxAllowedFileSize", "whole number of bytes"},
		{"more bytes than there are", data(`"maxAllowedFileSize":9223372036854775808`), "form.data.maxAllowedFileSize", "whole number of bytes"},
		{"true for a size", data(`"maxAllowedFileSize":true`), "form.data.maxAllowedFileSize", "was read as true"},
		{"an empty user agent", data(`"allowedUserAgents":[""]`), "form.data.allowedUserAgents", "is empty"},
		{"a number for user agents", data(`"allowedUserAgents":5`), "form.data.allowedUserAgents", "accepted is an array of texts"},
		{"too many user agents", data(`"allowedUserAgents":` + many(65, "a")), "form.data.allowedUserAgents", "65 user agents were read"},
		{"a host for an address", data(`"allowedIpAddresses":["localhost"]`), "form.data.allowedIpAddresses", "accepted is a CIDR"},
		{"half an address", data(`"allowedIpAddresses":["192.168.1"]`), "form.data.allowedIpAddresses", "accepted is a CIDR"},
		{"a prefix that is too long", data(`"allowedIpAddresses":["10.0.0.0/33"]`), "form.data.allowedIpAddresses", "accepted is a CIDR"},
		{"an empty address", data(`"allowedIpAddresses":[""]`), "form.data.allowedIpAddresses", "accepted is a CIDR"},
		{"too many addresses", data(`"allowedIpAddresses":` + many(65, "10.0.0.1")), "form.data.allowedIpAddresses", "65 addresses were read"},
		{"null for an address", data(`"allowedIpAddresses":[null]`), "form.data.allowedIpAddresses", "number 1 was read as null"},

		{"a number for the time", `{"roles":["upload.all"],"expires":1944000000}`, "expires", "accepted is a text"},
		{"a word for the time", `{"roles":["upload.all"],"expires":"tomorrow"}`, "expires", "accepted are auto"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			answer := w.send("ann", http.MethodPost, "/auth/token/generate", c.body)
			if answer.StatusCode != http.StatusBadRequest || len(w.issued) > 0 {
				t.Fatalf("got %d %s", answer.StatusCode, answer.body)
			}
			isField(t, answer.body, c.field, c.says)
		})
	}
}

func TestAsManyAsAreAccepted(t *testing.T) {
	w := newWorld(t)
	got := w.record(w.generate("ann", `{"roles":`+many(64, "upload.all")+`,"data":{"tags":`+many(64, "a")+`,"allowedMimeTypes":`+many(64, "a/b")+
		`,"maxAllowedFileSize":9223372036854775807,"allowedUserAgents":`+many(64, "a")+`,"allowedIpAddresses":`+many(64, "10.0.0.1")+`}}`).TokenID)
	if len(got.Roles) != 64 || len(got.Only.Tags) != 64 || len(got.Only.Types) != 64 || len(got.Only.Agents) != 64 || len(got.Only.Addresses) != 64 || got.Only.SizeBelow != 1<<63-1 {
		t.Errorf("got %+v", got)
	}
}

func TestABodyAtTheBounds(t *testing.T) {
	const head, tail = `{"roles":["view.any_file"]`, `}`
	w := newWorld(t)
	for _, c := range []struct {
		name string
		size int
		want int
	}{
		{"as large as is accepted", 256 << 10, 202},
		{"a byte larger", 256<<10 + 1, 413},
		{"huge", 8 << 20, 413},
	} {
		t.Run(c.name, func(t *testing.T) {
			body := head + strings.Repeat(" ", c.size-len(head)-len(tail)) + tail
			if answer := w.send("ann", http.MethodPost, "/auth/token/generate", body); answer.StatusCode != c.want {
				t.Errorf("got %d %s", answer.StatusCode, answer.body)
			}
		})
	}
}

func TestABodyOfAnotherType(t *testing.T) {
	w := newWorld(t)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+"/auth/token/generate", strings.NewReader(`roles[]=upload.all`))
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth("ann", "x")
	r.Header.Set("Content-Type", "text/plain")
	answer := w.do(r)
	if answer.StatusCode != http.StatusUnsupportedMediaType || !strings.HasSuffix(answer.body, `"error_code":415,"http_code":415}`) {
		t.Errorf("got %d %s", answer.StatusCode, answer.body)
	}
}

// Everything under the API's paths answers in its shape; what is beside them
// is not its own.
func TestWhoseAPathIs(t *testing.T) {
	w := newWorld(t)
	const notFound = `{"status":"Not found","error_code":404,"http_code":404}`
	for _, c := range []struct {
		method, path string
		want         int
		body         string
	}{
		{"GET", "/auth/token", 404, notFound},
		{"GET", "/auth/token/", 404, notFound},
		{"DELETE", "/auth/token/", 404, notFound},
		{"POST", "/auth/token", 404, notFound},
		{"GET", "/auth/token/generate", 404, notFound},
		{"DELETE", "/auth/token/generate/", 404, notFound},
		{"PUT", "/auth/token/generate", 404, notFound},
		{"PATCH", "/auth/token/D0D12FFF-DD04-4514-8E5D-D51542DEBCFA", 404, notFound},
		{"GET", "/auth/token/a/b", 404, notFound},
		{"GET", "/auth/token/a%2Fb", 404, notFound},
		{"POST", "/auth/roles", 404, notFound},
		{"DELETE", "/auth/roles/", 404, notFound},
		{"HEAD", "/auth/token/nobody-has-this", 404, ""},
		{"GET", "/auth/roles/images", 418, "proxied"},
		{"GET", "/auth/tokens", 418, "proxied"},
		{"GET", "/auth/users/tokens", 418, "proxied"},
		{"GET", "/auth", 418, "proxied"},
	} {
		t.Run(c.method+" "+c.path, func(t *testing.T) {
			if got := w.send("admin", c.method, c.path, ""); got.StatusCode != c.want || got.body != c.body {
				t.Errorf("got %d %s, want %d %s", got.StatusCode, got.body, c.want, c.body)
			}
		})
	}
}

// Who is nobody learns nothing, whatever he asks for.
func TestWhoIsNotKnown(t *testing.T) {
	w := newWorld(t)
	value := w.generate("ann", `{"roles":["view.any_file"]}`).TokenID
	const want = `{"status":"Invalid authorization. Details: the credential is missing or not accepted","error_code":401,"http_code":401}`
	for _, as := range []string{"", "stranger", "token:nobody-has-this"} {
		for _, c := range []struct{ method, path string }{
			{"POST", "/auth/token/generate"}, {"GET", "/auth/token/" + value}, {"DELETE", "/auth/token/" + value},
			{"GET", "/auth/token/nobody-has-this"}, {"GET", "/auth/roles"},
		} {
			if got := w.send(as, c.method, c.path, ""); got.StatusCode != http.StatusUnauthorized || got.body != want {
				t.Errorf("%s %s as %q: got %d %s", c.method, c.path, as, got.StatusCode, got.body)
			}
		}
	}
	if !w.record(value).Revoked.At.IsZero() {
		t.Error("the token was revoked")
	}
}

// A refusal that is not about rights does not speak of them.
func TestARefusalOfAnotherKind(t *testing.T) {
	w := newWorld(t)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+"/auth/roles", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth("ann", "x")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	if got := w.do(r); got.body != `{"status":"cross-site request","error_code":403,"http_code":403}` {
		t.Errorf("got %d %s", got.StatusCode, got.body)
	}
}
