package management

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// openAPI is the document, so far as the tests read it.
type openAPI struct {
	whole map[string]any
	paths map[string]any
}

func parsed(t testing.TB) *openAPI {
	t.Helper()
	var whole map[string]any
	if err := json.Unmarshal([]byte(document), &whole); err != nil {
		t.Fatal(err)
	}
	return &openAPI{whole, whole["paths"].(map[string]any)}
}

// resolve follows a $ref.
func (d *openAPI) resolve(v any) (map[string]any, error) {
	o, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%v is no object", v)
	}
	ref, ok := o["$ref"].(string)
	if !ok {
		return o, nil
	}
	var at any = d.whole
	path, inside := strings.CutPrefix(ref, "#/")
	if !inside {
		return nil, fmt.Errorf("%s is elsewhere", ref)
	}
	for name := range strings.SplitSeq(path, "/") {
		o, _ := at.(map[string]any)
		if at, ok = o[name]; !ok {
			return nil, fmt.Errorf("%s is nowhere", ref)
		}
	}
	return d.resolve(at)
}

// template returns the path of the document that a path is an instance of.
// Those that name more of it come first.
func (d *openAPI) template(path string) string {
	path = strings.TrimSuffix(path, "/")
	for _, template := range slices.SortedFunc(maps.Keys(d.paths), func(a, b string) int { return strings.Count(a, "{") - strings.Count(b, "{") }) {
		if regexp.MustCompile("^" + regexp.MustCompile(`\\\{[a-z]+\\\}`).ReplaceAllString(regexp.QuoteMeta(template), "[^/]+") + "$").MatchString(path) {
			return template
		}
	}
	return ""
}

// holds fails the test unless the document says that an operation can answer
// so.
func (d *openAPI) holds(t testing.TB, method, path string, a answer) {
	t.Helper()
	template := d.template(path)
	operation, ok := d.paths[template].(map[string]any)[strings.ToLower(method)].(map[string]any)
	if !ok {
		return // what is not there is for the routes' test
	}
	said, ok := operation["responses"].(map[string]any)[fmt.Sprint(a.status)]
	if !ok {
		t.Errorf("%s %s answers %d, which is not documented: %s", method, template, a.status, a.body)
		return
	}
	response, err := d.resolve(said)
	if err != nil {
		t.Fatal(err)
	}
	contents, _ := response["content"].(map[string]any)
	if contents == nil {
		if a.body != "" {
			t.Errorf("%s %s answers %d with a body: %s", method, template, a.status, a.body)
		}
		return
	}
	kind, _, _ := strings.Cut(a.header.Get("Content-Type"), ";")
	content, ok := contents[kind].(map[string]any)
	if !ok {
		t.Fatalf("%s %s answers %d as %q, documented is %v", method, template, a.status, kind, slices.Collect(maps.Keys(contents)))
	}
	var value any
	if err := json.Unmarshal([]byte(a.body), &value); err != nil {
		t.Fatal(err)
	}
	if err := d.valid(content["schema"], value, ""); err != nil {
		t.Errorf("%s %s answers %d: %v in %s", method, template, a.status, err, a.body)
	}
}

// valid checks a value against a schema: the keywords that the document uses
// for answers.
func (d *openAPI) valid(schema, value any, at string) error {
	s, err := d.resolve(schema)
	if err != nil {
		return err
	}
	if choices, ok := s["oneOf"].([]any); ok {
		matching := 0
		for _, choice := range choices {
			if d.valid(choice, value, at) == nil {
				matching++
			}
		}
		if matching != 1 {
			return fmt.Errorf("%s matches %d of the schemas of which it must match one", at, matching)
		}
	}
	if !isOfType(s["type"], value) {
		return fmt.Errorf("%s is %v, its type is %v", at, value, s["type"])
	}
	if enum, ok := s["enum"].([]any); ok && !slices.ContainsFunc(enum, func(e any) bool { return reflect.DeepEqual(e, value) }) {
		return fmt.Errorf("%s is %v, which is none of %v", at, value, enum)
	}
	switch v := value.(type) {
	case string:
		return validText(s, v, at)
	case float64:
		if least, ok := s["minimum"].(float64); ok && v < least {
			return fmt.Errorf("%s is %v, which is less than %v", at, v, least)
		}
	case []any:
		for i, item := range v {
			if err := d.valid(s["items"], item, fmt.Sprintf("%s[%d]", at, i)); err != nil {
				return err
			}
		}
	case map[string]any:
		return d.validObject(s, v, at)
	}
	return nil
}

