package upstream

import (
	"bytes"
	"errors"
	"net/http"
	"strings"
)

const (
	maxChunkLine   = 1 << 10 // size and extensions
	maxSizeDigits  = 15      // of a chunk: less than 2^60 bytes
	maxTrailer     = 4 << 10 // all of it
	maxChunkExcess = 8 << 10 // bytes around the data beyond the tolerable
)

var errChunk = errors.New("malformed chunk")

// chunkStage is what comes next in a body in chunks.
type chunkStage uint8

const (
	chunkSize chunkStage = iota
	chunkPadding
	chunkExtension
	chunkLineEnd // LF
	chunkData
	chunkDataCR
	chunkDataLF
	chunkTrailer
	chunksOver
)

// chunks reads a body in chunks (RFC 9112, 7.1) as it comes. The zero chunks
// stands at the beginning.
type chunks struct {
	stage   chunkStage
	digits  int   // of the size that is being read
	line    int   // bytes of the line that is being read
	left    int64 // of the chunk
	excess  int64
	trailer []byte
}

// decode takes what came, and returns the data in it, which it moves together
// in place, and how many bytes it used: all unless the body is over.
func (c *chunks) decode(b []byte) (data []byte, used int, err error) {
	start, end := 0, 0 // of the data in b
	for used < len(b) && c.stage != chunksOver {
		switch c.stage {
		case chunkData:
			n := int(min(c.left, int64(len(b)-used)))
			if end == start {
				start, end = used, used
			}
			if end != used {
				copy(b[end:], b[used:used+n])
			}
			end, used = end+n, used+n
			if c.left -= int64(n); c.left == 0 {
				c.stage = chunkDataCR
			}
		case chunkTrailer:
			n, err := c.takeTrailer(b[used:])
			if err != nil {
				return b[start:end], used, err
			}
			used += n
		default:
			if err := c.take(b[used]); err != nil {
				return b[start:end], used, err
			}
			used++
		}
	}
	return b[start:end], used, nil
}

func (c *chunks) over() bool { return c.stage == chunksOver }

// take takes one byte that is not data.
func (c *chunks) take(b byte) error {
	switch c.stage {
	case chunkSize, chunkPadding, chunkExtension:
		return c.takeLine(b)
	case chunkLineEnd:
		if b != '\n' {
			return errChunk
		}
		return c.begin()
	case chunkDataCR:
		if b != '\r' {
			return errChunk
		}
		c.stage = chunkDataLF
	case chunkDataLF:
		if b != '\n' {
			return errChunk
		}
		c.stage, c.digits, c.line = chunkSize, 0, 0
	default:
		return errChunk
	}
	return nil
}

// takeLine takes a byte of the line that begins a chunk. Blanks after the size
// are ignored, as some servers pad it.
func (c *chunks) takeLine(b byte) error {
	if c.line++; c.line > maxChunkLine {
		return errChunk
	}
	switch {
	case b == '\r' && c.digits > 0:
		c.stage = chunkLineEnd
	case c.stage == chunkExtension:
		return inExtension(b)
	case isBlank(b) && c.digits > 0:
		c.stage = chunkPadding
	case c.stage == chunkPadding:
		return errChunk
	case b == ';' && c.digits > 0:
		c.stage = chunkExtension
	default:
		return c.takeDigit(b)
	}
	return nil
}

// inExtension lets all pass that is no end of a line: extensions are ignored.
func inExtension(b byte) error {
	if b == '\n' || b == 0 {
		return errChunk
	}
	return nil
}

func (c *chunks) takeDigit(b byte) error {
	value := strings.IndexByte("0123456789abcdef", b|0x20)
	if b < '0' || value < 0 {
		return errChunk
	}
	if c.digits++; c.digits > maxSizeDigits {
		return errChunk
	}
	c.left = c.left<<4 | int64(value)
	return nil
}

// begin begins a chunk, unless its server sends next to nothing but overhead.
// 16 bytes for each chunk and twice the data are allowed, as in net/http.
func (c *chunks) begin() error {
	c.excess = max(c.excess+int64(c.line)+2-16-2*c.left, 0)
	if c.excess > maxChunkExcess {
		return errChunk
	}
	c.stage = chunkData
	if c.left == 0 {
		c.stage = chunkTrailer
	}
	return nil
}

// takeTrailer takes lines after the last chunk, up to an empty one.
func (c *chunks) takeTrailer(b []byte) (int, error) {
	for i, octet := range b {
		if len(c.trailer) >= maxTrailer {
			return i, errChunk
		}
		c.trailer = append(c.trailer, octet)
		if octet != '\n' {
			continue
		}
		switch n := len(c.trailer); {
		case n < 2 || c.trailer[n-2] != '\r':
			return i, errLineEnd
		case n == 2 || bytes.HasSuffix(c.trailer, []byte("\r\n\r\n")):
			c.stage = chunksOver
			return i + 1, nil
		}
	}
	return len(b), nil
}

// addTrailer adds the fields of the trailer to those that were announced.
func (c *chunks) addTrailer(announced http.Header) (http.Header, error) {
	if len(c.trailer) <= 2 {
		return announced, nil
	}
	var head answerHead
	switch n, err := head.scanFields(c.trailer); {
	case err != nil:
		return nil, err
	case n != len(c.trailer):
		return nil, errLineEnd
	}
	head.addFields(c.trailer)
	if announced == nil {
		announced = make(http.Header)
	}
	for _, f := range head.fields {
		announced[f.name] = append(announced[f.name], f.value)
	}
	return announced, nil
}
