package s3

import (
	"net/http"
	"strings"

	"tollgate/proxy/sigv4"
	"tollgate/tokens"
)

// Request is what of a request says the operation. The values of x-amz-
// headers are taken as they stand, so all of them must be signed for.
type Request struct {
	Method  string
	Address Address     // from AddressOf
	Query   string      // raw, already without the arguments of authentication
	Header  http.Header // names as net/http has them
}

// Body says what the body of a request is, and so how it is read before the
// storage sees it. The zero Body is none.
type Body uint8

// The bodies.
const (
	// NoBody: the operation takes none.
	NoBody Body = iota
	// Object: the data of an object or part, of any size.
	Object
	// DeleteList: read by DeleteNames.
	DeleteList
	// CompleteList: read by CheckComplete.
	CompleteList
	// Document: another XML document, or nothing at all: read by
	// DocumentNames.
	Document
	// Policy: a document in JSON of at most MaxPolicy bytes, which names
	// nothing outside the bucket.
	Policy
	// Form: a form with a file. Its object is named in the form.
	Form
)

// Answer says what must be done to the storage's answer. The zero Answer is
// AsIs.
type Answer uint8

// The answers.
const (
	// AsIs: the answer concerns only what was asked for.
	AsIs Answer = iota
	// BucketList: FilterBuckets must take off what the caller may not see.
	BucketList
)

// Preflight is the name of the operation that every OPTIONS request is. It
// names nothing; whether it is answered is decided elsewhere.
const Preflight = "Preflight"

// Operation is what a request asks for. The zero Operation names nothing and
// must be refused; of those that OperationOf returns only Preflight names
// nothing.
type Operation struct {
	// Name is the name of AWS's API: GetObject, ListObjectsV2.
	Name string
	// Names is every bucket and object that the request itself names, its
	// own address first. All are needed.
	Names  []tokens.Name
	Body   Body
	Answer Answer
	// Public: a rule for the public may allow it. It touches nothing but the
	// current version of what it names, and the answer is as it was stored.
	Public bool
	// Paged: ListBuckets for a part of the list. Its pages are counted before
	// FilterBuckets takes anything off, and the token of a page can name a
	// bucket, so that it is not for callers who may not see every bucket.
	Paged bool
}

// OperationOf says what a request asks for. The error is ErrUnknownOperation,
// ErrInvalidArgument, ErrCopySource, ErrInvalidURI, or what AddressOf says of
// the copy source. An argument that selects an operation must be there once,
// and one only; an argument that the operation does not have is refused.
func OperationOf(r Request) (Operation, error) {
	if r.Method == http.MethodOptions {
		return Operation{Name: Preflight}, nil
	}
	var args arguments
	if err := args.read(r.Query); err != nil {
		return Operation{}, err
	}
	var marks marks
	if err := marks.read(&r); err != nil {
		return Operation{}, err
	}
	o, err := operationFor(&r, &args, &marks)
	if err != nil {
		return Operation{}, err
	}
	names, err := namesOf(&r, o, &args, &marks)
	if err != nil {
		return Operation{}, err
	}
	raised := args.raises || marks.raises
	if raised {
		raise(&names[0])
	}
	return Operation{
		Name: o.name, Names: names, Body: o.body, Answer: o.answer,
		Public: o.public && args.arePublic() && !raised && !marks.extracts,
		Paged:  o.answer == BucketList && args.arePaged(),
	}, nil
}

// operationFor finds the row of the table, and holds that the request has
// nothing that the row does not have.
func operationFor(r *Request, args *arguments, marks *marks) (*operation, error) {
	level := levelOf(r.Address)
	for _, o := range operationIndex.rows[methodOf(r.Method)][level] {
		if o.sub != args.selector || o.copies != marks.copies || o.form != marks.form || !args.hasAll(o.with) {
			continue
		}
		if marks.copyDetails && !o.copies {
			return nil, sigv4.Faultf(ErrUnknownOperation, "%s takes no x-amz-copy-source headers.", o.name)
		}
		if marks.forced && !o.force {
			return nil, sigv4.Faultf(ErrUnknownOperation, "%s cannot be forced.", o.name)
		}
		return o, args.check(o)
	}
	return nil, sigv4.Faultf(ErrUnknownOperation, "%s", unknown(r, level, args, marks))
}

// unknown describes a request that no row fits.
func unknown(r *Request, level level, args *arguments, marks *marks) string {
	var b strings.Builder
	b.WriteString(quoted(r.Method) + " on the " + level.String())
	if args.selector != "" {
		b.WriteString(" with ?" + args.selector)
	}
	if marks.copies {
		b.WriteString(" with x-amz-copy-source")
	}
	if marks.form {
		b.WriteString(" with a form")
	}
	b.WriteString(" is no operation that is known here")
	if name := args.stranger(); name != "" {
		b.WriteString(", and neither is the argument " + quoted(name))
	}
	b.WriteString(".")
	return b.String()
}

// namesOf returns what the request names with what is needed on each.
func namesOf(r *Request, o *operation, args *arguments, marks *marks) ([]tokens.Name, error) {
	own := tokens.Name{Needs: o.needs, Reach: o.reach}
	switch o.reach {
	case tokens.Under:
		return args.prefixNames(r.Address.Bucket, own)
	case tokens.Exact, tokens.Whole, tokens.Within, tokens.Everywhere:
		own.Resource = r.Address.Resource()
	default:
		return nil, sigv4.Faultf(ErrUnknownOperation, "%s reaches nothing.", o.name)
	}
	names := append(make([]tokens.Name, 0, 1), own)
	if marks.copies {
		sources, err := copySourceNames(marks.copySource)
		if err != nil {
			return nil, err
		}
		names = append(names, sources...)
	}
	if marks.forced {
		// What is deleted by force goes with all that lies below.
		below := r.Address.Bucket + "/" + r.Address.Key
		names = append(names, tokens.Name{Resource: below, Needs: tokens.StorageDelete, Reach: tokens.Under})
	}
	if marks.extracts {
		// The members of the archive become objects anywhere in the bucket.
		names = append(names, tokens.Name{Resource: r.Address.Bucket + "/", Needs: tokens.StorageWrite, Reach: tokens.Under})
	}
	return names, nil
}

// raise asks for every right on what a request is about, since it carries
// what only they give: locks, their bypass, or access for others. What is
// named in a body that is still to come is raised with the whole bucket.
func raise(n *tokens.Name) {
	n.Needs = tokens.StorageAll
	if n.Reach == tokens.Within {
		n.Reach = tokens.Whole
	}
}
