package tokens

import "fmt"

// Secret is a string that must not be seen: a token's value, a password, a
// key. Printed, formatted or marshalled it comes out as ***; only Reveal gives
// the text. It is not safe where fmt and encoding/json do not ask a value how it
// prints: under a verb that is wrong for it (%p, %w) or for what holds it (%s
// for a pointer to a struct), in unexported fields, and as the key of a map.
type Secret string

// Reveal returns the text itself.
func (s Secret) Reveal() string { return string(s) }

// String returns ***.
func (Secret) String() string { return "***" }

// Format implements fmt.Formatter, so that no verb prints the text.
func (Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("***")) }

// MarshalText returns ***, for JSON, YAML and every other encoding.
func (Secret) MarshalText() ([]byte, error) { return []byte("***"), nil }
