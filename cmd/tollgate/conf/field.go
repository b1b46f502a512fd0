package conf

import (
	"encoding"
	"reflect"
	"slices"
	"strings"
)

// shape is how a type is written in a configuration.
type shape uint8

const (
	noShape shape = iota // not a type for a configuration
	textShape
	boolShape
	intShape
	uintShape
	floatShape
	durationShape
	secretShape
	parsedShape // an encoding.TextUnmarshaler
	listShape
	mapShape
	structShape
	pointerShape
)

// String says what is expected, for messages.
func (s shape) String() string {
	names := [...]string{
		noShape: "nothing", textShape: "text", boolShape: "true or false", intShape: "a whole number",
		uintShape: "a whole number", floatShape: "a number", durationShape: "a duration like 30s",
		secretShape: "text", parsedShape: "text", listShape: "a list", mapShape: "a mapping",
		structShape: "a mapping", pointerShape: "nothing",
	}
	return names[s]
}

// isNumberOrBool tells whether quotes make something else of a value.
func (s shape) isNumberOrBool() bool {
	return s == boolShape || s == intShape || s == uintShape || s == floatShape
}

// isNested tells whether a variable holds YAML and not plain text.
func (s shape) isNested() bool {
	return s == listShape || s == mapShape || s == structShape
}

// shapeOf does not look behind pointers.
func shapeOf(t reflect.Type) shape {
	switch {
	case t == secretType():
		return secretShape
	case t == durationType():
		return durationShape
	case t.Kind() != reflect.Pointer && reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		return parsedShape
	}
	kinds := map[reflect.Kind]shape{
		reflect.String: textShape, reflect.Bool: boolShape,
		reflect.Int: intShape, reflect.Int8: intShape, reflect.Int16: intShape, reflect.Int32: intShape, reflect.Int64: intShape,
		reflect.Uint: uintShape, reflect.Uint8: uintShape, reflect.Uint16: uintShape, reflect.Uint32: uintShape, reflect.Uint64: uintShape,
		reflect.Float32: floatShape, reflect.Float64: floatShape,
		reflect.Slice: listShape, reflect.Struct: structShape, reflect.Pointer: pointerShape,
	}
	if t.Kind() == reflect.Map && t.Key().Kind() == reflect.String {
		return mapShape
	}
	return kinds[t.Kind()]
}

// base takes pointers off a type.
func base(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

// field is one key of a struct.
type field struct {
	name      string
	index     []int // for reflect's FieldByIndex
	typ       reflect.Type
	shape     shape
	omitempty bool
}

// fileKey is the key that names a secret's file, "" if the field has none.
func (f field) fileKey(all []field) string {
	key := f.name + "_file"
	if f.shape != secretShape || named(all, key) != nil {
		return ""
	}
	return key
}

func named(fields []field, name string) *field {
	i := slices.IndexFunc(fields, func(f field) bool { return f.name == name })
	if i < 0 {
		return nil
	}
	return &fields[i]
}

// fieldsOf lists the keys of a struct in its order, those of inline structs in
// their place. A field without a tag is named by its lower-cased Go name.
func fieldsOf(t reflect.Type) []field {
	var fields []field
	for i := range t.NumField() {
		sf := t.Field(i)
		name, options, _ := strings.Cut(sf.Tag.Get("yaml"), ",")
		if !sf.IsExported() && !sf.Anonymous || name == "-" {
			continue
		}
		if slices.Contains(strings.Split(options, ","), "inline") && sf.Type.Kind() == reflect.Struct {
			for _, f := range fieldsOf(sf.Type) {
				f.index = append([]int{i}, f.index...)
				fields = append(fields, f)
			}
			continue
		}
		if !sf.IsExported() {
			continue
		}
		if name == "" {
			name = strings.ToLower(sf.Name)
		}
		fields = append(fields, field{
			name: name, index: sf.Index, typ: sf.Type, shape: shapeOf(sf.Type),
			omitempty: strings.Contains(options, "omitempty"),
		})
	}
	return fields
}

// acceptedKeys are the keys a mapping for the struct may have.
func acceptedKeys(fields []field) []string {
	var keys []string
	for _, f := range fields {
		keys = append(keys, f.name)
		if k := f.fileKey(fields); k != "" {
			keys = append(keys, k)
		}
	}
	return keys
}

// Keys returns the paths of all keys of cfg, a struct or a pointer to one, in
// the order of its fields: keys with a value of their own, not the structs
// that hold them. Inside a list of structs a path reads "users[].name", inside
// a map of structs "limits.*.rate". The _file forms of secrets are not listed.
// A type inside itself is not followed. Anything but a struct has no keys.
func Keys(cfg any) []string {
	t := reflect.TypeOf(cfg)
	if t == nil || base(t).Kind() != reflect.Struct {
		return nil
	}
	var keys []string
	walk(base(t), "", nil, func(path string, leaf bool) {
		if leaf {
			keys = append(keys, path)
		}
	})
	return keys
}

func walk(t reflect.Type, prefix string, stack []reflect.Type, visit func(path string, leaf bool)) {
	if slices.Contains(stack, t) {
		return
	}
	stack = append(stack, t)
	for _, f := range fieldsOf(t) {
		path, inner, suffix := prefix+f.name, base(f.typ), ""
		for s := shapeOf(inner); s == listShape || s == mapShape; s = shapeOf(inner) {
			suffix += map[shape]string{listShape: "[]", mapShape: ".*"}[s]
			inner = base(inner.Elem())
		}
		leaf := shapeOf(inner) != structShape
		visit(path, leaf)
		if !leaf {
			walk(inner, path+suffix+".", stack, visit)
		}
	}
}
