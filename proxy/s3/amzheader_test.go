package s3

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"tollgate/proxy/sigv4"
	"tollgate/tokens"
)

// amzRows is the closed list: what each header does on an upload, in the
// header and in the query.
var amzRows = []struct {
	name   string
	header string // plain, all, source, or refused
	query  string // plain, all, or refused
}{
	{"X-Amz-Date", "plain", "refused"},
	{"X-Amz-Te", "plain", "refused"},
	{"X-Amz-Content-Sha256", "plain", "refused"},
	{"X-Amz-Decoded-Content-Length", "plain", "refused"},
	{"X-Amz-Trailer", "plain", "refused"},
	{"X-Amz-Security-Token", "plain", "refused"},
	{"X-Amz-Api-Version", "plain", "refused"},
	{"X-Amz-Sdk-Checksum-Algorithm", "plain", "plain"},
	{"X-Amz-Checksum-Crc32", "plain", "plain"},
	{"X-Amz-Checksum-Algorithm", "plain", "plain"},
	{"X-Amz-Checksum-Mode", "plain", "plain"},
	{"X-Amz-Checksum-Type", "plain", "plain"},
	{"X-Amz-User-Agent", "plain", "plain"},
	{"X-Amz-Expected-Bucket-Owner", "plain", "plain"},
	{"X-Amz-Source-Expected-Bucket-Owner", "plain", "refused"},
	{"X-Amz-Request-Payer", "plain", "plain"},
	{"X-Amz-Meta-Colour", "plain", "plain"},
	{"X-Amz-Meta-my_own.name", "plain", "plain"},
	{"X-Amz-Meta-Copy-Source", "plain", "plain"},
	{"X-Amz-Meta-Replication-Status", "plain", "plain"},
	{"X-Amz-Storage-Class", "plain", "plain"},
	{"X-Amz-Tagging", "plain", "plain"},
	{"X-Amz-Tagging-Directive", "plain", "refused"},
	{"X-Amz-Metadata-Directive", "plain", "refused"},
	{"X-Amz-Website-Redirect-Location", "plain", "plain"},
	{"X-Amz-Server-Side-Encryption", "plain", "plain"},
	{"X-Amz-Server-Side-Encryption-Customer-Algorithm", "plain", "plain"},
	{"X-Amz-Server-Side-Encryption-Customer-Key", "plain", "plain"},
	{"X-Amz-Server-Side-Encryption-Customer-Key-Md5", "plain", "plain"},
	{"X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id", "plain", "plain"},
	{"X-Amz-Server-Side-Encryption-Context", "plain", "plain"},
	{"X-Amz-Server-Side-Encryption-Bucket-Key-Enabled", "plain", "plain"},
	{"X-Amz-Mp-Object-Size", "plain", "refused"},
	{"X-Amz-Object-Attributes", "plain", "plain"},
	{"X-Amz-Max-Parts", "plain", "plain"},
	{"X-Amz-Part-Number-Marker", "plain", "plain"},
	{"X-Amz-Optional-Object-Attributes", "plain", "plain"},
	{"X-Amz-If-Match-Last-Modified-Time", "plain", "refused"},
	{"X-Amz-If-Match-Size", "plain", "refused"},
	{"X-Amz-Transition-Default-Minimum-Object-Size", "plain", "refused"},
	{"X-Amz-Confirm-Remove-Self-Bucket-Access", "plain", "refused"},

	{"X-Amz-Acl", "all", "all"},
	{"X-Amz-Mfa", "all", "all"},
	{"X-Amz-Grant-Read", "all", "all"},
	{"X-Amz-Grant-Full-Control", "all", "all"},
	{"X-Amz-Object-Lock-Mode", "all", "all"},
	{"X-Amz-Object-Lock-Legal-Hold", "all", "all"},
	{"X-Amz-Object-Lock-Retain-Until-Date", "all", "all"},
	{"X-Amz-Bypass-Governance-Retention", "all", "all"},
	{"X-Amz-Bucket-Object-Lock-Enabled", "all", "all"},
	{"X-Amz-Object-Ownership", "all", "all"},

	{"X-Amz-Copy-Source-If-Match", "source", "refused"},
	{"X-Amz-Copy-Source-If-None-Match", "source", "refused"},
	{"X-Amz-Copy-Source-If-Modified-Since", "source", "refused"},
	{"X-Amz-Copy-Source-If-Unmodified-Since", "source", "refused"},
	{"X-Amz-Copy-Source-Range", "source", "refused"},
	{"X-Amz-Copy-Source-Server-Side-Encryption-Customer-Algorithm", "source", "refused"},
	{"X-Amz-Copy-Source-Server-Side-Encryption-Customer-Key", "source", "refused"},
	{"X-Amz-Copy-Source-Server-Side-Encryption-Customer-Key-Md5", "source", "refused"},

	{"X-Amz-Replication-Status", "refused", "refused"},
	{"X-Amz-Replication-Request", "refused", "refused"},
	{"X-Amz-Source-Version-Id", "refused", "refused"},
	{"X-Amz-Source-Etag", "refused", "refused"},
	{"X-Amz-Source-Mtime", "refused", "refused"},
	{"X-Amz-Version-Id", "refused", "refused"},
	{"X-Amz-Delete-Marker", "refused", "refused"},
	{"X-Amz-Id", "refused", "refused"},
	{"X-Amz-Id-2", "refused", "refused"},
	{"X-Amz-Request-Id", "refused", "refused"},
	{"X-Amz-Tagging-Count", "refused", "refused"},
	{"X-Amz-Restore", "refused", "refused"},
	{"X-Amz-Expiration", "refused", "refused"},
	{"X-Amz-Write-Offset-Bytes", "refused", "refused"},
	{"X-Amz-Create-Session-Mode", "refused", "refused"},
	{"X-Amz-Fwd-Status", "refused", "refused"},
	{"X-Amz-Rename-Source", "refused", "refused"},
	{"X-Amz-Rename-Source-If-Match", "refused", "refused"},
	{"X-Amz-Target", "refused", "refused"},
	{"X-Amz-Copy-Sources", "refused", "refused"},
	{"X-Amz-Copy-Source-Version-Id", "refused", "refused"},
	{"X-Amz-Server-Side-Encryption-Internal", "refused", "refused"},
	{"X-Amz-Acls", "refused", "refused"},
	{"X-Amz-Metadata", "refused", "refused"},
	{"X-Amz-Dates", "refused", "refused"},
	{"X-Amz-Checksum", "refused", "refused"},
	{"X-Amz-Object-Lock", "refused", "refused"},
	{"X-Amz-Grant", "refused", "refused"},
	{"X-Amz-", "refused", "refused"},
	{"X-Amz-Unknown", "refused", "refused"},
	{"X-Amz-" + strings.Repeat("A", 200), "refused", "refused"},
}

