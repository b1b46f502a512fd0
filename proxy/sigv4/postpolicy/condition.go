package postpolicy

import (
	"encoding/json"
	"strings"

	"tollgate/proxy/sigv4"
)

// maxShown bounds what a refusal repeats of a policy or a form.
const maxShown = 512

// Conditions judges the form by its policy, for the bucket of the request's own
// address. Every condition must be met: one about a field that is not there is
// not, and one about the bucket is about that of the address, which a form field
// bucket must equal. Every field that AWS does not exempt must be covered by a
// condition, and the bucket must be. Check must have passed, else the error is
// ErrMisuse; all others are ErrPolicy. The length of the file is judged while
// it is read.
func (f *Form) Conditions(bucket string) error {
	f.bucket = ""
	if f.policy == nil || bucket == "" {
		return sigv4.Faultf(ErrMisuse, "The conditions of a form are judged for a bucket, after it was checked")
	}
	if sent, ok := f.Get(fieldBucket); ok && sent != bucket {
		return sigv4.Faultf(ErrPolicy, "The form field bucket is not the bucket of the request")
	}
	covered, err := f.meetAll(bucket)
	if err != nil {
		return err
	}
	if extra := f.extra(covered); extra != nil {
		return sigv4.Faultf(ErrPolicy, "Invalid according to Policy: Extra input fields: %s", clip(strings.Join(extra, ", ")))
	}
	f.bucket = bucket
	return nil
}

// meetAll judges every condition and returns the fields they are about, in
// lower case.
func (f *Form) meetAll(bucket string) (covered map[string]bool, err error) {
	covered = map[string]bool{}
	for _, c := range f.policy.conditions {
		lower := strings.ToLower(c.field)
		value, ok := f.Get(lower)
		if lower == fieldBucket {
			value, ok = bucket, true
		}
		if !ok || !c.meets(lower, value) {
			return nil, sigv4.Faultf(ErrPolicy, "Invalid according to Policy: Policy Condition failed: %s", c.shown())
		}
		covered[lower] = true
	}
	return covered, nil
}

// extra returns what should be covered and is not.
func (f *Form) extra(covered map[string]bool) []string {
	var names []string
	if !covered[fieldBucket] {
		names = append(names, fieldBucket)
	}
	for _, field := range f.fields {
		if !covered[field.lower] && !field.uncovered() && field.lower != fieldBucket {
			names = append(names, field.name)
		}
	}
	return names
}

// meets judges the value of the field, whose name comes in lower case. A
// Content-Type with commas is a list of which each item must have the
// beginning; other values are plain strings (sigv4-HTTPPOSTConstructPolicy.html).
func (c condition) meets(lower, value string) bool {
	if !c.named {
		return false
	}
	switch c.op {
	case equals:
		return value == c.value
	case startsWith:
		if lower != fieldContentType {
			return strings.HasPrefix(value, c.value)
		}
		for item := range strings.SplitSeq(value, ",") {
			if !strings.HasPrefix(item, c.value) {
				return false
			}
		}
		return true
	default:
		return false
	}
}

// shown is the condition as S3 repeats it in a refusal: a list, whatever it
// was, in the spelling of the policy. A key of encryption is left out.
func (c condition) shown() string {
	op, name, value := "eq", c.field, c.value
	if c.op == startsWith {
		op = "starts-with"
	}
	if c.named {
		name = "$" + name
	}
	if strings.EqualFold(c.field, fieldCustomerKey) {
		value = "***"
	}
	text := "["
	for i, item := range [...]string{op, name, value} {
		quoted, err := json.Marshal(clip(item))
		if err != nil {
			return "[]"
		}
		if i > 0 {
			text += ", "
		}
		text += string(quoted)
	}
	return text + "]"
}

// clip bounds a text to maxShown bytes.
func clip(s string) string {
	if len(s) <= maxShown {
		return s
	}
	return strings.ToValidUTF8(s[:maxShown], "") + "..."
}
