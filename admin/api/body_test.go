package api_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"tollgate/admin/api"
)

// wish has a member of each kind.
type wish struct {
	Name  string   `json:"name"`
	Size  int64    `json:"size"`
	On    *bool    `json:"on"`
	Tags  []string `json:"tags"`
	Inner struct {
		Deep string `json:"deep"`
	} `json:"inner"`
}

func TestDecode(t *testing.T) {
	for _, row := range []struct{ name, text, says string }{
		{"Whole", `{"name":"a","size":1,"on":true,"tags":["x"],"inner":{"deep":"y"}}`, ""},
		{"Empty object", `{}`, ""},
		{"White space round it", " \n{\"name\":\"a\"}\r\n\t", ""},
		{"Null", `{"on":null}`, ""},
		{"Nothing", ``, "is empty"},
		{"White space alone", " \n", "is empty"},
		{"Array", `[]`, "no JSON object"},
		{"Text", `"a"`, "no JSON object"},
		{"Null alone", `null`, "no JSON object"},
		{"Two objects", `{}{}`, "something follows"},
		{"Something behind", `{} x`, "something follows"},
		{"Cut off", `{"name":"a"`, "ends too early"},
		{"Cut off in a text", `{"name":"a`, "ends too early"},
		{"Cut off in an array", `{"tags":["a"`, "ends too early"},
		{"No JSON", `{name:1}`, "goes wrong at byte"},
		{"Comment", `{/* */}`, "goes wrong at byte"},
		{"Unknown member", `{"nmae":"a"}`, `"nmae" is not known`},
		{"Unknown inner member", `{"inner":{"x":1}}`, `"x" is not known`},
		{"Member twice", `{"name":"a","name":"b"}`, `"name" is there twice`},
		{"Member twice in other capitals", `{"name":"a","NAME":"b"}`, `"NAME" is there twice`},
		{"Inner member twice", `{"inner":{"deep":"a","deep":"b"}}`, `"deep" is there twice`},
		{"Member twice in an array", `{"tags":[{"a":1,"a":2}]}`, `"a" is there twice`},
		{"Number for text", `{"name":1}`, `"name" was read as number, accepted is a text`},
		{"Text for number", `{"size":"1"}`, `"size" was read as string, accepted is a number`},
		{"Fraction for number", `{"size":1.5}`, `"size" was read as number 1.5, accepted is a number`},
		{"Number that is too large", `{"size":9223372036854775808}`, `"size" was read as number`},
		{"Text for truth", `{"on":"true"}`, `"on" was read as string, accepted is true or false`},
		{"Text for array", `{"tags":"x"}`, `"tags" was read as string, accepted is an array`},
		{"Array for object", `{"inner":[]}`, `"inner" was read as array, accepted is an object`},
		{"Deepest", `{"tags":` + strings.Repeat("[", 15) + strings.Repeat("]", 15) + `}`, "accepted is a text"},
		{"Too deep", `{"tags":` + strings.Repeat("[", 17) + strings.Repeat("]", 17) + `}`, "nested deeper than 16"},
		{"Long name", `{"` + strings.Repeat("é", 500) + `":1}`, "…"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var w wish
			err := api.Decode([]byte(row.text), &w)
			var own *api.Error
			switch {
			case row.says == "" && err != nil:
				t.Errorf("got %v", err)
			case row.says == "":
			case !errors.As(err, &own) || own.Status != http.StatusBadRequest || own.Reason != api.ReasonInvalid:
				t.Errorf("got %#v", err)
			case !strings.Contains(own.Detail, row.says) || len(own.Detail) > 300:
				t.Errorf("says %q, want it to say %q", own.Detail, row.says)
			}
		})
	}
}