// amzVerdict says how an upload with a header or argument ends.
func amzVerdict(r Request) string {
	o, err := OperationOf(r)
	switch {
	case errors.Is(err, ErrUnknownOperation) && o.Name == "" && o.Names == nil:
		if strings.Contains(err.Error(), "takes no x-amz-copy-source headers") {
			return "source"
		}
		return "refused"
	case err != nil:
		return err.Error()
	case written(o.Names) == "all exact bucket/k" && !o.Public:
		return "all"
	case written(o.Names) == "write exact bucket/k" && o.Public:
		return "plain"
	default:
		return written(o.Names)
	}
}

func TestAmzHeadersAreAClosedList(t *testing.T) {
	for _, row := range amzRows {
		put := Request{Method: http.MethodPut, Address: Address{"bucket", "k"}}
		for _, name := range []string{row.name, strings.ToLower(row.name), strings.ToUpper(row.name)} {
			put.Header = http.Header{name: {"x"}}
			if got := amzVerdict(put); got != row.header {
				t.Errorf("the header %s: %s", name, got)
			}
			put.Header, put.Query = nil, name+"=x"
			if got := amzVerdict(put); got != row.query {
				t.Errorf("the argument %s: %s", name, got)
			}
			put.Query = ""
			if foreign := row.header != "plain"; IsForeignHeader(name) != foreign {
				t.Errorf("%s is foreign: %v", name, !foreign)
			}
		}
	}
}

