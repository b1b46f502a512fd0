package management

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
)

// TestDocumentHasTheRoutes holds the document against what is registered, both
// ways. A HEAD belongs to its GET, and a slash at the end makes no other path.
func TestDocumentHasTheRoutes(t *testing.T) {
	e := echo.New()
	(&API{}).Register(e)
	registered := map[string]bool{}
	for _, r := range e.Routes() {
		registered[r.Method+" "+r.Path] = true
	}
	param := regexp.MustCompile(`:([a-z]+)`)
	served := map[string]bool{}
	for route := range registered {
		method, path, _ := strings.Cut(route, " ")
		bare, slash := strings.CutSuffix(path, "/")
		switch {
		case slash && !registered[method+" "+bare], !slash && !registered[method+" "+path+"/"]:
			t.Errorf("%s is registered with or without the slash alone", route)
		case method == http.MethodHead && !registered["GET "+path], method == http.MethodGet && !registered["HEAD "+path]:
			t.Errorf("%s is registered without its GET or its HEAD", route)
		case method != http.MethodHead:
			served[strings.ToLower(method)+" "+param.ReplaceAllString(bare, "{$1}")] = true
		}
	}
	documented := map[string]bool{}
	for path, item := range parsed(t).paths {
		for method := range item.(map[string]any) {
			if method != "parameters" {
				documented[method+" "+path] = true
			}
		}
	}
	if !maps.Equal(served, documented) {
		t.Errorf("registered\n%s\ndocumented\n%s", strings.Join(slices.Sorted(maps.Keys(served)), "\n"), strings.Join(slices.Sorted(maps.Keys(documented)), "\n"))
	}
}

// walk visits every object of the document.
func walk(v any, at string, visit func(at string, o map[string]any)) {
	switch v := v.(type) {
	case map[string]any:
		visit(at, v)
		for name, member := range v {
			walk(member, at+"/"+name, visit)
		}
	case []any:
		for i, member := range v {
			walk(member, fmt.Sprintf("%s/%d", at, i), visit)
		}
	}
}

func TestEveryReferenceResolves(t *testing.T) {
	d := parsed(t)
	used := map[string]bool{}
	walk(d.whole, "#", func(at string, o map[string]any) {
		ref, ok := o["$ref"].(string)
		if !ok {
			return
		}
		used[ref] = true
		if _, err := d.resolve(o); err != nil {
			t.Errorf("%s: %v", at, err)
		}
	})
	for kind, all := range d.whole["components"].(map[string]any) {
		for name := range all.(map[string]any) {
			if ref := "#/components/" + kind + "/" + name; kind != "securitySchemes" && !used[ref] {
				t.Errorf("%s is not used", ref)
			}
		}
	}
}

// TestExamplesAreValid holds every example against the schema beside it.
func TestExamplesAreValid(t *testing.T) {
	d, seen := parsed(t), 0
	walk(d.whole, "#", func(at string, o map[string]any) {
		example, ok := o["example"]
		if !ok || o["schema"] == nil {
			return
		}
		seen++
		if err := d.valid(o["schema"], example, ""); err != nil {
			t.Errorf("%s: %v", at, err)
		}
	})
	if seen < 20 {
		t.Errorf("%d examples were found", seen)
	}
}

// TestEveryOperationSaysHowItFails: each has parameters for its path, an id of
// its own and the errors that any can end in.
func TestEveryOperationSaysHowItFails(t *testing.T) {
	d, ids := parsed(t), map[string]bool{}
	for path, item := range d.paths {
		item := item.(map[string]any)
		if parameters, _ := item["parameters"].([]any); strings.Count(path, "{") != len(parameters) {
			t.Errorf("%s has %d parameters", path, len(parameters))
		}
		for method, operation := range item {
			if method == "parameters" || strings.HasSuffix(path, "openapi.json") {
				continue
			}
			o := operation.(map[string]any)
			if id := o["operationId"].(string); ids[id] {
				t.Errorf("%s is the id of two operations", id)
			} else {
				ids[id] = true
			}
			responses := o["responses"].(map[string]any)
			for _, status := range []string{"400", "401", "403", "503"} {
				if responses[status] == nil {
					t.Errorf("%s %s does not say %s", method, path, status)
				}
			}
			if _, has := o["requestBody"]; has && (responses["413"] == nil || responses["415"] == nil) {
				t.Errorf("%s %s does not say 413 and 415", method, path)
			}
		}
	}
}

// TestBodiesAreDocumented holds the documented members of each body against
// those that are read.
func TestBodiesAreDocumented(t *testing.T) {
	d := parsed(t)
	for schema, body := range map[string]any{
		"TokenCreation": creation{}, "Restrictions": restrictions{}, "Grant": grant{}, "TokenChange": alteration{}, "TokenSelection": selection{},
		"DescribedRequest": description{}, "UserCreation": userBody{}, "Token": shownToken{}, "RestrictionsShown": shownRestrictions{}, "Mark": mark{},
		"LastUsed": lastUsed{}, "TokenList": listAnswer{}, "User": shownUser{}, "UserList": usersAnswer{},
	} {
		s, err := d.resolve(map[string]any{"$ref": "#/components/schemas/" + schema})
		if err != nil {
			t.Fatal(err)
		}
		want := slices.Sorted(maps.Keys(s["properties"].(map[string]any)))
		got := members(reflect.TypeOf(body))
		if schema == "Token" { // these two are of the answer that makes it
			got = slices.DeleteFunc(got, func(name string) bool { return name == "token" || name == "secret_key" })
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s: read are %v, documented are %v", schema, got, want)
		}
	}
}

// members returns the names of a struct's members in JSON.
func members(of reflect.Type) []string {
	var names []string
	for field := range of.Fields() {
		if field.Anonymous {
			names = append(names, members(field.Type)...)
			continue
		}
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		names = append(names, name)
	}
	return names
}

func TestDocumentIsServedToAnybody(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"openapi.json", "openapi.json/"} {
		a := w.call("", "GET", path, "").is(t, http.StatusOK)
		if a.body != document || a.header.Get("Content-Type") != "application/json" {
			t.Errorf("%s answers %s", path, a.header.Get("Content-Type"))
		}
		if a := w.call("", "HEAD", path, "").is(t, http.StatusOK); a.body != "" {
			t.Error("HEAD answers with a body")
		}
	}
}

// TestQueryArgumentsAreDocumented holds the arguments of each list against
// those that are read: the sentence about an unknown one names them.
func TestQueryArgumentsAreDocumented(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/tokens", "/users"} {
		item := w.doc.paths[basePath+path].(map[string]any)["get"].(map[string]any)
		var names []string
		for _, p := range item["parameters"].([]any) {
			o, err := w.doc.resolve(p)
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, o["name"].(string))
		}
		detail := w.call("root", "GET", basePath+path+"?"+url.QueryEscape("no such"), "").is(t, 400).object(t)["detail"].(string)
		_, accepted, _ := strings.Cut(detail, "accepted are ")
		read := strings.Split(accepted, ", ")
		slices.Sort(read)
		slices.Sort(names)
		if !slices.Equal(read, names) {
			t.Errorf("%s: read are %v, documented are %v", path, read, names)
		}
	}
}
