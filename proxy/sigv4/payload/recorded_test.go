package payload

import (
	"io"
	"strings"
	"testing"
)

// Bodies of "hello world" as real clients sent them, byte for byte. The secret
// was made up for the recording.
func TestRecordedBodiesOfClientsAreAccepted(t *testing.T) {
	const scope = "20261122/us-east-1/s3/aws4_request"
	chain := func(date, seed string) *Chain {
		return &Chain{MAC: macOf("secretsecret", scope), Date: date, Scope: scope, Seed: seed}
	}
	rows := map[string]struct {
		body    string
		chain   *Chain
		trailer string
	}{
		"aws-sdk-go-v2 1.47 over TLS": {
			"b\r\nhello world\r\n0\r\nx-amz-checksum-crc32:DUoRhQ==\r\n\r\n",
			nil, "x-amz-checksum-crc32",
		},
		"botocore 1.43, in chunks of 8": {
			"8\r\nhello wo\r\n3\r\nrld\r\n0\r\nx-amz-checksum-crc32:DUoRhQ==\r\n\r\n",
			nil, "x-amz-checksum-crc32",
		},
		"minio-go 7.4 over TLS": {
			"b\r\nhello world\r\n0\r\nx-amz-checksum-crc32c:yZRlqg==\n\r\n\r\n",
			nil, "x-amz-checksum-crc32c",
		},
		"minio-go 7.4 with a trailer": {
			"b;chunk-signature=570cdd196bf6d4e6bc6d2019a82d03396a4f9697698bbdfc1bc0d80e81b4d866\r\nhello world\r\n" +
				"0;chunk-signature=d9203faba514d58bf1adda943e6566ecf9fa14e23f6905f0658178d8aafaeb13\r\n" +
				"x-amz-checksum-crc32c:yZRlqg==\n\r\n" +
				"x-amz-trailer-signature:81f501189a93a539ebe996db3fa13d8d15172fda411280da5d944fd0d77e65e5\r\n\r\n",
			chain("20261122T042515Z", "455270d5eb858529620c978dbca2615caeaf7a9aef5d54100087b27492bbdcb2"), "x-amz-checksum-crc32c",
		},
		"minio-go 7.4 without a trailer": {
			"b;chunk-signature=12991bf978e8f74e4e2cbe4c89525fd0a792eaf59bdae284594da4151b43de95\r\nhello world\r\n" +
				"0;chunk-signature=6f7b7222ee89e9c82e1d1065f8054cfdbf3bbcc6943d0f5fe662d56b87ecbdd4\r\n\r\n",
			chain("20261122T042521Z", "c2c22e06717b93d440740c654c6fef60e543f1f8944906a9ce0f4f4d2ea4d638"), "",
		},
	}
	for name, row := range rows {
		for style, dress := range styles {
			t.Run(name+"/"+style, func(t *testing.T) {
				want := Decode{Length: 11, Chain: row.chain}
				if row.trailer != "" {
					want.Trailers = []string{row.trailer}
				}
				if got := decode(t, dress(strings.NewReader(row.body)), want, nil); string(got) != "hello world" {
					t.Fatalf("%q", got)
				}
			})
		}
	}
}

// botocore sends an empty body with a trailer, too.
func TestRecordedEmptyBodyIsAccepted(t *testing.T) {
	const body = "0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n"
	want := Decode{Trailers: []string{crc32Name}}
	if err := CheckEmpty(NewDecoder(strings.NewReader(body), want)); err != nil {
		t.Fatal(err)
	}
	wrong := strings.Replace(body, "AAAAAA==", "DUoRhQ==", 1)
	if err := CheckEmpty(NewDecoder(strings.NewReader(wrong), want)); err == nil {
		t.Fatal("an empty body with the checksum of another was accepted")
	}
}

// A body of one huge unsigned chunk, as the SDK for Go sends it, is never held.
func TestAHugeUnsignedChunkStreams(t *testing.T) {
	const size = maxSignedChunk + 1
	src := io.MultiReader(strings.NewReader("1000001\r\n"), io.LimitReader(zeros{}, size), strings.NewReader("\r\n0\r\n\r\n"))
	n, err := io.Copy(io.Discard, NewDecoder(src, Decode{Length: size}))
	if n != size || err != nil {
		t.Fatal(n, err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