// TestBody sends what a request can carry through a real server.
func TestBody(t *testing.T) {
	e := echo.New()
	e.POST("/", func(c echo.Context) error {
		var w wish
		text, err := api.Body(c, &w)
		var own *api.Error
		if errors.As(err, &own) {
			return c.String(own.Status, own.Reason)
		}
		if err != nil {
			return err
		}
		return c.String(http.StatusOK, w.Name+" "+string(text))
	})
	server := httptest.NewServer(e)
	defer server.Close()
	const good = `{"name":"a"}`
	for _, row := range []struct {
		name, kind string
		body       io.Reader
		status     int
		answer     string
	}{
		{"JSON", "application/json", strings.NewReader(good), 200, "a " + good},
		{"With a charset", "application/json; charset=utf-8", strings.NewReader(good), 200, "a " + good},
		{"Of some kind", "application/merge-patch+json", strings.NewReader(good), 200, "a " + good},
		{"Not said", "", strings.NewReader(good), 200, "a " + good},
		{"Of unknown length", "application/json", struct{ io.Reader }{strings.NewReader(good)}, 200, "a " + good},
		{"As curl has it", "application/x-www-form-urlencoded", strings.NewReader(good), 200, "a " + good},
		{"Form", "multipart/form-data; boundary=x", strings.NewReader(good), 415, api.ReasonMediaType},
		{"Text", "text/json", strings.NewReader(good), 415, api.ReasonMediaType},
		{"No type at all", "application/", strings.NewReader(good), 415, api.ReasonMediaType},
		{"None", "application/json", http.NoBody, 400, api.ReasonInvalid},
		{"As large as may be", "application/json", strings.NewReader(good + strings.Repeat(" ", api.MaxBody-len(good))), 200, "a "},
		{"Too large", "application/json", strings.NewReader(good + strings.Repeat(" ", api.MaxBody-len(good)+1)), 413, api.ReasonTooLarge},
		{"Much too large", "application/json", struct{ io.Reader }{bytes.NewReader(make([]byte, 4<<20))}, 413, api.ReasonTooLarge},
	} {
		t.Run(row.name, func(t *testing.T) {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, row.body)
			if err != nil {
				t.Fatal(err)
			}
			if row.kind != "" {
				r.Header.Set("Content-Type", row.kind)
			}
			response, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			text, err := io.ReadAll(response.Body)
			if err != nil {
				t.Fatal(err)
			}
			if response.StatusCode != row.status || !strings.HasPrefix(string(text), row.answer) {
				t.Errorf("%d %.80q, want %d %q", response.StatusCode, text, row.status, row.answer)
			}
		})
	}
}

func TestParseTime(t *testing.T) {
	for text, want := range map[string]bool{
		"2031-05-17T08:30:00Z": true, "2031-05-17T08:30:00.123456789+02:00": true, "2031-05-17T08:30:00-23:59": true,
		"2031-05-17T08:30:00": false, "2031-05-17 08:30:00Z": false, "2031-05-17T8:30:00Z": false, "2031-05-17T08:30:00,5Z": false,
		"2031-05-17T08:30:00+24:00": false, "2031-05-17T08:30:00+02:60": false, "2031-02-29T08:30:00Z": false, "": false, "2031-05-17": false,
	} {
		if at, ok := api.ParseTime(text); ok != want || ok && at.IsZero() {
			t.Errorf("%q: %v %v", text, at, ok)
		}
	}
}

func TestQuoted(t *testing.T) {
	for text, want := range map[string]string{"a": `"a"`, "a\nb\"": `"a\nb\""`, strings.Repeat("x", 61): `"` + strings.Repeat("x", 60) + `…"`} {
		if got := api.Quoted(text); got != want {
			t.Errorf("%q: %s", text, got)
		}
	}
}

// TestShaped: a failure comes out as the API has it, of a request that went to
// no API in the common form.
func TestShaped(t *testing.T) {
	e := echo.New()
	shape := func(c echo.Context, f api.Failure, _ error) error { return c.String(f.Status, "shaped "+f.Reason) }
	e.HTTPErrorHandler = func(err error, c echo.Context) {
		var own *api.Error
		if s := api.ShapeOf(c); s != nil && errors.As(err, &own) {
			_ = s(c, api.Failure{Status: own.Status, Reason: own.Reason}, err)
			return
		}
		_ = c.String(http.StatusInternalServerError, "plain")
	}
	fail := func(echo.Context) error { return api.NotFound("no %s", "such thing") }
	e.GET("/shaped", api.Shaped(shape, fail))
	e.GET("/plain", fail)
	for path, want := range map[string]string{"/shaped": "shaped not_found", "/plain": "plain"} {
		w := httptest.NewRecorder()
		e.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		if w.Body.String() != want {
			t.Errorf("%s: %q, want %q", path, w.Body, want)
		}
	}
}

// TestReasonsAreOnes: each once, and none is empty.
func TestReasons(t *testing.T) {
	seen := map[string]bool{"": true}
	for _, reason := range api.Reasons() {
		if seen[reason] {
			t.Errorf("%q twice or empty", reason)
		}
		seen[reason] = true
	}
}

// FuzzDecode: what is accepted, encoding/json accepts too, as one object whose
// members are each there once.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"name":"a","size":1,"on":true,"tags":["x"],"inner":{"deep":"y"}}`, `{}`, `{"name":"a","NAME":"b"}`, `{}{}`, `[`, "", `{"tags":[[[]]]}`, `{"a":1e999}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var w wish
		err := api.Decode([]byte(text), &w)
		var own *api.Error
		if err != nil {
			if !errors.As(err, &own) || own.Status != 400 || len(own.Detail) > 1000 {
				t.Fatalf("%q: %#v", text, err)
			}
			return
		}
		var members map[string]json.RawMessage
		if err := json.Unmarshal([]byte(text), &members); err != nil {
			t.Fatalf("%q was accepted: %v", text, err)
		}
	})
}
