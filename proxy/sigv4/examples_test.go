package sigv4_test

import (
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"testing"
	"time"

	"tollgate/proxy/sigv4"
)

// The worked examples of AWS: Amazon S3 API Reference, "Examples: Signature
// Calculations in AWS Signature Version 4", "Query Parameters" and "Transferring
// Payload in Multiple Chunks".
func TestExamplesOfVersion4(t *testing.T) {
	const credential = "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request"
	for _, c := range []struct {
		name, method, target, host string
		lines                      []string
		payload                    sigv4.Payload
		signature                  string
	}{
		{"GET object", "GET", "/test.txt", "examplebucket.s3.amazonaws.com", []string{
			"Range: bytes=0-9", "x-amz-content-sha256: " + empty, "x-amz-date: 20130524T000000Z",
			"Authorization: " + credential + ",SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
		}, sigv4.Digest, "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
		{"PUT object, the date in Date and a path sent unescaped", "PUT", "/test$file.text", "examplebucket.s3.amazonaws.com", []string{
			"Date: Fri, 24 May 2013 00:00:00 GMT", "x-amz-date: 20130524T000000Z", "x-amz-storage-class: REDUCED_REDUNDANCY",
			"x-amz-content-sha256: 44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
			"Authorization: " + credential + ",SignedHeaders=date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class,Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
		}, sigv4.Digest, "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"},
		{"GET bucket lifecycle", "GET", "/?lifecycle", "examplebucket.s3.amazonaws.com", []string{
			"x-amz-date: 20130524T000000Z", "x-amz-content-sha256: " + empty,
			"Authorization: " + credential + ",SignedHeaders=host;x-amz-content-sha256;x-amz-date,Signature=fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
		}, sigv4.Digest, "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
		{"list with a prefix", "GET", "/?max-keys=2&prefix=J", "examplebucket.s3.amazonaws.com", []string{
			"x-amz-date: 20130524T000000Z", "x-amz-content-sha256: " + empty,
			"Authorization: " + credential + ",SignedHeaders=host;x-amz-content-sha256;x-amz-date,Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
		}, sigv4.Digest, "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
		{"presigned GET", "GET", "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request" +
			"&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404",
			"examplebucket.s3.amazonaws.com", nil, sigv4.Unsigned, "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"},
		{"PUT in signed chunks", "PUT", "/examplebucket/chunkObject.txt", "s3.amazonaws.com", []string{
			"x-amz-date: 20130524T000000Z", "x-amz-storage-class: REDUCED_REDUNDANCY",
			"Authorization: " + credential + ",SignedHeaders=content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class,Signature=4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
			"x-amz-content-sha256: STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "Content-Encoding: aws-chunked", "x-amz-decoded-content-length: 66560", "Content-Length: 66824",
		}, sigv4.SignedChunks, "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"},
		{"PUT in signed chunks with a trailer", "PUT", "/examplebucket/chunkObject.txt", "s3.amazonaws.com", []string{
			"x-amz-date: 20130524T000000Z", "x-amz-storage-class: REDUCED_REDUNDANCY",
			"Authorization: " + credential + ",SignedHeaders=content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class;x-amz-trailer,Signature=106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
			"x-amz-content-sha256: STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", "Content-Encoding: aws-chunked", "x-amz-decoded-content-length: 66560", "x-amz-trailer: x-amz-checksum-crc32c", "Content-Length: 66824",
		}, sigv4.SignedChunksTrailer, "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e"},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := wire(t, c.method, c.target, c.host, c.lines...)
			if !sigv4.Presented(v) {
				t.Error("not seen as signed")
			}
			s, seed, err := verify(v, day, sigv4.NewKeys(64))
			wants(t, err, nil)
			if s.Version != sigv4.V4 || s.AccessKey != accessKey || !s.Time.Equal(day) || s.Payload != c.payload {
				t.Errorf("read as %+v", s)
			}
			if seed.Value != c.signature || seed.Date != "20130524T000000Z" || seed.Scope != "20130524/us-east-1/s3/aws4_request" {
				t.Errorf("seed %+v", seed)
			}
			if _, err := s.Verify(secret+"x", nil); err == nil {
				t.Error("verifies with another secret")
			}
		})
	}
}

// The chunk of AWS's example that follows the seed.
func TestSeedBeginsTheChainOfChunks(t *testing.T) {
	keys := sigv4.NewKeys(32)
	mac := keys.MAC(secret, "20130524", region)
	sum := mac([]byte("AWS4-HMAC-SHA256-PAYLOAD\n20130524T000000Z\n20130524/us-east-1/s3/aws4_request\n" +
		"4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9\n" + empty +
		"\nbf718b6f653bebc184e1479f1935b8da974d701b893afcf49e701f3e2f9f9c5a"))
	if got := hex.EncodeToString(sum[:]); got != "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648" {
		t.Errorf("chunk signature %s", got)
	}
}

// The examples of AWS's "Signing and authenticating REST requests".
func TestExamplesOfVersion2(t *testing.T) {
	const virtual = "awsexamplebucket1.us-west-1.s3.amazonaws.com"
	for _, c := range []struct {
		name, method, target, host, bucket string
		lines                              []string
		date                               string
		signature                          string
	}{
		{"GET object", "GET", "/photos/puppy.jpg", virtual, "awsexamplebucket1", nil, "Tue, 27 Mar 2007 19:36:42 +0000", "qgk2+6Sv9/oM7G3qLEjTH1a1l1g="},
		{"GET object in path style", "GET", "/awsexamplebucket1/photos/puppy.jpg", "s3.us-west-1.amazonaws.com", "", nil, "Tue, 27 Mar 2007 19:36:42 +0000", "qgk2+6Sv9/oM7G3qLEjTH1a1l1g="},
		{"PUT object", "PUT", "/photos/puppy.jpg", virtual, "awsexamplebucket1", []string{"Content-Type: image/jpeg", "Content-Length: 94328"}, "Tue, 27 Mar 2007 21:15:45 +0000", "iqRzw+ileNPu1fhspnRs8nOjjIA="},
		{"list", "GET", "/?prefix=photos&max-keys=50&marker=puppy", virtual, "awsexamplebucket1", nil, "Tue, 27 Mar 2007 19:42:41 +0000", "m0WP8eCtspQl5Ahe6L1SozdX9YA="},
		{"GET acl", "GET", "/?acl", virtual, "awsexamplebucket1", nil, "Tue, 27 Mar 2007 19:44:46 +0000", "82ZHiFIjc+WbcwFKGUVEQspPn+0="},
		{"upload to a bucket with a name of its own", "PUT", "/db-backup.dat.gz", "static.example.com:8080", "static.example.com", []string{
			"User-Agent: curl/7.15.5", "x-amz-acl: public-read", "content-type: application/x-download", "Content-MD5: 4gJE4saaMU4BqNR0kLY+lw==",
			"X-Amz-Meta-ReviewedBy: joe@example.com", "X-Amz-Meta-ReviewedBy: jane@example.com", "X-Amz-Meta-FileChecksum: 0x02661779",
			"X-Amz-Meta-ChecksumAlgorithm: crc32", "Content-Disposition: attachment; filename=database.dat", "Content-Encoding: gzip", "Content-Length: 5913339",
		}, "Tue, 27 Mar 2007 21:06:08 +0000", "jtBQa0Aq+DkULFI8qrpwIjGEx0E="},
		{"list all buckets", "GET", "/", "s3.us-west-1.amazonaws.com", "", nil, "Wed, 28 Mar 2007 01:29:59 +0000", "qGdzdERIC03wnaRNKh6OqZehG9s="},
		{"a key that is escaped", "GET", "/dictionary/fran%C3%A7ais/pr%c3%a9f%c3%a8re", "s3.us-west-1.amazonaws.com", "", nil, "Wed, 28 Mar 2007 01:49:49 +0000", "DNEZGsoieTZ92F3bUfSPQcbGmlM="},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := wire(t, c.method, c.target, c.host, append(c.lines, "Date: "+c.date, "Authorization: AWS "+accessKey+":"+c.signature)...)
			v.Bucket = c.bucket
			now, err := time.Parse(time.RFC1123Z, c.date)
			wants(t, err, nil)
			s, seed, err := verify(v, now, nil)
			wants(t, err, nil)
			if s.Version != sigv4.V2 || s.AccessKey != accessKey || s.Payload != sigv4.Unsigned || s.Region != "" || seed.MAC != nil {
				t.Errorf("read as %+v", s)
			}
			v.Bucket += "x"
			_, _, err = verify(v, now, nil)
			wants(t, err, sigv4.ErrMismatch)
		})
	}
}

