package conf

import (
	"cmp"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// variable is a key that the environment can set.
type variable struct {
	name  string // of the variable
	path  string // of the key
	steps []field
	file  bool   // names the file of the secret that steps lead to
	text  string // what the environment says
}

// variables lists them all. Two keys may have the same name; see environment.
func (d *decoder) variables(t reflect.Type, steps []field, stack []reflect.Type, path string) []variable {
	if slices.Contains(stack, t) {
		return nil
	}
	stack = append(stack, t)
	var all []variable
	fields := d.fieldsOf(t)
	for _, f := range fields {
		own := append(slices.Clone(steps), f)
		key := spot{path: path}.under(f.name, 0).path
		all = append(all, variable{name: d.variableName(key), path: key, steps: own})
		if k := f.fileKey(fields); k != "" {
			file := spot{path: path}.under(k, 0).path
			all = append(all, variable{name: d.variableName(file), path: file, steps: own, file: true})
		}
		if inner := base(f.typ); shapeOf(inner) == structShape {
			all = append(all, d.variables(inner, own, stack, key)...)
		}
	}
	return all
}

func (d *decoder) variableName(path string) string {
	return d.src.Prefix + strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace(path))
}

// environment decodes the variables over what is in root, those for shorter
// paths first.
func (d *decoder) environment(root reflect.Value) {
	if d.src.Prefix == "" {
		return
	}
	byName := map[string][]variable{}
	for _, v := range d.variables(d.root, nil, nil, "") {
		byName[v.name] = append(byName[v.name], v)
	}
	var found []variable
	seen := map[string]bool{}
	for _, pair := range d.src.Environ {
		name, text, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(name, d.src.Prefix) || seen[name] {
			continue
		}
		seen[name] = true
		if v, ok := d.lookUp(byName, name, text); ok {
			found = append(found, v)
		}
	}
	// The name of a longer path begins with that of the shorter one.
	slices.SortFunc(found, func(a, b variable) int { return cmp.Compare(a.name, b.name) })
	d.overlay = true
	for _, v := range d.withoutDoubles(found) {
		d.from(v.name, v.text)
		d.set(v, root)
	}
}

// from makes a variable the source of what follows. A line is worth naming
// only in a value that has several.
func (d *decoder) from(name, text string) {
	d.source = "environment " + oneLine(name)
	d.numbers = strings.Contains(text, "\n")
}

func (d *decoder) lookUp(byName map[string][]variable, name, text string) (variable, bool) {
	d.from(name, text)
	vs := byName[name]
	switch {
	case len(vs) > 1:
		d.fault(spot{}, "stands for both "+vs[0].path+" and "+vs[1].path+"; set the key in the file", "")
	case len(vs) == 0:
		d.unknownVariable(byName, name, text)
	case !utf8.ValidString(text):
		d.fault(spot{path: vs[0].path}, "not UTF-8 text", "")
	default:
		v := vs[0]
		v.text = text
		return v, true
	}
	return variable{}, false
}

func (d *decoder) unknownVariable(byName map[string][]variable, name, text string) {
	for _, pattern := range d.src.Ignore {
		start, isPattern := strings.CutSuffix(pattern, "*")
		if name == pattern || isPattern && strings.HasPrefix(name, start) {
			return
		}
	}
	rest := strings.TrimPrefix(name, d.src.Prefix)
	if isServiceLink(rest, text) {
		return
	}
	names := make([]string, 0, len(byName))
	for n := range byName {
		names = append(names, strings.TrimPrefix(n, d.src.Prefix))
	}
	slices.Sort(names)
	suggestion := nearest(rest, names)
	if suggestion != "" {
		suggestion = d.src.Prefix + suggestion
	}
	d.fault(spot{}, "unknown variable", suggestion)
}

// isServiceLink tells whether Kubernetes put the variable there, as it does
// for a Service whose name begins as the prefix does. See
// https://kubernetes.io/docs/tutorials/services/connect-applications-service/#environment-variables
func isServiceLink(rest, text string) bool {
	if (rest == "PORT" || strings.HasSuffix(rest, "_PORT")) && strings.Contains(text, "://") {
		return true
	}
	ok, err := regexp.MatchString(`^([A-Z0-9_]+_)?(SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)|PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$`, rest)
	return ok && err == nil
}

// withoutDoubles reports secrets given both ways and leaves both out. An empty
// variable counts as not given beside its other form.
func (d *decoder) withoutDoubles(found []variable) []variable {
	values, files := map[string]string{}, map[string]string{}
	for _, v := range found {
		if v.file {
			files[strings.TrimSuffix(v.path, "_file")] = v.text
		} else {
			values[v.path] = v.text
		}
	}
	return slices.DeleteFunc(found, func(v variable) bool {
		if !v.file {
			return files[v.path] != ""
		}
		value := strings.TrimSuffix(v.path, "_file")
		if v.text == "" || values[value] == "" {
			return false
		}
		d.from(v.name, v.text)
		d.fault(spot{path: v.path}, "given beside "+d.variableName(value)+"; give one of the two", "")
		return true
	})
}

// set decodes one variable.
func (d *decoder) set(v variable, root reflect.Value) {
	target := root
	for i, step := range v.steps {
		target = target.FieldByIndex(step.index)
		if i == len(v.steps)-1 {
			break
		}
		for target.Kind() == reflect.Pointer {
			if v.text == "" && target.IsNil() {
				return
			}
			target = d.pointee(target)
		}
	}
	at := spot{path: v.path, line: 1}
	switch {
	case v.file && v.text != "":
		d.written(at, textShape)
		d.fromFile(v.text, strings.TrimSuffix(v.path, "_file"), at, target)
	case v.file:
		d.written(at, textShape)
	default:
		d.setVariable(v.text, target, at)
	}
}

func (d *decoder) setVariable(text string, target reflect.Value, at spot) {
	s := shapeOf(base(target.Type()))
	if s.isNested() {
		d.setYAML(text, target, at)
		return
	}
	if s != textShape && s != secretShape {
		text = strings.TrimSpace(text)
		if text == "" {
			d.written(at, s)
			d.null(target, shapeOf(target.Type()), at)
			return
		}
	}
	d.written(at, s)
	delete(d.pending, at.path)
	for target.Kind() == reflect.Pointer {
		target = d.pointee(target)
	}
	if problem := setText(target, s, text); problem != "" {
		d.fault(at, complaint(problem, s, quoted(text)), "")
	}
}

func (d *decoder) setYAML(text string, target reflect.Value, at spot) {
	if len(text) > MaxFileSize {
		d.fault(at, "the value is larger than 4 MiB", "")
		return
	}
	n, problem, line := parse([]byte(text))
	if problem != "" {
		d.fault(spot{at.path, line}, problem, "")
		return
	}
	if n == nil {
		d.null(target, shapeOf(target.Type()), at)
		return
	}
	d.value(n, target, at)
}
