package s3

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// Every row is in the index, in the order of the table, and nothing else.
func TestIndexIsTheTable(t *testing.T) {
	var found []*operation
	for method := range operationIndex.rows {
		for at, rows := range operationIndex.rows[method] {
			for i, o := range rows {
				if methodOf(o.method) != method || method == 0 || o.level != level(at) {
					t.Errorf("%s is at %d, %d", o.name, method, at)
				}
				before := slices.IndexFunc(operations, func(p operation) bool { return p.name == o.name && p.with == o.with })
				if i > 0 && slices.IndexFunc(operations, func(p operation) bool { return p.name == rows[i-1].name && p.with == rows[i-1].with }) >= before {
					t.Errorf("%s is out of order", o.name)
				}
			}
			found = append(found, rows...)
		}
	}
	if len(found) != len(operations) {
		t.Errorf("%d rows of %d", len(found), len(operations))
	}
	for i := range operations {
		if !slices.Contains(found, &operations[i]) {
			t.Errorf("%s is not found", operations[i].name)
		}
		if sub := operations[i].sub; isSelector(sub) != (sub != "") {
			t.Errorf("%q selects: %v", sub, sub == "")
		}
	}
	for _, method := range []string{"", "get", "PATCH", http.MethodOptions} {
		if methodOf(method) != 0 {
			t.Errorf("%q is a method of the table", method)
		}
	}
}

// The headers that are passed over at a glance mean nothing when they are
// read, whatever their value.
func TestHarmlessHeaders(t *testing.T) {
	for name, want := range map[string]bool{
		"X-Amz-Content-Sha256": true, "X-Amz-Date": true, "X-Forwarded-For": true, "Range": true, "Referer": true, "Accept": true,
		"User-Agent": true, "X": true, "": true, "Te": true,
		"x-amz-date": false, "X-Amz-Copy-Source": false, "X_Amz_Copy_Source": false, "x-amz-acl": false, "X-Rgw-A": false,
		"Rgwx-Uid": false, "RGWX-A": false, "rgwx.a": false, "X-Copy-From": false,
	} {
		if isHarmless(name) != want {
			t.Errorf("%q: %v", name, !want)
		}
		var m marks
		if err := m.readOne(name, []string{"public-read"}); want && (err != nil || m != marks{}) {
			t.Errorf("%q means something: %+v, %v", name, m, err)
		}
	}
}

// All arguments count, also those beyond the first few.
func TestManyArguments(t *testing.T) {
	for n := range maxArguments + 2 {
		var query strings.Builder
		for i := range n {
			fmt.Fprintf(&query, "&x-amz-meta-%d=%d", i, i)
		}
		var args arguments
		if err := args.read(query.String()); (err == nil) != (n <= maxArguments) || err != nil && !errors.Is(err, ErrInvalidArgument) {
			t.Fatalf("%d arguments: %v", n, err)
		}
		for i := range min(n, maxArguments) {
			if value, ok := args.value(fmt.Sprintf("x-amz-meta-%d", i)); !ok || value != fmt.Sprint(i) {
				t.Errorf("argument %d of %d is %q", i, n, value)
			}
		}
		if n == 0 || n >= maxArguments {
			continue
		}
		for _, again := range []string{"X-Amz-Meta-0", fmt.Sprintf("x-amz-meta-%d", n-1)} {
			var args arguments
			if err := args.read(query.String() + "&" + again); !errors.Is(err, ErrInvalidArgument) {
				t.Errorf("%s twice among %d: %v", again, n, err)
			}
		}
		_, err := OperationOf(requestOf(t, "GET /bucket/k?"+query.String()+"&acl&policy", ""))
		if n+2 <= maxArguments && !errors.Is(err, ErrUnknownOperation) {
			t.Errorf("two operations behind %d arguments: %v", n, err)
		}
	}
}

// The names of the storages' own are reserved in any case, as whole words.
func TestReservedIsByWord(t *testing.T) {
	if len(Reserved()) != 6 {
		t.Errorf("%q", Reserved())
	}
	for _, name := range Reserved() {
		for bucket, want := range map[string]bool{
			name: true, strings.ToUpper(name): true, strings.ToUpper(name[:1]) + name[1:]: true,
			name + "s": false, "a" + name: false, name[1:]: false, name[:len(name)-1]: false,
		} {
			if _, err := AddressOf("/" + bucket + "/k"); errors.Is(err, ErrReserved) != want {
				t.Errorf("%s: %v", bucket, err)
			}
		}
	}
}

// The quick answer about dot segments is that of splitting.
func TestDotSegments(t *testing.T) {
	parts := []string{"", ".", "..", "...", "a", ".a", "a.", "/", "\\"}
	for _, a := range parts {
		for _, b := range parts {
			for _, c := range parts {
				for _, path := range []string{a + b + c, a + "/" + b + "/" + c, a + `\` + b + "/" + c} {
					segments := strings.FieldsFunc(path, func(r rune) bool { return r == '/' || r == '\\' })
					want := slices.Contains(segments, ".") || slices.Contains(segments, "..")
					if hasDotSegment(path) != want {
						t.Errorf("%q: %v", path, !want)
					}
				}
			}
		}
	}
}

// A small GET needs the names and the resource, and nothing else.
func TestOperationOfAllocates(t *testing.T) {
	r := requestOf(t, "GET /bucket/some/key?x-id=GetObject", "X-Amz-Date: 20130524T000000Z|X-Amz-Content-Sha256: UNSIGNED-PAYLOAD|Range: bytes=0-9")
	if n := testing.AllocsPerRun(200, func() { _, _ = OperationOf(r) }); n > 2 {
		t.Errorf("%v allocations", n)
	}
}
