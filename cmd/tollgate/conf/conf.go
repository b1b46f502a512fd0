// Package conf loads a configuration into a struct that already holds the
// defaults: first the YAML file, then the environment over it. It is strict
// and complete: whatever it does not understand is a fault with file, line and
// key path, and all faults are reported at once. It knows no key of its own;
// the keys are the yaml tags of the struct it is given.
//
// Types a key may have: string, bool, integers, floats, time.Duration,
// tokens.Secret, every type whose pointer is an encoding.TextUnmarshaler,
// slices, maps with string keys, structs (also inline) and pointers to these.
package conf

import (
	"reflect"
	"slices"
	"time"

	"tollgate/tokens"
)

// MaxFileSize is the size in bytes above which a configuration is refused.
const MaxFileSize = 4 << 20

const (
	maxSecretFile = 1 << 20 // bytes read of the file of a secret
	maxDepth      = 64      // levels of nesting
	maxEntries    = 100_000 // entries of one list or mapping
	maxAliased    = 10_000  // values reached through aliases, in all
	maxFaults     = 1_000   // faults reported in all
)

// Defaulter is implemented by the pointer of a type that has defaults. It is
// called on every value that the configuration brings into being: entries of
// lists and maps, and structs behind a pointer that was nil. It is not called
// on what the struct given to Decode holds already.
type Defaulter interface {
	SetDefaults()
}

// Source is what Decode reads. The zero value is an empty configuration.
type Source struct {
	// File is the name of the file for messages; it is not opened.
	File string
	// Data is the content of File; empty means that nothing is set.
	Data []byte
	// Environ holds NAME=value pairs as os.Environ gives them; of two equal
	// names the first counts.
	Environ []string
	// Prefix is what the variables that concern us begin with, such as
	// "TOLLGATE_". Empty: the environment is not read.
	Prefix string
	// Ignore names variables with the prefix that are no keys. An entry that
	// ends in * stands for all names that begin so. The variables that
	// Kubernetes sets for services are ignored in any case.
	Ignore []string
	// ReadFile reads the file a secret is kept in; nil means the real file
	// system, up to 1 MiB. A relative name is relative to the working
	// directory.
	ReadFile func(name string) ([]byte, error)
}

// Decode sets what src says in into, a pointer to a struct that holds the
// defaults, and returns where each key was written and every fault found, in
// the order of file and line. With faults, into is filled as far as it could
// be; keys with faults keep their value.
//
// A list or map replaces the default one, a struct is set key by key. A null
// leaves a scalar as it is, empties a list or map and makes a pointer nil.
// For a key x that is a tokens.Secret, x_file names a file with its content;
// one newline at the end is taken off.
//
// Every key that is not inside a list or map is also the variable Prefix +
// path in upper case with _ between the levels: scalars as plain text, the
// rest as one YAML value. A variable beats the file, and one for a longer path
// beats one for a shorter path. An empty variable is a null, or empty text
// where the key takes text.
func Decode(into any, src Source) (*Origins, Faults) {
	d := &decoder{
		src:     src,
		source:  src.File,
		numbers: true,
		places:  map[string]place{},
		broken:  map[string]bool{},
		pending: map[string]secretFile{},
		fields:  map[reflect.Type][]field{},
	}
	root := reflect.ValueOf(into)
	if root.Kind() != reflect.Pointer || root.IsNil() || root.Elem().Kind() != reflect.Struct {
		d.fault(spot{}, "the configuration must be decoded into a pointer to a struct", "")
		return d.origins(), d.faults
	}
	d.root = root.Elem().Type()
	d.file(root.Elem())
	d.environment(root.Elem())
	d.readSecrets()
	for _, commit := range d.commits {
		commit()
	}
	if d.full {
		d.faults = append(d.faults, Fault{File: src.File, Message: "too many faults; the rest is not shown"})
	}
	d.faults.Sort()
	d.faults = slices.Compact(d.faults)
	return d.origins(), d.faults
}

// decoder is the state of one Decode.
type decoder struct {
	src     Source
	source  string // where the value being decoded was written, for faults
	numbers bool   // whether lines mean something in source
	overlay bool   // whether values may replace those of the file
	root    reflect.Type
	fields  map[reflect.Type][]field
	places  map[string]place
	broken  map[string]bool // key paths with a fault
	pending map[string]secretFile
	commits []func() // map entries to store once secrets have been read
	faults  Faults
	full    bool // maxFaults reached
	depth   int
	aliases int // how many aliases the current value is inside of
	aliased int // values reached through aliases
}

// spot is a key path and the line that it was written on.
type spot struct {
	path string
	line int
}

func (s spot) under(key string, line int) spot {
	if s.path == "" {
		return spot{key, line}
	}
	return spot{s.path + "." + key, line}
}

func (d *decoder) file(root reflect.Value) {
	if len(d.src.Data) > MaxFileSize {
		d.fault(spot{}, "the file is larger than 4 MiB", "")
		return
	}
	n, problem, line := parse(d.src.Data)
	if problem != "" {
		d.fault(spot{line: line}, problem, "")
		return
	}
	if n != nil {
		d.value(n, root, spot{line: n.Line})
	}
}

func (d *decoder) fault(at spot, message, suggestion string) {
	if at.path != "" {
		d.broken[at.path] = true
	}
	if len(d.faults) >= maxFaults {
		d.full = true
		return
	}
	if !d.numbers {
		at.line = 0
	}
	d.faults = append(d.faults, Fault{
		File: d.source, Line: at.line, Path: at.path, Message: message, Suggestion: suggestion,
	})
}

// written notes where a key was written. A struct keeps its first place, since
// a variable adds to it; everything else was replaced.
func (d *decoder) written(at spot, s shape) {
	if at.path == "" {
		return
	}
	if _, known := d.places[at.path]; known && s == structShape {
		return
	}
	if !d.numbers {
		at.line = 0
	}
	d.places[at.path] = place{d.source, at.line}
}

func (d *decoder) fieldsOf(t reflect.Type) []field {
	fs, known := d.fields[t]
	if !known {
		fs = fieldsOf(t)
		d.fields[t] = fs
	}
	return fs
}

func secretType() reflect.Type   { return reflect.TypeFor[tokens.Secret]() }
func durationType() reflect.Type { return reflect.TypeFor[time.Duration]() }