// No spelling that a storage could read as a listed header passes: it is
// refused, in the header and in the query. Only behind x-amz-meta- the name is
// the client's own.
func TestAmzHeadersAreSpeltWithHyphens(t *testing.T) {
	for _, row := range amzRows {
		if strings.Contains(row.name, "_") || row.header == "refused" {
			continue
		}
		for _, hyphen := range []string{"_", "."} {
			first := "X" + hyphen + strings.TrimPrefix(row.name, "X-")
			last := strings.LastIndexByte(row.name, '-')
			for _, name := range []string{first, strings.ReplaceAll(row.name, "-", hyphen), row.name[:last] + hyphen + row.name[last+1:]} {
				if strings.HasPrefix(name, "X-Amz-Meta-") {
					continue
				}
				put := Request{Method: http.MethodPut, Address: Address{"bucket", "k"}, Header: http.Header{name: {"x"}}}
				if o, err := OperationOf(put); !errors.Is(err, ErrInvalidArgument) || o.Name != "" {
					t.Errorf("the header %s: %+v, %v", name, o, err)
				}
				put.Header, put.Query = nil, name+"=x"
				if o, err := OperationOf(put); !errors.Is(err, ErrUnknownOperation) || o.Name != "" {
					t.Errorf("the argument %s: %+v, %v", name, o, err)
				}
			}
		}
	}
}

// A header that is not in the list is refused on every operation, and the
// refusal names it.
func TestUnlistedAmzHeadersAreRefusedEverywhere(t *testing.T) {
	for _, row := range operationRows {
		if row.name == Preflight {
			continue
		}
		for _, name := range []string{"X-Amz-Replication-Status", "x-amz-replication-status", "X_Amz_Replication_Status", "X-Amz-Source-Version-Id", "X-Amz-Tagging-Count"} {
			o, err := OperationOf(requestOf(t, row.line, row.header+"|"+name+": REPLICA"))
			var fault *sigv4.Fault
			if !errors.Is(err, ErrUnknownOperation) || o.Name != "" || !errors.As(err, &fault) || !strings.Contains(fault.Message, name) {
				t.Errorf("%s with %s: %s, %v", row.line, name, o.Name, err)
			}
		}
	}
}

// A bucket with locks or with another owner of its objects is made with every
// right alone, also when the headers stand in the query.
func TestBucketsWithLocksNeedEveryRight(t *testing.T) {
	for _, row := range []struct{ line, header, names string }{
		{"PUT /bucket", "", "write whole bucket"},
		{"PUT /bucket", "X-Amz-Acl: private", "write whole bucket"},
		{"PUT /bucket", "X-Amz-Acl: public-read", "all whole bucket"},
		{"PUT /bucket", "X-Amz-Bucket-Object-Lock-Enabled: true", "all whole bucket"},
		{"PUT /bucket", "X-Amz-Bucket-Object-Lock-Enabled: false", "all whole bucket"},
		{"PUT /bucket", "X-Amz-Object-Ownership: ObjectWriter", "all whole bucket"},
		{"PUT /bucket?x-amz-bucket-object-lock-enabled=true", "", "all whole bucket"},
		{"PUT /bucket?X-Amz-Object-Ownership=ObjectWriter", "", "all whole bucket"},
		{"DELETE /bucket/k?versionId=v", "X-Amz-Mfa: 1 2", "all exact bucket/k"},
		{"POST /bucket?delete", "X-Amz-Mfa: 1 2", "all whole bucket"},
		{"DELETE /bucket/k?versionId=v&x-amz-acl=private", "", "delete exact bucket/k"},
		{"DELETE /bucket/k?versionId=v&x-amz-acl=%70rivate", "", "all exact bucket/k"},
		{"PUT /bucket/k?x-amz-acl=private", "X-Amz-Acl: public-read", "all exact bucket/k"},
		{"PUT /bucket/k?x-amz-acl=public-read", "X-Amz-Acl: private", "all exact bucket/k"},
	} {
		o, err := OperationOf(requestOf(t, row.line, row.header))
		if err != nil || written(o.Names) != row.names {
			t.Errorf("%s %s: %q, %v", row.line, row.header, written(o.Names), err)
		}
	}
}

