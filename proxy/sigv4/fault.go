package sigv4

import "fmt"

// Fault is a refusal with a sentence for the client. It is the kind of error
// that errors.Is finds, and the sentence says what was read and what is
// accepted. The sentence holds no secret and nothing that was computed with
// one.
type Fault struct {
	Kind    error
	Message string
}

// Faultf returns a Fault of a kind.
func Faultf(kind error, format string, args ...any) error {
	return &Fault{Kind: kind, Message: fmt.Sprintf(format, args...)}
}

// Error returns the kind and the sentence.
func (f *Fault) Error() string { return f.Kind.Error() + ": " + f.Message }

// Unwrap returns the kind.
func (f *Fault) Unwrap() error { return f.Kind }
