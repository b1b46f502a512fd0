package s3

import (
	"strconv"
	"strings"

	"tollgate/proxy/sigv4"
	"tollgate/tokens"
)

// Bounds of a query.
const (
	maxArguments  = 32
	maxPartNumber = 10_000 // https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
)

// argument is one argument of a query. The value is raw; its escapes are well
// formed.
type argument struct{ name, value string }

// arguments is a query.
type arguments struct {
	few      [8]argument // the first, which most often are all
	more     []argument
	n        int
	selector string // the one argument that selects the operation
	raises   bool   // an argument asks for what only all rights give
}

// at returns one of the n arguments, in the order of the query.
func (a *arguments) at(i int) argument {
	if i < len(a.few) {
		return a.few[i]
	}
	return a.more[i-len(a.few)]
}

// read takes a raw query apart. What several readers see differently is
// refused: a semicolon, which some take for an ampersand, malformed escapes,
// names that are escaped, and the same name twice, also in another case.
func (a *arguments) read(raw string) error {
	if raw == "" {
		return nil
	}
	if strings.IndexByte(raw, ';') >= 0 || !isText(raw) {
		return sigv4.Faultf(ErrInvalidArgument, "The query has a semicolon or control character that is not encoded, or is no UTF-8.")
	}
	for raw != "" {
		var pair string
		pair, raw, _ = strings.Cut(raw, "&")
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		if err := a.add(name, value); err != nil {
			return err
		}
	}
	return nil
}

func (a *arguments) add(name, value string) error {
	switch {
	case a.n == maxArguments:
		return sigv4.Faultf(ErrInvalidArgument, "The query has more than %d arguments.", maxArguments)
	case name == "" || strings.ContainsAny(name, "%+#"):
		return sigv4.Faultf(ErrInvalidArgument, "The name of the argument %q is empty or escaped.", quoted(name))
	case !wellEscaped(value):
		return sigv4.Faultf(ErrInvalidArgument, "The argument %q has a %% that is followed by no two hex digits.", quoted(name))
	}
	for i := range a.n {
		if strings.EqualFold(a.at(i).name, name) {
			return sigv4.Faultf(ErrInvalidArgument, "The argument %q is there twice.", quoted(name))
		}
	}
	if a.n < len(a.few) {
		a.few[a.n] = argument{name, value}
	} else {
		a.more = append(a.more, argument{name, value})
	}
	a.n++
	if !isSelector(name) {
		return a.hoist(name, value)
	}
	if a.selector != "" {
		return sigv4.Faultf(ErrUnknownOperation, "The arguments ?%s and ?%s name two operations at once.", a.selector, name)
	}
	a.selector = name
	return nil
}

// wellEscaped reports whether every % begins an escape.
func wellEscaped(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && !isEscape(s[i:]) {
			return false
		}
	}
	return true
}

// value returns the raw value of an argument, and whether it is there.
func (a *arguments) value(name string) (string, bool) {
	for i := range a.n {
		arg := a.at(i)
		if arg.name == name {
			return arg.value, true
		}
	}
	return "", false
}

func (a *arguments) has(name string) bool {
	_, ok := a.value(name)
	return ok
}

// hasAll reports whether every name of a list is there.
func (a *arguments) hasAll(names string) bool {
	if names == "" {
		return true
	}
	for name := range strings.FieldsSeq(names) {
		if !a.has(name) {
			return false
		}
	}
	return true
}

// check holds that every argument belongs to the operation and has a value
// that every storage reads alike.
func (a *arguments) check(o *operation) error {
	if o.form && a.n > 0 {
		// A form carries all that it says in its fields, which its policy covers.
		return sigv4.Faultf(ErrUnknownOperation, "%s has no argument %q, nor any other.", o.name, quoted(a.at(0).name))
	}
	for i := range a.n {
		arg := a.at(i)
		if arg.name != o.sub && !hasWord(o.with, arg.name) && !hasWord(o.args, arg.name) && !isHoisted(arg.name) {
			return sigv4.Faultf(ErrUnknownOperation, "%s has no argument %q.", o.name, quoted(arg.name))
		}
		if !isValue(arg.name, arg.value) {
			return sigv4.Faultf(ErrInvalidArgument, "The argument %s cannot be %q.", quoted(arg.name), quoted(arg.value))
		}
	}
	return nil
}

// arePublic reports whether a request may have the arguments that nobody
// signed for: it asks for no version but the current one, and for no other
// headers than were stored with the object (AWS refuses that to the anonymous
// too, since it would let anybody choose how a browser reads the object).
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
func (a *arguments) arePublic() bool {
	for i := range a.n {
		arg := a.at(i)
		if arg.name == "versionId" || strings.HasPrefix(arg.name, "response-") {
			return false
		}
	}
	return true
}

// arePaged reports whether they ask for a page of the list of buckets.
func (a *arguments) arePaged() bool { return a.has("max-buckets") || a.has("continuation-token") }

// stranger returns the first argument that no operation has, or "".
func (a *arguments) stranger() string {
	for i := range a.n {
		arg := a.at(i)
		if !isKnown(arg.name) && !isHoisted(arg.name) {
			return arg.name
		}
	}
	return ""
}

// isValue holds that an argument on which the reading of the operation rests
// has a value that leaves no doubt: MinIO reads partNumber=x as PutObject,
// and ?tagging=x is no sub-resource to some.
func isValue(name, value string) bool {
	switch name {
	case "list-type", "select-type":
		return value == "2"
	case "partNumber":
		n, err := strconv.Atoi(value)
		return err == nil && 1 <= n && n <= maxPartNumber && value[0] != '+'
	case "uploadId":
		return value != "" && isIdentifier(value)
	case "versionId":
		return isIdentifier(value)
	default:
		return value == "" || !isSelector(name)
	}
}

// isIdentifier reports whether a raw identifier, which storages on file
// systems make a file name of, cannot leave its folder.
func isIdentifier(raw string) bool {
	plain, ok := decode(raw)
	return ok && isFileName(plain)
}

func isFileName(s string) bool {
	return isText(s) && !strings.ContainsAny(s, `/\`) && s != "." && s != ".."
}

// hasWord reports whether a list of words that are separated by spaces has
// one.
func hasWord(list, word string) bool {
	for w := range strings.SplitSeq(list, " ") {
		if w == word && w != "" {
			return true
		}
	}
	return false
}

// prefixNames returns what a listing shows: what begins with bucket/prefix. A
// plus in the prefix is a space to some storages and a plus to others: both
// are needed.
func (a *arguments) prefixNames(bucket string, n tokens.Name) ([]tokens.Name, error) {
	raw, _ := a.value("prefix")
	names := make([]tokens.Name, 0, 1)
	for _, reading := range readings(raw) {
		prefix, ok := decode(reading)
		if !ok || !isText(prefix) || climbs(prefix) {
			return nil, sigv4.Faultf(ErrInvalidArgument, "The prefix %q has control characters or a segment . or .. or is no UTF-8.", quoted(raw))
		}
		n.Resource = bucket + "/" + prefix
		names = append(names, n)
	}
	return names, nil
}

// climbs reports whether a prefix has dot segments. A last one of . is none:
// it is how names that begin with a dot are listed.
func climbs(prefix string) bool {
	last := strings.LastIndexAny(prefix, `/\\`)
	return last > 0 && hasDotSegment(prefix[:last]) || prefix[last+1:] == ".."
}

// readings returns the ways in which a value with pluses can be read.
func readings(raw string) []string {
	if strings.IndexByte(raw, '+') < 0 {
		return []string{raw}
	}
	return []string{raw, strings.ReplaceAll(raw, "+", "%20")}
}
