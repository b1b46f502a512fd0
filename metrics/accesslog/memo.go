package accesslog

// memo keeps a field as it was last written: most values of a line, such as
// the name of the listener, are those of a line shortly before. To see that
// costs less than to look at each byte for what must not be written.
//
// What is written is a function of the text alone, so it does not matter whose
// line it was. A text that could not be written as it is is not kept: it may
// hold a secret.
type memo struct {
	text  []byte // a copy, which holds no buffer of a request
	field []byte // key, text and quotation marks
}

// name is appendName with a memory.
func (m *memo) name(b []byte, key, s string) []byte {
	if string(m.text) == s {
		return append(b, m.field...)
	}
	from := len(b)
	b, whole := appendName(b, key, s)
	return m.keep(b, from, s, whole)
}

// clientText is appendText with a memory.
func (m *memo) clientText(b []byte, key, s string, limit int) []byte {
	if string(m.text) == s {
		return append(b, m.field...)
	}
	from := len(b)
	b, whole := appendText(b, key, s, limit)
	return m.keep(b, from, s, whole)
}

// keep notes that the text s gave b[from:], and returns b.
func (m *memo) keep(b []byte, from int, s string, whole bool) []byte {
	if whole {
		m.text = append(m.text[:0], s...)
		m.field = append(m.field[:0], b[from:]...)
	}
	return b
}