// A form says nothing in its query: neither what presigned URLs hoist, nor
// anything else.
func TestFormsHaveNoArguments(t *testing.T) {
	const form = "Content-Type: multipart/form-data; boundary=x"
	for _, query := range []string{
		"x-id=PostObject", "x-amz-acl=private", "x-amz-acl=public-read", "x-amz-meta-a=1", "x-amz-tagging=a%3Db", "x-amz-storage-class=X",
		"X-Amz-Server-Side-Encryption=AES256", "x-amz-bypass-governance-retention=true", "prefix=a", "versionId=v", "acl", "delete", "uploads",
		"key=a", "policy", "unknown",
	} {
		o, err := OperationOf(requestOf(t, "POST /bucket?"+query, form))
		if !errors.Is(err, ErrUnknownOperation) || o.Name != "" || o.Names != nil {
			t.Errorf("%s: %+v, %v", query, o, err)
		}
	}
	for _, line := range []string{"POST /bucket", "POST /bucket?", "POST /bucket?&"} {
		if o, err := OperationOf(requestOf(t, line, form)); err != nil || o.Name != "PostObject" || o.Names[0].Needs != 0 || o.Names[0].Reach != tokens.Within {
			t.Errorf("%s: %+v, %v", line, o, err)
		}
	}
}

func TestIsForeignHeader(t *testing.T) {
	for name, want := range map[string]bool{
		"X-Copy-From": true, "x-copy-from": true, "X_COPY_FROM": true, "X-Copy-From-Account": true, "X-Amz-Copy-Source": true,
		"x.amz.copy.source": true, "X-Object-Manifest": true, "X-Symlink-Target": true, "X-Symlink-Target-Account": true,
		"X-Object-Copy-Source": true, "X-Oss-Copy-Source": true, "X-Cos-Copy-Source": true, "X-Obs-Copy-Source": true, "X-Goog-Copy-Source": true,
		"X-Goog-Copy-Source-Generation": true, "X-Ms-Copy-Source": true, "X-Ms-Rename-Source": true, "X-Oss-Symlink-Target": true,
		"X-Upyun-Move-Source": true, "X-Minio-Force-Delete": true, "X-Minio-Extract": true, "X-Rustfs-Force-Delete": true, "Rgwx-Uid": true,
		"RGWX_UID": true, "X-Rgw-A": true, "X-Vgw-Owner": true, "x-vgw-": true, "X-Scal-S3": true, "X-Http-Method-Override": true,
		"X-Http-Method": true, "X-Method-Override": true, "X-Amz-Meta-Snowball-Auto-Extract": true,

		"": false, "X": false, "X-": false, "Range": false, "Authorization": false, "Destination": false, "Host": false, "X-Forwarded-For": false,
		"X-Forwarded-Host": false, "X-Request-Id": false, "X-Amzn-Trace-Id": false, "Amz-Sdk-Request": false, "Amz-Sdk-Invocation-Id": false,
		"X-Requested-With": false, "If-Match": false, "X-Amz-Date": false, "X-Vg": false, "Copy-Source": false, "Rgw": false, "X-Copied": false,
	} {
		if IsForeignHeader(name) != want {
			t.Errorf("%q: %v", name, !want)
		}
		// What is no foreign header changes no operation.
		if want || name == "Range" {
			continue
		}
		o, err := OperationOf(Request{Method: http.MethodPut, Address: Address{"bucket", "k"}, Header: http.Header{name: {"other/k"}}})
		if err != nil || written(o.Names) != "write exact bucket/k" {
			t.Errorf("%q: %+v, %v", name, o, err)
		}
	}
}

// Pages of the list of buckets are marked, and nothing else is.
func TestPagesOfTheListOfBuckets(t *testing.T) {
	for line, want := range map[string]bool{
		"GET /": false, "GET /?prefix=a&bucket-region=r": false, "GET /?x-id=ListBuckets": false,
		"GET /?max-buckets=1": true, "GET /?max-buckets": true, "GET /?continuation-token=x": true, "GET /?continuation-token=": true,
		"GET /?prefix=a&max-buckets=10000&continuation-token=x": true,
	} {
		if o, err := OperationOf(requestOf(t, line, "")); err != nil || o.Name != "ListBuckets" || o.Paged != want {
			t.Errorf("%s: %+v, %v", line, o, err)
		}
	}
	for _, line := range []string{"GET /?Max-Buckets=1", "GET /?Continuation-Token=x"} {
		if _, err := OperationOf(requestOf(t, line, "")); !errors.Is(err, ErrUnknownOperation) {
			t.Errorf("%s: %v", line, err)
		}
	}
	for _, row := range operationRows {
		if row.name == "ListBuckets" {
			continue
		}
		if o, err := OperationOf(requestOf(t, row.line, row.header)); err != nil || o.Paged {
			t.Errorf("%s: %+v, %v", row.line, o, err)
		}
	}
}
