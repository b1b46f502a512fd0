package conf

import (
	"fmt"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"
)

// value decodes n into v, which can be set.
func (d *decoder) value(n *yaml.Node, v reflect.Value, at spot) {
	if d.full || !d.enter(n, at) {
		return
	}
	defer d.leave(n)
	quote := ""
	if n.Kind == yaml.ScalarNode && n.Anchor == "" {
		quote = quoted(n.Value)
	}
	n = resolved(n)
	if n.Style&yaml.TaggedStyle != 0 && n.Tag != "!!str" {
		d.fault(at, "YAML tags are not supported", "")
		return
	}
	d.written(at, shapeOf(base(v.Type())))
	d.byShape(n, v, at, quote)
}

func (d *decoder) byShape(n *yaml.Node, v reflect.Value, at spot, quote string) {
	s := shapeOf(v.Type())
	switch {
	case isNull(n):
		d.null(v, s, at)
	case s == pointerShape:
		d.value(n, d.pointee(v), at)
	case s == structShape:
		d.structure(n, v, at)
	case s == mapShape:
		d.mapping(n, v, at)
	case s == listShape:
		d.list(n, v, at)
	case s == parsedShape && isPair(n):
		text := pair(n)
		d.scalar(text, v, s, at, quoted(text.Value))
	default:
		d.scalar(n, v, s, at, quote)
	}
}

// isPair reports whether n is a mapping of one plain key to one plain value:
// a text such as "allow_for: 60s" whose quotes were left out, or that was
// written as what it looks like.
func isPair(n *yaml.Node) bool {
	return n.Kind == yaml.MappingNode && len(n.Content) == 2 &&
		n.Content[0].Kind == yaml.ScalarNode && n.Content[1].Kind == yaml.ScalarNode
}

// pair returns the text that a mapping of one key stands for.
func pair(n *yaml.Node) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: n.Content[0].Value + ": " + n.Content[1].Value, Line: n.Line}
}

// enter counts what could make a small file large: nesting and aliases.
func (d *decoder) enter(n *yaml.Node, at spot) bool {
	if d.depth >= maxDepth {
		d.fault(at, fmt.Sprintf("nested deeper than %d levels", maxDepth), "")
		return false
	}
	if n.Kind == yaml.AliasNode || d.aliases > 0 {
		d.aliased++
		if d.aliased == maxAliased {
			d.fault(at, fmt.Sprintf("more than %d values come from aliases", maxAliased), "")
		}
		if d.aliased >= maxAliased {
			return false
		}
	}
	if n.Kind == yaml.AliasNode {
		d.aliases++
	}
	d.depth++
	return true
}

func (d *decoder) leave(n *yaml.Node) {
	d.depth--
	if n.Kind == yaml.AliasNode {
		d.aliases--
	}
}

func resolved(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.Tag == "!!null"
}

func (d *decoder) null(v reflect.Value, s shape, at spot) {
	switch s {
	case listShape:
		v.Set(reflect.MakeSlice(v.Type(), 0, 0))
	case mapShape:
		v.Set(reflect.MakeMap(v.Type()))
	case pointerShape:
		v.SetZero()
	default:
		return
	}
	d.forget(at.path)
}

// forget drops what is known of everything inside a value that is replaced.
func (d *decoder) forget(path string) {
	if !d.overlay {
		return
	}
	inside := func(p string) bool {
		rest, found := strings.CutPrefix(p, path)
		return found && rest != "" && (rest[0] == '.' || rest[0] == '[')
	}
	for p := range d.places {
		if inside(p) {
			delete(d.places, p)
		}
	}
	for p := range d.pending {
		if inside(p) {
			delete(d.pending, p)
		}
	}
}

// pointee returns what v points to, made with its defaults if need be.
func (d *decoder) pointee(v reflect.Value) reflect.Value {
	if v.IsNil() {
		v.Set(reflect.New(v.Type().Elem()))
		d.setDefaults(v.Elem())
	}
	return v.Elem()
}

// setDefaults fills a new value: inner structs first, so that the outer one
// has the last word.
func (d *decoder) setDefaults(v reflect.Value) {
	if shapeOf(v.Type()) == structShape {
		for _, f := range d.fieldsOf(v.Type()) {
			d.setDefaults(v.FieldByIndex(f.index))
		}
	}
	if def, ok := v.Addr().Interface().(Defaulter); ok {
		def.SetDefaults()
	}
}

func (d *decoder) list(n *yaml.Node, v reflect.Value, at spot) {
	if n.Kind != yaml.SequenceNode {
		d.wrong(n, listShape, at)
		return
	}
	if len(n.Content) > maxEntries {
		d.fault(at, fmt.Sprintf("more than %d entries", maxEntries), "")
		return
	}
	d.forget(at.path)
	out := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
	for i, entry := range n.Content {
		e := spot{fmt.Sprintf("%s[%d]", at.path, i), entry.Line}
		d.setDefaults(out.Index(i))
		if isNull(resolved(entry)) {
			d.fault(e, "the entry is empty", "")
			continue
		}
		d.value(entry, out.Index(i), e)
	}
	v.Set(out)
}

