package postpolicy_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/iotest"

	"tollgate/proxy/sigv4/postpolicy"
)

func TestOpenContentType(t *testing.T) {
	body := func(boundary string) string {
		return strings.ReplaceAll(form{fields: []pair{{"key", "k"}}}.String(), "9431149156168", boundary)
	}
	long := strings.Repeat("b", 70)
	for _, row := range []struct {
		name, contentType, boundary string
		want                        error
	}{
		{"Token", "multipart/form-data; boundary=a", "a", nil},
		{"Quoted", `multipart/form-data; boundary="a b'()+_,-./:=?c"`, "a b'()+_,-./:=?c", nil},
		{"OtherCase", "Multipart/Form-Data;BOUNDARY=a", "a", nil},
		{"Charset", "multipart/form-data; charset=utf-8; boundary=a", "a", nil},
		{"Longest", "multipart/form-data; boundary=" + long, long, nil},
		{"TooLong", "multipart/form-data; boundary=" + long + "b", long + "b", postpolicy.ErrMalformed},
		{"None", "multipart/form-data", "a", postpolicy.ErrMalformed},
		{"EmptyBoundary", `multipart/form-data; boundary=""`, "", postpolicy.ErrMalformed},
		{"Two", "multipart/form-data; boundary=a; boundary=b", "a", postpolicy.ErrMalformed},
		{"TwoOtherCase", "multipart/form-data; boundary=a; Boundary=a", "a", postpolicy.ErrMalformed},
		{"Extended", "multipart/form-data; boundary*=utf-8''a", "a", postpolicy.ErrMalformed},
		{"ExtendedBeside", "multipart/form-data; boundary=a; boundary*=utf-8''b", "a", postpolicy.ErrMalformed},
		{"Continued", "multipart/form-data; boundary*0=a; boundary*1=b", "ab", postpolicy.ErrMalformed},
		{"EndsInSpace", `multipart/form-data; boundary="a "`, "a ", postpolicy.ErrMalformed},
		{"Backslash", `multipart/form-data; boundary="a\b"`, `a\b`, postpolicy.ErrMalformed},
		{"LineEnd", "multipart/form-data; boundary=\"a\r\nb\"", "a\r\nb", postpolicy.ErrMalformed},
		{"NonASCII", `multipart/form-data; boundary="é"`, "é", postpolicy.ErrMalformed},
		{"Garbage", "multipart/form-data boundary=a", "a", postpolicy.ErrNotMultipart},
		{"Mixed", "multipart/mixed; boundary=a", "a", postpolicy.ErrNotMultipart},
		{"URLEncoded", "application/x-www-form-urlencoded", "a", postpolicy.ErrNotMultipart},
		{"Empty", "", "a", postpolicy.ErrNotMultipart},
	} {
		_, err := postpolicy.Open(row.contentType, strings.NewReader(body(row.boundary)))
		if !errors.Is(err, row.want) {
			t.Errorf("%s: got %v, want %v", row.name, err, row.want)
		}
	}
}

func TestOpenLimits(t *testing.T) {
	// prefixOf is a form whose file begins behind n bytes.
	prefixOf := func(n int) form {
		f := form{fields: []pair{{"x-ignore-pad", ""}, {"key", "k"}}}
		without := strings.Index(f.String(), "\r\n\r\ncontent")
		if without < 0 {
			without = len(f.String()) - len(closing) - 4
		}
		f.fields[0].value = strings.Repeat("p", n-without-4)
		return f
	}
	fieldsOf := func(n int) form {
		f := form{fields: []pair{{"key", "k"}}}
		for i := range n - 1 {
			f = f.with(pair{fmt.Sprintf("x-ignore-%d", i), ""})
		}
		return f
	}
	for _, row := range []struct {
		name string
		form form
		want error
	}{
		{"PrefixBelow", prefixOf(20<<10 - 1), nil},
		{"PrefixAt", prefixOf(20 << 10), nil},
		{"PrefixAbove", prefixOf(20<<10 + 1), postpolicy.ErrTooLong},
		{"PrefixFarAbove", prefixOf(1 << 20), postpolicy.ErrTooLong},
		{"FieldsBelow", fieldsOf(99), nil},
		{"FieldsAt", fieldsOf(100), nil},
		{"FieldsAbove", fieldsOf(101), postpolicy.ErrMalformed},
	} {
		if _, err := postpolicy.Open(contentType, strings.NewReader(row.form.String())); !errors.Is(err, row.want) {
			t.Errorf("%s: got %v, want %v", row.name, err, row.want)
		}
	}
	if _, err := postpolicy.Open(contentType, iotest.ErrReader(errNetwork)); !errors.Is(err, errNetwork) || !errors.Is(err, postpolicy.ErrIncomplete) {
		t.Errorf("a broken body: %v", err)
	}
	if _, err := postpolicy.Open(contentType, silent{}); !errors.Is(err, postpolicy.ErrIncomplete) {
		t.Errorf("a body that says nothing: %v", err)
	}
}

var errNetwork = errors.New("network is gone")

// silent returns nothing for ever.
type silent struct{}

func (silent) Read([]byte) (int, error) { return 0, nil }
