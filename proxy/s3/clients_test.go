package s3

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"tollgate/tokens"
)

// What programs that are in use send, as far as it bears on the operation.
func TestRequestsOfPrograms(t *testing.T) {
	for _, row := range []struct{ program, line, header, name string }{
		{"aws CLI, ls", "GET /?x-id=ListBuckets", "", "ListBuckets"},
		{"aws CLI, ls of a folder", "GET /bucket?list-type=2&prefix=a%2F&delimiter=%2F&encoding-type=url", "", "ListObjectsV2"},
		{"aws CLI, next page", "GET /bucket?list-type=2&prefix=&encoding-type=url&continuation-token=1%2Bx%3D%3D", "", "ListObjectsV2"},
		{"aws CLI, cp up", "PUT /bucket/k", "X-Amz-Sdk-Checksum-Algorithm: CRC64NVME|X-Amz-Checksum-Crc64nvme: AAAA|X-Amz-Trailer: x-amz-checksum-crc64nvme", "PutObject"},
		{"aws CLI, cp down", "GET /bucket/k", "X-Amz-Checksum-Mode: ENABLED|Range: bytes=0-8388607", "GetObject"},
		{"aws CLI, start of a large file", "POST /bucket/k?uploads", "X-Amz-Checksum-Algorithm: CRC32", "CreateMultipartUpload"},
		{"aws CLI, part", "PUT /bucket/k?uploadId=VXBsb2FkIElE.x_y-z&partNumber=2", "", "UploadPart"},
		{"aws CLI, end", "POST /bucket/k?uploadId=VXBsb2FkIElE", "Content-Type: application/xml", "CompleteMultipartUpload"},
		{"aws CLI, rm", "DELETE /bucket/k", "", "DeleteObject"},
		{"aws CLI, mb", "PUT /bucket", "", "CreateBucket"},
		{"aws CLI, end with a size", "POST /bucket/k?uploadId=u", "X-Amz-Checksum-Type: FULL_OBJECT|X-Amz-Mp-Object-Size: 9", "CompleteMultipartUpload"},
		{"aws CLI, lifecycle", "PUT /bucket?lifecycle", "X-Amz-Transition-Default-Minimum-Object-Size: all_storage_classes_128K", "PutBucketLifecycleConfiguration"},
		{"aws CLI, attributes", "GET /bucket/k?attributes", "X-Amz-Object-Attributes: ETag,Checksum|X-Amz-Max-Parts: 9", "GetObjectAttributes"},
		{"boto3, metadata with underscores", "PUT /bucket/k", "X-Amz-Meta-My_key: v", "PutObject"},
		{"SDK for JS in a browser", "GET /bucket/k?x-id=GetObject", "X-Amz-User-Agent: aws-sdk-js/3|Amz-Sdk-Invocation-Id: 1|X-Amz-Security-Token: t", "GetObject"},
		{"SDK for Go, behind a load balancer", "GET /bucket/k", "X-Amzn-Trace-Id: Root=1|Amz-Sdk-Request: attempt=1", "GetObject"},
		{"SDK for Go, presigned mb with locks", "PUT /bucket?x-id=CreateBucket&X-Amz-Bucket-Object-Lock-Enabled=true", "", "CreateBucket"},
		{"aws CLI, rb", "DELETE /bucket", "", "DeleteBucket"},
		{"aws CLI, cp within", "PUT /bucket/k", "X-Amz-Copy-Source: other/some%20key|X-Amz-Metadata-Directive: COPY", "CopyObject"},
		{"boto3, batch", "POST /bucket?delete", "Content-Type: application/xml|Content-Md5: x", "DeleteObjects"},
		{"boto3, presigned", "GET /bucket/k?response-content-disposition=attachment%3B%20filename%3D%22a%22", "", "GetObject"},
		{"SDK for Go, put", "PUT /bucket/k?x-id=PutObject", "Amz-Sdk-Request: attempt=1; max=3", "PutObject"},
		{"SDK for Go, presigned put", "PUT /bucket/k?x-id=PutObject&X-Amz-Checksum-Crc32=AAAAAA%3D%3D&X-Amz-Sdk-Checksum-Algorithm=CRC32", "", "PutObject"},
		{"SDK for Go, part of a copy", "PUT /bucket/k?partNumber=1&uploadId=u&x-id=UploadPartCopy", "X-Amz-Copy-Source: other/k|X-Amz-Copy-Source-Range: bytes=0-1", "UploadPartCopy"},
		{"SDK for JS, presigned put", "PUT /bucket/k?x-amz-acl=private&x-amz-meta-colour=red&x-amz-user-agent=aws-sdk-js%2F3&x-id=PutObject", "", "PutObject"},
		{"SDK for JS, start of a large file", "POST /bucket/k?uploads=&x-id=CreateMultipartUpload", "", "CreateMultipartUpload"},
		{"SDK for .NET, copy", "PUT /bucket/k", "X-Amz-Copy-Source: other%2Fk", "CopyObject"},
		{"minio-go, location", "GET /bucket/?location=", "", "GetBucketLocation"},
		{"minio-go, ls", "GET /bucket/?delimiter=%2F&encoding-type=url&fetch-owner=true&list-type=2&max-keys=1000&prefix=", "", "ListObjectsV2"},
		{"minio-go, ls with metadata", "GET /bucket/?delimiter=&encoding-type=url&fetch-owner=true&list-type=2&metadata=true&prefix=a", "", "ListObjectsV2"},
		{"minio-go, versions", "GET /bucket/?delimiter=%2F&encoding-type=url&max-keys=1000&prefix=a&versions=", "", "ListObjectVersions"},
		{"minio-go, unfinished uploads", "GET /bucket/?delimiter=&encoding-type=url&max-uploads=1000&prefix=a&uploads=", "", "ListMultipartUploads"},
		{"minio-go, tags", "GET /bucket/k?tagging=", "", "GetObjectTagging"},
		{"minio-go, batch", "POST /bucket/?delete=", "Content-Type: application/octet-stream", "DeleteObjects"},
		{"mc, rb --force", "DELETE /bucket/", "X-Minio-Force-Delete: true", "DeleteBucket"},
		{"mc, stat", "HEAD /bucket/k", "", "HeadObject"},
		{"mc, object lock", "GET /bucket/?object-lock=", "", "GetObjectLockConfiguration"},
		{"s3cmd, ls", "GET /bucket/?delimiter=%2F", "", "ListObjects"},
		{"s3cmd, put", "PUT /bucket/k", "X-Amz-Storage-Class: STANDARD|X-Amz-Meta-S3cmd-Attrs: atime:1/ctime:1", "PutObject"},
		{"s3cmd, info", "GET /bucket/k?acl", "", "GetObjectAcl"},
		{"s3cmd, del", "POST /bucket/?delete", "", "DeleteObjects"},
		{"rclone, head of a bucket", "HEAD /bucket", "", "HeadBucket"},
		{"rclone, ls v1", "GET /bucket?delimiter=&encoding-type=url&max-keys=1000&prefix=dir%2F", "", "ListObjects"},
		{"rclone, server-side copy", "PUT /bucket/k", "X-Amz-Copy-Source: bucket/dir/a%2Bb|X-Amz-Metadata-Directive: COPY|X-Amz-Acl: private", "CopyObject"},
		{"restic, lock", "PUT /bucket/restic/locks/0a1b", "", "PutObject"},
		{"restic, ls of packs", "GET /bucket/?delimiter=%2F&encoding-type=url&fetch-owner=true&list-type=2&prefix=restic%2Fdata%2F", "", "ListObjectsV2"},
		{"s3fs, probe", "GET /bucket/?delimiter=/&max-keys=2&prefix=", "", "ListObjects"},
		{"s3fs, folder", "PUT /bucket/dir/", "X-Amz-Meta-Mode: 16877|X-Amz-Acl: private", "PutObject"},
		{"s3fs, chmod", "PUT /bucket/k", "X-Amz-Copy-Source: /bucket/k|X-Amz-Metadata-Directive: REPLACE", "CopyObject"},
		{"browser, form", "POST /bucket", "Content-Type: multipart/form-data; boundary=----WebKitFormBoundary0", "PostObject"},
		{"browser, preflight", "OPTIONS /bucket/k", "Origin: https://example.com", Preflight},
	} {
		o, err := OperationOf(requestOf(t, row.line, row.header))
		if err != nil || o.Name != row.name {
			t.Errorf("%s: %s, %v", row.program, o.Name, err)
		}
	}
}

