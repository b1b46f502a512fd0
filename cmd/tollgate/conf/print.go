package conf

import (
	"encoding"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"tollgate/tokens"
)

// ErrPrint is returned for values that no configuration can say.
var ErrPrint = errors.New("cannot be written as configuration")

// Print writes cfg, a struct or a pointer to one, as YAML in the order of its
// fields. A secret is *** or, if it is empty, "". Decode of the output over
// the same defaults gives the same configuration, apart from secrets. A nil
// pointer is null, with omitempty it is left out. Errors are of w, or of a
// value that cannot be said, such as text that is not UTF-8.
func Print(w io.Writer, cfg any) error {
	v := reflect.ValueOf(cfg)
	for v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	if v.Kind() != reflect.Struct {
		return fmt.Errorf("print %T: %w", cfg, ErrPrint)
	}
	n, err := node(v, "", 0)
	if err != nil {
		return err
	}
	enc := yaml.NewEncoder(w)
	enc.SetIndent(2)
	if err := enc.Encode(n); err != nil {
		return fmt.Errorf("print the configuration: %w", err)
	}
	if err := enc.Close(); err != nil {
		return fmt.Errorf("print the configuration: %w", err)
	}
	return nil
}

func node(v reflect.Value, path string, depth int) (*yaml.Node, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("print %s: nested too deeply: %w", path, ErrPrint)
	}
	s := shapeOf(v.Type())
	switch {
	case s == pointerShape && v.IsNil():
		return plain("!!null", "null"), nil
	case s == pointerShape:
		return node(v.Elem(), path, depth+1)
	case s == structShape:
		return structNode(v, path, depth)
	case s == mapShape:
		return mapNode(v, path, depth)
	case s == listShape:
		return listNode(v, path, depth)
	}
	n, err := scalarNode(v, s)
	if err != nil {
		return nil, fmt.Errorf("print %s: %w", path, err)
	}
	return n, nil
}

func structNode(v reflect.Value, path string, depth int) (*yaml.Node, error) {
	n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	for _, f := range fieldsOf(v.Type()) {
		fv := v.FieldByIndex(f.index)
		if f.omitempty && fv.Kind() == reflect.Pointer && fv.IsNil() {
			continue
		}
		value, err := node(fv, spot{path: path}.under(f.name, 0).path, depth+1)
		if err != nil {
			return nil, err
		}
		n.Content = append(n.Content, text(f.name), value)
	}
	n.Style = emptyStyle(n)
	return n, nil
}

func mapNode(v reflect.Value, path string, depth int) (*yaml.Node, error) {
	n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	for _, key := range keys {
		if !utf8.ValidString(key.String()) {
			return nil, fmt.Errorf("print a key of %s: not UTF-8 text: %w", path, ErrPrint)
		}
		value, err := node(v.MapIndex(key), spot{path: path}.under(key.String(), 0).path, depth+1)
		if err != nil {
			return nil, err
		}
		n.Content = append(n.Content, text(key.String()), value)
	}
	n.Style = emptyStyle(n)
	return n, nil
}

func listNode(v reflect.Value, path string, depth int) (*yaml.Node, error) {
	n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
	short := true
	for i := range v.Len() {
		entry, err := node(v.Index(i), fmt.Sprintf("%s[%d]", path, i), depth+1)
		if err != nil {
			return nil, err
		}
		short = short && entry.Kind == yaml.ScalarNode
		n.Content = append(n.Content, entry)
	}
	if short {
		n.Style = yaml.FlowStyle
	}
	return n, nil
}

func emptyStyle(n *yaml.Node) yaml.Style {
	if len(n.Content) == 0 {
		return yaml.FlowStyle // {}
	}
	return 0
}

func scalarNode(v reflect.Value, s shape) (*yaml.Node, error) {
	switch s {
	case secretShape:
		if v.Len() == 0 {
			return text(""), nil
		}
		return text(tokens.Secret("").String()), nil
	case durationShape:
		return plain("", FormatDuration(time.Duration(v.Int()))), nil
	case textShape:
		return validText(v.String())
	case boolShape:
		return plain("!!bool", strconv.FormatBool(v.Bool())), nil
	case intShape:
		return plain("!!int", strconv.FormatInt(v.Int(), 10)), nil
	case uintShape:
		return plain("!!int", strconv.FormatUint(v.Uint(), 10)), nil
	case floatShape:
		return number(v.Float(), v.Type().Bits())
	case parsedShape:
		return marshalled(v)
	case noShape, listShape, mapShape, structShape, pointerShape:
	}
	return nil, fmt.Errorf("type %s: %w", v.Type(), ErrPrint)
}

func number(f float64, bits int) (*yaml.Node, error) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil, fmt.Errorf("not a finite number: %w", ErrPrint)
	}
	return plain("", strconv.FormatFloat(f, 'g', -1, bits)), nil
}

func marshalled(v reflect.Value) (*yaml.Node, error) {
	own := reflect.New(v.Type())
	own.Elem().Set(v)
	m, ok := own.Interface().(encoding.TextMarshaler)
	if !ok {
		return nil, fmt.Errorf("type %s: %w", v.Type(), ErrPrint)
	}
	b, err := m.MarshalText()
	if err != nil {
		return nil, err
	}
	return validText(string(b))
}

func validText(s string) (*yaml.Node, error) {
	if !utf8.ValidString(s) {
		return nil, fmt.Errorf("not UTF-8 text: %w", ErrPrint)
	}
	return text(s), nil
}

// text is a node that is read back as exactly s: anything unusual goes into
// double quotes, which have an escape for everything.
func text(s string) *yaml.Node {
	n := plain("!!str", s)
	usual := strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) < 0
	if !usual || strings.TrimSpace(s) != s {
		n.Style = yaml.DoubleQuotedStyle
	}
	return n
}

func plain(tag, value string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: value}
}
