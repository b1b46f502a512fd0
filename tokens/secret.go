package tokens

import "fmt"

// Secret is a string that must not be seen: a token's value, a password, a
// key. However it is printed, formatted or marshalled, *** comes out; only
// Reveal gives the text.
type Secret string

// Reveal returns the text itself.
func (s Secret) Reveal() string { return string(s) }

// String returns ***.
func (Secret) String() string { return "***" }

// Format implements fmt.Formatter, so that no verb prints the text.
func (Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("***")) }

// MarshalText returns ***, for JSON, YAML and every other encoding.
func (Secret) MarshalText() ([]byte, error) { return []byte("***"), nil }