// However a key is escaped on the wire, the same object is named: the one
// that the storage finds when it decodes the path once.
func TestSpellingsOfAKeyNameOneObject(t *testing.T) {
	for _, row := range []struct {
		resource  string
		spellings string
	}{
		{"bucket/a/b", "a/b a%2Fb a%2fb %61/b %61%2F%62"},
		{"bucket/a~b", "a~b a%7Eb a%7eb"},
		{"bucket/a+b", "a+b a%2Bb a%2bb"},
		{"bucket/a'b", "a'b a%27b"},
		{"bucket/ä", "ä %C3%A4 %c3%a4 \xc3%A4"},
		{"bucket//a", "/a %2Fa"},
		{"bucket/a%2Fb", "a%252Fb a%252%46b"},
		{"bucket/a;b", "a;b a%3Bb"},
	} {
		for spelling := range strings.FieldsSeq(row.spellings) {
			for _, method := range []string{"GET", "HEAD", "PUT", "DELETE"} {
				o, err := OperationOf(requestOf(t, method+" /bucket/"+spelling, ""))
				if err != nil || o.Names[0].Resource != row.resource {
					t.Errorf("%s %s: %v, %v", method, spelling, o.Names, err)
				}
			}
		}
	}
}

// Every spelling of a header that some storage reads as x-amz-copy-source is
// either read here as well or refused.
func TestSpellingsOfTheCopySource(t *testing.T) {
	const name = "X-Amz-Copy-Source"
	for bits := range 1 << 6 {
		spelt, hyphen := []byte(name), 0
		for i, c := range spelt {
			if c != '-' {
				continue
			}
			spelt[i] = "-_.-"[bits>>(2*hyphen)&3]
			hyphen++
		}
		r := requestOf(t, "PUT /bucket/k", "")
		r.Header[string(spelt)] = []string{"other/k"}
		o, err := OperationOf(r)
		switch {
		case string(spelt) == name && (err != nil || o.Name != "CopyObject"):
			t.Errorf("%s: %s, %v", spelt, o.Name, err)
		case string(spelt) != name && !errors.Is(err, ErrInvalidArgument):
			t.Errorf("%s: %s, %v", spelt, o.Name, err)
		}
	}
}

