package conf

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"
)

// secretFile is a secret to be read once all sources have had their say.
type secretFile struct {
	name   string
	at     spot // the _file key
	source string
	target reflect.Value
}

// secret sets a secret from its own key or from the one that names its file;
// an empty one of the two counts as not given.
func (d *decoder) secret(value, file member, v reflect.Value, at spot) {
	var name string
	if file.key != nil {
		d.value(file.value, reflect.ValueOf(&name).Elem(), file.spot(at))
	}
	if name != "" && value.key != nil && holds(value.value) {
		d.fault(file.spot(at), "given beside "+value.key.Value+"; give one of the two", "")
		return
	}
	if value.key != nil {
		d.value(value.value, v, value.spot(at))
		if name == "" && !isNull(resolved(value.value)) {
			delete(d.pending, value.spot(at).path)
		}
	}
	if name != "" {
		d.fromFile(name, strings.TrimSuffix(file.spot(at).path, "_file"), file.spot(at), v)
	}
}

func holds(n *yaml.Node) bool {
	n = resolved(n)
	return n.Kind != yaml.ScalarNode || n.Value != "" && !isNull(n)
}

func (d *decoder) fromFile(name, path string, at spot, v reflect.Value) {
	if !d.numbers {
		at.line = 0
	}
	d.pending[path] = secretFile{name, at, d.source, v}
	d.written(spot{path, at.line}, secretShape)
}

// readSecrets reads the files of all secrets that are still to be.
func (d *decoder) readSecrets() {
	read := d.src.ReadFile
	if read == nil {
		read = func(name string) ([]byte, error) { return readAtMost(name, maxSecretFile) }
	}
	d.numbers = true // fromFile has seen to it that they are right
	for path, s := range d.pending {
		d.source = s.source
		content, err := read(s.name)
		if err != nil {
			d.broken[path] = true
			d.fault(s.at, "cannot read "+brief(s.name)+": "+reason(err), "")
			continue
		}
		text := strings.TrimSuffix(strings.TrimSuffix(string(content), "\n"), "\r")
		if text == "" {
			d.broken[path] = true
			d.fault(s.at, "the file "+brief(s.name)+" is empty", "")
			continue
		}
		s.target.SetString(text)
	}
}

// reason takes the operation and path off an error of the file system, which
// the message has said already.
func reason(err error) string {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return brief(err.Error())
}

// readAtMost refuses a file of more than limit bytes.
func readAtMost(name string, limit int64) (content []byte, err error) {
	f, err := os.Open(name) //nolint:gosec // The operator's own configuration names the file.
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	content, err = io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(content)) > limit {
		return nil, fmt.Errorf("larger than %d bytes", limit)
	}
	return content, nil
}