func validText(s map[string]any, v, at string) error {
	if pattern, ok := s["pattern"].(string); ok && !regexp.MustCompile(pattern).MatchString(v) {
		return fmt.Errorf("%s is %q, which does not match %s", at, v, pattern)
	}
	if s["format"] == "date-time" && !regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`).MatchString(v) {
		return fmt.Errorf("%s is %q, which is no time", at, v)
	}
	return nil
}

func (d *openAPI) validObject(s, v map[string]any, at string) error {
	properties, _ := s["properties"].(map[string]any)
	required, _ := s["required"].([]any)
	for _, name := range required {
		if _, ok := v[name.(string)]; !ok {
			return fmt.Errorf("%s has no %s", at, name)
		}
	}
	for name, member := range v {
		schema, known := properties[name]
		if !known {
			if schema = s["additionalProperties"]; schema == false {
				return fmt.Errorf("%s has %s, which is not documented", at, name)
			}
			if _, ok := schema.(map[string]any); !ok {
				continue
			}
		}
		if err := d.valid(schema, member, at+"."+name); err != nil {
			return err
		}
	}
	return nil
}

// isOfType reports whether a value is of a type, or of one of several.
func isOfType(wanted, value any) bool {
	switch w := wanted.(type) {
	case nil:
		return true
	case []any:
		return slices.ContainsFunc(w, func(one any) bool { return isOfType(one, value) })
	}
	switch v := value.(type) {
	case nil:
		return wanted == "null"
	case string:
		return wanted == "string"
	case bool:
		return wanted == "boolean"
	case float64:
		return wanted == "number" || wanted == "integer" && v == float64(int64(v))
	case []any:
		return wanted == "array"
	case map[string]any:
		return wanted == "object"
	}
	return false
}

// TestCheckerFindsFaults: a checker that finds nothing proves nothing.
func TestCheckerFindsFaults(t *testing.T) {
	d := parsed(t)
	ref := func(name string) any { return map[string]any{"$ref": "#/components/schemas/" + name} }
	for _, c := range []struct {
		name, schema, value, want string
	}{
		{"a verdict", "Verdict", `{"allowed":true,"rule":"x","detail":""}`, ""},
		{"a member is missing", "Verdict", `{"allowed":true,"rule":"x"}`, "has no detail"},
		{"a member too many", "Verdict", `{"allowed":true,"rule":"x","detail":"","more":1}`, "not documented"},
		{"a wrong type", "Verdict", `{"allowed":1,"rule":"x","detail":""}`, "its type is boolean"},
		{"null where there is none", "Verdict", `{"allowed":null,"rule":"x","detail":""}`, "its type is boolean"},
		{"a name that is none of the list", "Permission", `"storage.fly"`, "none of"},
		{"a member of a list", "Grant", `{"permissions":["storage.read","x"]}`, ".permissions[1] is x"},
		{"a time without milliseconds", "Mark", `{"at":"2031-05-17T08:30:00Z","by":"x"}`, "no time"},
		{"a number below the least", "LastUsed", `{"at":"2031-05-17T08:30:00.000Z","address":null,"user_agent":"","count":0}`, "less than"},
		{"a fraction", "LastUsed", `{"at":"2031-05-17T08:30:00.000Z","address":null,"user_agent":"","count":1.5}`, "its type is integer"},
		{"a schema that is nowhere", "Nothing", `{}`, "is nowhere"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var value any
			if err := json.Unmarshal([]byte(c.value), &value); err != nil {
				t.Fatal(err)
			}
			err := d.valid(ref(c.schema), value, "")
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