func (d *decoder) mapping(n *yaml.Node, v reflect.Value, at spot) {
	if n.Kind != yaml.MappingNode {
		d.wrong(n, mapShape, at)
		return
	}
	if len(n.Content)/2 > maxEntries {
		d.fault(at, fmt.Sprintf("more than %d entries", maxEntries), "")
		return
	}
	d.forget(at.path)
	out := reflect.MakeMapWithSize(v.Type(), len(n.Content)/2)
	secrets := shapeOf(base(v.Type().Elem())) == secretShape
	d.pairs(n, at, func(key, entry *yaml.Node) {
		e := at.under(key.Value, key.Line)
		elem := reflect.New(v.Type().Elem()).Elem()
		d.setDefaults(elem)
		if isNull(resolved(entry)) {
			if secrets {
				e.path = at.under("…", 0).path // the key may be a secret with its own key forgotten
			}
			d.fault(e, "the entry is empty", "")
			return
		}
		d.value(entry, elem, e)
		d.commits = append(d.commits, func() {
			out.SetMapIndex(reflect.ValueOf(key.Value).Convert(v.Type().Key()), elem)
		})
	})
	v.Set(out)
}

// pairs calls entry for each key that is plain text and new.
func (d *decoder) pairs(n *yaml.Node, at spot, entry func(key, value *yaml.Node)) {
	first := map[string]int{}
	for i := 0; i+1 < len(n.Content) && !d.full; i += 2 {
		key := n.Content[i]
		line, again := first[key.Value]
		switch {
		case key.Kind != yaml.ScalarNode || key.Style&yaml.TaggedStyle != 0:
			d.fault(spot{at.path, key.Line}, "a key must be plain text", "")
		case key.Tag == "!!merge":
			d.fault(spot{at.path, key.Line}, "merge keys (<<) are not supported; write the keys out", "")
		case key.Tag == "!!null":
			d.fault(spot{at.path, key.Line}, "a key is missing before the colon", "")
		case again:
			d.fault(at.under(visible(key.Value), key.Line), d.duplicate(line), "")
		default:
			first[key.Value] = key.Line
			entry(key, n.Content[i+1])
		}
	}
}

func (d *decoder) duplicate(line int) string {
	if !d.numbers {
		return "given twice"
	}
	return fmt.Sprintf("given twice, first in line %d", line)
}

func (d *decoder) structure(n *yaml.Node, v reflect.Value, at spot) {
	if n.Kind != yaml.MappingNode {
		d.wrong(n, structShape, at)
		return
	}
	fields := d.fieldsOf(v.Type())
	given := map[string]member{}
	d.pairs(n, at, func(key, value *yaml.Node) {
		f := named(fields, key.Value)
		if f == nil || f.shape == secretShape {
			given[key.Value] = member{key, value}
			return
		}
		d.value(value, v.FieldByIndex(f.index), at.under(key.Value, key.Line))
	})
	for _, f := range fields {
		if f.shape != secretShape {
			continue
		}
		fileKey := f.fileKey(fields)
		d.secret(given[f.name], given[fileKey], v.FieldByIndex(f.index), at)
		delete(given, f.name)
		delete(given, fileKey)
	}
	for _, m := range given {
		d.unknown(m, fields, at)
	}
}

// member is a key with its value; the zero value means that it was not given.
type member struct{ key, value *yaml.Node }

func (m member) spot(at spot) spot { return at.under(m.key.Value, m.key.Line) }

func (d *decoder) unknown(m member, fields []field, at spot) {
	if d.full {
		return
	}
	suggestion := nearest(m.key.Value, acceptedKeys(fields))
	if suggestion == "" {
		suggestion = elsewhere(d.root, m.key.Value)
	}
	name := visible(m.key.Value)
	holdsSecrets := false
	for _, f := range fields {
		holdsSecrets = holdsSecrets || f.shape == secretShape
	}
	if holdsSecrets && suggestion == "" && isNull(m.value) {
		name = "…" // probably a value that lost its key, and so maybe a secret
	}
	d.fault(at.under(name, m.key.Line), "unknown key", suggestion)
}

// visible is the part of an unknown key that looks like a key. What follows
// may be a value: in {password:hunter2} all of it is the key.
func visible(key string) string {
	const most = 64
	end := strings.IndexFunc(key, func(r rune) bool {
		return r != '_' && r != '-' && r != '.' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	})
	if end < 0 {
		end = len(key)
	}
	if end = min(end, most); end < len(key) {
		return key[:end] + "…"
	}
	return key
}
