package payload

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"strings"
	"testing"

	"tollgate/proxy/sigv4"
)

// The example of AWS's documentation.
const (
	exampleDate  = "20130524T000000Z"
	exampleScope = "20130524/us-east-1/s3/aws4_request"
	exampleSize  = 66560

	chunkedSeed = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"
	trailerSeed = "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e"
)

// exampleMAC signs with the key of AKIAIOSFODNN7EXAMPLE.
func exampleMAC() sigv4.MAC {
	return macOf("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", exampleScope)
}

// macOf derives the signing key of a secret for a scope.
func macOf(secret, scope string) sigv4.MAC {
	key := []byte("AWS4" + secret)
	for part := range strings.SplitSeq(scope, "/") {
		key = tag(key, []byte(part))
	}
	return func(message []byte) (sum [sha256.Size]byte) {
		copy(sum[:], tag(key, message))
		return sum
	}
}

func tag(key, message []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(message)
	return h.Sum(nil)
}

func exampleChain(seed string) *Chain {
	return &Chain{MAC: exampleMAC(), Date: exampleDate, Scope: exampleScope, Seed: seed}
}

func exampleBody() []byte { return bytes.Repeat([]byte{'a'}, exampleSize) }

// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html#example-signature-calculations-streaming
func chunkedExample() []byte {
	a := strings.Repeat("a", exampleSize)
	return []byte("10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n" + a[:65536] + "\r\n" +
		"400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n" + a[65536:] + "\r\n" +
		"0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n\r\n")
}

// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html
func trailerExample() []byte {
	a := strings.Repeat("a", exampleSize)
	return []byte("10000;chunk-signature=b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2\r\n" + a[:65536] + "\r\n" +
		"400;chunk-signature=1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7\r\n" + a[65536:] + "\r\n" +
		"0;chunk-signature=2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992\r\n" +
		"x-amz-checksum-crc32c:sOO8/Q==\r\n" +
		"x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n")
}

func TestTheChunkedExampleOfAWSIsDecoded(t *testing.T) {
	got, err := io.ReadAll(NewDecoder(bytes.NewReader(chunkedExample()), Decode{Length: exampleSize, Chain: exampleChain(chunkedSeed)}))
	if err != nil || !bytes.Equal(got, exampleBody()) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
}

func TestTheTrailerExampleOfAWSIsDecoded(t *testing.T) {
	d := NewDecoder(bytes.NewReader(trailerExample()), Decode{
		Length: exampleSize, Chain: exampleChain(trailerSeed), Trailers: []string{"x-amz-checksum-crc32c"},
	})
	if d.Trailer() != nil {
		t.Fatal("a trailer before the end")
	}
	got, err := io.ReadAll(d)
	if err != nil || !bytes.Equal(got, exampleBody()) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	if tr := d.Trailer(); len(tr) != 1 || tr[0].Algorithm != CRC32C || hex.EncodeToString(tr[0].Value) != "b0e3bcfd" {
		t.Fatalf("trailer %v", tr)
	}
}

func TestTheEncoderWritesTheExamplesOfAWS(t *testing.T) {
	crc, err := ParseChecksum("x-amz-checksum-crc32c", "sOO8/Q==")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]struct {
		enc  Encode
		want []byte
	}{
		"chunked": {Encode{Length: exampleSize, Chain: exampleChain(chunkedSeed)}, chunkedExample()},
		"trailer": {Encode{
			Length: exampleSize, Chain: exampleChain(trailerSeed), TrailerAlgorithms: []Algorithm{CRC32C},
			Trailer: func() []Checksum { return []Checksum{crc} },
		}, trailerExample()},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			got, err := io.ReadAll(NewEncoder(bytes.NewReader(exampleBody()), row.enc))
			if err != nil || !bytes.Equal(got, row.want) {
				t.Fatalf("%d bytes instead of %d, %v", len(got), len(row.want), err)
			}
			if EncodedLength(row.enc) != int64(len(row.want)) {
				t.Fatalf("EncodedLength %d, want %d", EncodedLength(row.enc), len(row.want))
			}
		})
	}
}
