package proxy

import (
	"bytes"
	"encoding/xml"
	"net/http"
	"strings"
)

// masker takes the storage's access key out of XML that goes by. Some
// storages call the owner of a bucket or an object by it. The length stays,
// and only an ID or a name in full is taken for it, so that a key which
// happens to hold the same letters is left alone. A copy of one that has seen
// nothing masks another text.
type masker struct {
	patterns [2][]byte // what an owner looks like
	masks    [2][]byte // the same without the access key
	longest  int
	pending  []byte // what may be the beginning of a pattern
}

func newMasker(accessKey string) masker {
	var escaped bytes.Buffer
	_ = xml.EscapeText(&escaped, []byte(accessKey)) // a Buffer takes everything
	var m masker
	hidden := strings.Repeat("*", escaped.Len())
	for i, name := range [...]string{"ID", "DisplayName"} {
		m.patterns[i] = []byte("<" + name + ">" + escaped.String() + "</" + name + ">")
		m.masks[i] = []byte("<" + name + ">" + hidden + "</" + name + ">")
		m.longest = max(m.longest, len(m.patterns[i]))
	}
	return m
}

// mask returns what can go on of what has come so far. The slice is good until
// the next call.
func (m *masker) mask(p []byte) []byte {
	all := m.whole(append(m.pending, p...))
	keep := min(len(all), m.longest-1)
	ready := all[:len(all)-keep]
	m.pending = bytes.Clone(all[len(all)-keep:])
	return ready
}

// rest returns what was kept back when nothing more comes.
func (m *masker) rest() []byte {
	rest := m.pending
	m.pending = nil
	return rest
}

// whole masks a text that is there in full.
func (m *masker) whole(text []byte) []byte {
	for i, pattern := range m.patterns {
		text = bytes.ReplaceAll(text, pattern, m.masks[i])
	}
	return text
}

// write sends what has come on to w, masked. It says what of p it took.
func (m *masker) write(w http.ResponseWriter, p []byte) (int, error) {
	if ready := m.mask(p); len(ready) > 0 {
		if _, err := w.Write(ready); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}