// testdata/botocore.json was signed by botocore 1.43 with a fixed clock: both
// versions, both places, odd keys.
func TestRequestsSignedByBotocore(t *testing.T) {
	text, err := os.ReadFile("testdata/botocore.json")
	if err != nil {
		t.Fatal(err)
	}
	var rows []struct {
		Name, Method, URL string
		Header            map[string]string
	}
	if err := json.Unmarshal(text, &rows); err != nil {
		t.Fatal(err)
	}
	if len(rows) < 72 {
		t.Fatalf("%d rows", len(rows))
	}
	keys := sigv4.NewKeys(64)
	now := time.Date(2026, 3, 4, 5, 6, 8, 0, time.UTC)
	for _, row := range rows {
		t.Run(row.Name, func(t *testing.T) {
			u, err := url.Parse(row.URL)
			if err != nil {
				t.Fatal(err)
			}
			v := sigv4.View{Method: row.Method, Host: u.Host, Path: u.EscapedPath(), Query: u.RawQuery, Header: http.Header{}}
			for name, value := range row.Header {
				v.Header.Set(name, value)
			}
			s, _, err := verify(v, now, keys)
			wants(t, err, nil)
			if s.AccessKey != accessKey {
				t.Errorf("access key %s", s.AccessKey)
			}
			_, err = s.Verify("another", keys)
			wants(t, err, sigv4.ErrMismatch)
			v.Path += "x"
			_, _, err = verify(v, now, keys)
			wants(t, err, sigv4.ErrMismatch)
		})
	}
}
