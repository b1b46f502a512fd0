package s3

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"tollgate/proxy/sigv4"
	"tollgate/tokens"
)

// requestOf makes a request of "METHOD path?query" and "Name: value|…".
func requestOf(t testing.TB, line, header string) Request {
	t.Helper()
	method, target, _ := strings.Cut(line, " ")
	path, query, _ := strings.Cut(target, "?")
	address, err := AddressOf(path)
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	r := Request{Method: method, Address: address, Query: query, Header: http.Header{"Accept": {"*/*"}, "X-Amz-Date": {"20130524T000000Z"}}}
	for h := range strings.SplitSeq(header, "|") {
		if name, value, ok := strings.Cut(h, ": "); ok {
			r.Header[name] = append(r.Header[name], value)
		}
	}
	return r
}

// written writes names as the rows have them.
func written(names []tokens.Name) string {
	var all []string
	for _, n := range names {
		needs := map[tokens.Permissions]string{
			0: "none", tokens.StorageRead: "read", tokens.StorageList: "list", tokens.StorageWrite: "write", tokens.StorageDelete: "delete",
			tokens.StorageAll: "all", tokens.StorageList | tokens.StorageRead: "list|read",
		}[n.Needs]
		reach := map[tokens.Reach]string{
			tokens.Exact: "exact", tokens.Under: "under", tokens.Whole: "whole", tokens.Within: "within", tokens.Everywhere: "everywhere",
		}[n.Reach]
		resource := n.Resource
		if resource == "" {
			resource = "-"
		}
		all = append(all, needs+" "+reach+" "+resource)
	}
	return strings.Join(all, ", ")
}

func TestEveryOperationSaysWhatItNeeds(t *testing.T) {
	tested := map[string]bool{}
	for _, row := range operationRows {
		o, err := OperationOf(requestOf(t, row.line, row.header))
		if err != nil {
			t.Errorf("%s %s: %v", row.line, row.header, err)
			continue
		}
		if got := written(o.Names); o.Name != row.name || got != row.names {
			t.Errorf("%s %s: %s of %q, expected %s of %q", row.line, row.header, o.Name, got, row.name, row.names)
		}
		if o.Body != row.body || o.Answer != row.answer || o.Public != row.public {
			t.Errorf("%s %s: body %d, answer %d, public %v", row.line, row.header, o.Body, o.Answer, o.Public)
		}
		tested[o.Name] = true
	}
	for _, o := range Operations() {
		if !tested[o.Name] {
			t.Errorf("%s has no row", o.Name)
		}
	}
}

// Whatever passes does not when something is added that is not in the table.
func TestEveryOperationRefusesWhatIsUnknown(t *testing.T) {
	for _, row := range operationRows {
		if row.name == Preflight {
			continue
		}
		sep := "?"
		if strings.Contains(row.line, "?") {
			sep = "&"
		}
		for _, more := range []string{"unknown", "unknown=1", "Action=CreateUser", "x-amz-copy-source=a%2Fb", "events=s3:*", "rgwx-uid=x"} {
			o, err := OperationOf(requestOf(t, row.line+sep+more, row.header))
			if !errors.Is(err, ErrUnknownOperation) || o.Name != "" || o.Names != nil {
				t.Errorf("%s with %s: %s, %v", row.line, more, o.Name, err)
			}
		}
		for _, more := range []string{"X-Amz-Rename-Source: /other/k", "X-Minio-Source-Replication-Request: true", "X-Amz-Target: S3Tables.X", "Rgwx-Perm-Check-Uid: x", "X-Goog-Copy-Source: a/b"} {
			if _, err := OperationOf(requestOf(t, row.line, row.header+"|"+more)); !errors.Is(err, ErrUnknownOperation) {
				t.Errorf("%s with %s: %v", row.line, more, err)
			}
		}
		if strings.Contains(row.header, "Copy-Source") {
			continue
		}
		if o, err := OperationOf(requestOf(t, row.line, row.header+"|X-Amz-Copy-Source: other/k")); err == nil && !strings.Contains(o.Name, "Copy") {
			t.Errorf("%s ignores the copy source", row.line)
		}
		if _, err := OperationOf(requestOf(t, row.line, row.header+"|X-Amz-Copy-Source-If-Match: x")); !errors.Is(err, ErrUnknownOperation) {
			t.Errorf("%s with a condition on a copy source: %v", row.line, err)
		}
	}
}

// Two sub-resources at once are two operations, whichever they are.
func TestTwoSubresourcesAreRefused(t *testing.T) {
	for i := range operations {
		for j := range operations {
			a, b := operations[i].sub, operations[j].sub
			if a == "" || b == "" || a == b {
				continue
			}
			for _, path := range []string{"/bucket", "/bucket/k"} {
				_, err := OperationOf(requestOf(t, "GET "+path+"?"+a+"&"+b, ""))
				if !errors.Is(err, ErrUnknownOperation) {
					t.Fatalf("%s?%s&%s: %v", path, a, b, err)
				}
			}
		}
	}
}

// A refusal names what is unknown, in bounds.
func TestRefusalsNameWhatIsUnknown(t *testing.T) {
	for _, row := range []struct{ line, part string }{
		{"GET /bucket?unknown", `ListObjects has no argument "unknown"`},
		{"PUT /bucket?session", `CreateBucket has no argument "session"`},
		{"POST /bucket?metadataTable", "and neither is the argument metadataTable"},
		{"HEAD /bucket/k?acl", "HEAD on the object with ?acl is no operation"},
		{"PROPFIND /", "PROPFIND on the service"},
		{"GET /bucket?acl&policy", "?acl and ?policy"},
		{"POST /bucket?" + strings.Repeat("x", 5000), "xxx…"},
		{strings.Repeat("X", 5000) + " /bucket", "XXX…"},
	} {
		_, err := OperationOf(requestOf(t, row.line, ""))
		var fault *sigv4.Fault
		if !errors.As(err, &fault) || !strings.Contains(fault.Message, row.part) || len(fault.Message) > 400 {
			t.Errorf("%.40s: %v", row.line, err)
		}
	}
}

