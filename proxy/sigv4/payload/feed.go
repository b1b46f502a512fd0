package payload

import (
	"errors"
	"fmt"
	"io"

	"tollgate/proxy/sigv4"
)

// maxIdleReads is how often in a row a source may give neither bytes nor an
// error, as in bufio.
const maxIdleReads = 100

// feed reads a source: bytes before the error that came with them, and the
// error ever after.
type feed struct {
	src io.Reader
	err error
	one [1]byte
}

// read reads into p, which is not empty: at least one byte, or an error. The
// error is io.EOF only if that is what the source itself said.
func (f *feed) read(p []byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	if f.src == nil {
		return 0, errNoSource
	}
	for range maxIdleReads {
		n, err := f.src.Read(p)
		f.err = err
		if n > 0 {
			return n, nil
		}
		if err != nil {
			return 0, err
		}
	}
	f.err = io.ErrNoProgress
	return 0, f.err
}

// ended returns nil if the source gives no further byte and says io.EOF,
// what excess returns if there is a byte, and what read failed with otherwise.
func (f *feed) ended(excess func() error) error {
	_, err := f.read(f.one[:])
	if err == nil {
		return excess()
	}
	if err == io.EOF { //nolint:errorlint // a wrapped io.EOF is a failure, not an end
		return nil
	}
	return broken(err, "The body broke off at its end.")
}

// broken returns what to say when reading a body failed early: ErrIncomplete
// if it came to an end, else the error of the source, wrapped. What it returns
// never passes for io.EOF, so that a cut body never looks whole.
func broken(err error, format string, args ...any) error {
	switch {
	case errors.Is(err, io.EOF):
		return sigv4.Faultf(ErrIncomplete, format, args...)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w (%w)", sigv4.Faultf(ErrIncomplete, format, args...), err)
	default:
		return fmt.Errorf("read body: %w", err)
	}
}