// A request with rights that are raised never passes as the plain one,
// whatever operation it is.
func TestRaisedRightsAreAsked(t *testing.T) {
	for _, row := range operationRows {
		if row.name == Preflight {
			continue
		}
		for _, header := range []string{"X-Amz-Bypass-Governance-Retention: false", "X-Amz-Object-Lock-Mode: x", "X-Amz-Grant-Write: x", "X-Amz-Acl: private|X-Amz-Acl: public-read", "X-Amz-Mfa: x", "X-Amz-Object-Ownership: x", "X-Amz-Bucket-Object-Lock-Enabled: false"} {
			o, err := OperationOf(requestOf(t, row.line, row.header+"|"+header))
			if err != nil || o.Names[0].Needs != tokens.StorageAll || o.Names[0].Reach == tokens.Within || o.Public {
				t.Errorf("%s with %s: %+v, %v", row.line, header, o, err)
			}
		}
	}
}

// Headers that mean nothing here change nothing.
func TestHeadersThatMeanNothing(t *testing.T) {
	plain, err := OperationOf(Request{Method: http.MethodPut, Address: Address{"bucket", "k"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"X-Forwarded-For", "X-Requested-With", "X-Amz-Date", "X-Amz-Content-Sha256", "X-Amz-Meta-Copy-Source-Of", "X-Amz-Meta-", "X-Amz-Metadata-Directive", "X-Amz-Tagging",
		"X-Amz-Storage-Class", "X-Amz-Website-Redirect-Location", "X-Amz-Server-Side-Encryption-Customer-Key", "X-Amzn-Trace-Id", "X-Amz", "Amz-Sdk-Invocation-Id", "Amz-Sdk-Request", "Range", "Referer", "Rgw", "X", "",
		"X-Amz-Meta-" + strings.Repeat("A", 200), "X_custom.header", "Content-Type", "Copy-Source",
	} {
		o, err := OperationOf(Request{Method: http.MethodPut, Address: Address{"bucket", "k"}, Header: http.Header{name: {"multipart/form-data", "x"}}})
		if err != nil || o.Name != plain.Name || written(o.Names) != written(plain.Names) || o.Public != plain.Public {
			t.Errorf("%q: %+v, %v", name, o, err)
		}
	}
}

// The zero request and the zero operation name nothing that passes.
func TestZeroValuesRefuse(t *testing.T) {
	o, err := OperationOf(Request{})
	if !errors.Is(err, ErrUnknownOperation) {
		t.Errorf("the zero request is %+v, %v", o, err)
	}
	if (Operation{}).Public || (Operation{}).Body != NoBody || (Operation{}).Names != nil {
		t.Error("the zero operation allows something")
	}
	if _, err := FilterBuckets(nil, func(string) bool { return true }); !errors.Is(err, ErrMalformedAnswer) {
		t.Errorf("no answer: %v", err)
	}
}