func TestTableIsSound(t *testing.T) {
	for i, o := range operations {
		if o.reach == tokens.Exact && (o.level != objectLevel || o.needs == 0) || o.level == objectLevel && o.reach != tokens.Exact {
			t.Errorf("%s reaches %d at the %s", o.name, o.reach, o.level)
		}
		if o.needs == 0 && o.reach != tokens.Within {
			t.Errorf("%s needs nothing", o.name)
		}
		if o.public && o.needs&^(tokens.StorageRead|tokens.StorageList|tokens.StorageWrite) != 0 {
			t.Errorf("%s is public", o.name)
		}
		if (o.method == http.MethodGet || o.method == http.MethodHead) && o.body != NoBody {
			t.Errorf("%s has a body", o.name)
		}
		for j, p := range operations[:i] {
			if o.method == p.method && o.level == p.level && o.sub == p.sub && o.with == p.with && o.copies == p.copies && o.form == p.form {
				t.Errorf("rows %d and %d are the same request: %s and %s", i, j, o.name, p.name)
			}
		}
	}
	if level(9).String() != "unknown" {
		t.Error("an unknown level has a name")
	}
}

// What Operations says of a row is a request for that operation.
func TestListedOperationsAreRequests(t *testing.T) {
	values := strings.NewReplacer("uploadId", "uploadId=u", "partNumber", "partNumber=1", "metadata", "metadata=true")
	for _, l := range Operations() {
		path := map[string]string{"service": "/", "bucket": "/bucket", "object": "/bucket/k"}[l.Level]
		line := l.Method + " " + path
		if l.Query != "" {
			line += "?" + values.Replace(l.Query)
		}
		header := ""
		if l.Copies {
			header = "X-Amz-Copy-Source: other/k"
		}
		if l.Form {
			header = "Content-Type: multipart/form-data; boundary=x"
		}
		o, err := OperationOf(requestOf(t, line, header))
		if err != nil || o.Name != l.Name || o.Names[0].Needs != l.Needs || o.Names[0].Reach != l.Reach || o.Public != l.Public {
			t.Errorf("%s: %+v, %v, expected %+v", line, o, err, l)
		}
	}
}

// FuzzOperationOf: no input makes it panic, and what is accepted names
// something within its own address or the source of a copy.
func FuzzOperationOf(f *testing.F) {
	for _, row := range operationRows {
		method, target, _ := strings.Cut(row.line, " ")
		path, query, _ := strings.Cut(target, "?")
		f.Add(method, path, query, "X-Amz-Copy-Source", row.header)
	}
	f.Add("PUT", "/bucket/k", "partNumber=1&uploadId=u", "X-Amz-Copy-Source", "a+b/%2e")
	f.Fuzz(func(t *testing.T, method, path, query, name, value string) {
		address, err := AddressOf(path)
		if err != nil {
			return
		}
		o, err := OperationOf(Request{Method: method, Address: address, Query: query, Header: http.Header{name: {value}}})
		if err != nil {
			if o.Name != "" || o.Names != nil {
				t.Fatalf("refused with %+v", o)
			}
			return
		}
		if o.Name == Preflight {
			return
		}
		if len(o.Names) == 0 || !strings.HasPrefix(o.Names[0].Resource, address.Bucket) {
			t.Fatalf("%s %s?%s: %+v", method, path, query, o)
		}
		for _, n := range o.Names {
			if strings.Contains(n.Resource, "/../") || strings.ContainsAny(n.Resource, "\x00\n") || n.Needs == 0 && n.Reach != tokens.Within {
				t.Fatalf("%s %s?%s: %+v", method, path, query, n)
			}
		}
	})
}

func BenchmarkOperationOf(b *testing.B) {
	for _, row := range []struct{ name, line, header string }{
		{"GetObject", "GET /bucket/some/longer/key/of/an/object.bin", ""},
		{"PutObject", "PUT /bucket/some/longer/key/of/an/object.bin?x-id=PutObject", "X-Amz-Meta-Colour: red|X-Amz-Acl: private"},
		{"UploadPart", "PUT /bucket/some/longer/key/of/an/object.bin?partNumber=17&uploadId=abcdef", ""},
		{"ListObjectsV2", "GET /bucket?list-type=2&prefix=a/b/c&delimiter=%2F&encoding-type=url", ""},
		{"CopyObject", "PUT /bucket/k", "X-Amz-Copy-Source: other/some%20key"},
	} {
		b.Run(row.name, func(b *testing.B) {
			r := requestOf(b, row.line, row.header)
			for _, name := range []string{"X-Amz-Content-Sha256", "Authorization", "User-Agent", "Content-Type", "Accept-Encoding", "Amz-Sdk-Invocation-Id", "Range"} {
				r.Header[name] = []string{"x"}
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := OperationOf(r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAddressOf(b *testing.B) {
	for _, row := range []struct{ name, path string }{
		{"plain", "/bucket/some/longer/key/of/an/object.bin"},
		{"escaped", "/bucket/some/longer/key/of%20an/object.bin"},
	} {
		b.Run(row.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := AddressOf(row.path); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
