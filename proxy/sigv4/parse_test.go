package sigv4_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"tollgate/proxy/sigv4"
)

const hex64 = "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"

// authorization makes the header out of its three parts.
func authorization(credential, names, signature string) string {
	return "AWS4-HMAC-SHA256 Credential=" + credential + ", SignedHeaders=" + names + ", Signature=" + signature
}

const (
	credential = accessKey + "/20130524/us-east-1/s3/aws4_request"
	names      = "host;x-amz-content-sha256;x-amz-date"
)

func TestParseHeader(t *testing.T) {
	good := authorization(credential, names, hex64)
	for _, c := range []struct {
		name, authorization string
		kind                error
	}{
		{"read", good, nil},
		{"read without spaces", strings.ReplaceAll(good, ", ", ","), nil},
		{"read with spaces round commas", strings.ReplaceAll(good, ", ", "  ,  "), nil},
		{"read in another order", "AWS4-HMAC-SHA256 Signature=" + hex64 + ",Credential=" + credential + ",SignedHeaders=" + names, nil},
		{"read with the longest access key", authorization(strings.Repeat("k", 128)+credential[len(accessKey):], names, hex64), nil},
		{"read with the longest region", authorization(accessKey+"/20130524/"+strings.Repeat("r", 64)+"/s3/aws4_request", names, hex64), nil},
		{"access key too long", authorization(strings.Repeat("k", 129)+credential[len(accessKey):], names, hex64), sigv4.ErrHeaderMalformed},
		{"access key empty", authorization("/20130524/us-east-1/s3/aws4_request", names, hex64), sigv4.ErrHeaderMalformed},
		{"access key with a slash", authorization("a/"+credential, names, hex64), sigv4.ErrHeaderMalformed},
		{"access key with a space", authorization("a b/20130524/us-east-1/s3/aws4_request", names, hex64), sigv4.ErrHeaderMalformed},
		{"access key beyond ASCII", authorization("é/20130524/us-east-1/s3/aws4_request", names, hex64), sigv4.ErrHeaderMalformed},
		{"region empty", authorization(accessKey+"/20130524//s3/aws4_request", names, hex64), sigv4.ErrHeaderMalformed},
		{"region too long", authorization(accessKey+"/20130524/"+strings.Repeat("r", 65)+"/s3/aws4_request", names, hex64), sigv4.ErrHeaderMalformed},
		{"scope too short", authorization(accessKey+"/20130524/us-east-1/s3", names, hex64), sigv4.ErrHeaderMalformed},
		{"another service", authorization(accessKey+"/20130524/us-east-1/s3tables/aws4_request", names, hex64), sigv4.ErrHeaderMalformed},
		{"service in another case", authorization(accessKey+"/20130524/us-east-1/S3/aws4_request", names, hex64), sigv4.ErrHeaderMalformed},
		{"another terminator", authorization(accessKey+"/20130524/us-east-1/s3/aws4_requests", names, hex64), sigv4.ErrHeaderMalformed},
		{"another day", authorization(accessKey+"/20130523/us-east-1/s3/aws4_request", names, hex64), sigv4.ErrHeaderMalformed},
		{"a shorter day", authorization(accessKey+"/2013052/us-east-1/s3/aws4_request", names, hex64), sigv4.ErrHeaderMalformed},
		{"an empty day", authorization(accessKey+"//us-east-1/s3/aws4_request", names, hex64), sigv4.ErrHeaderMalformed},
		{"no SignedHeaders", authorization(credential, "", hex64), sigv4.ErrHeaderMalformed},
		{"an empty name", authorization(credential, "host;;x-amz-date", hex64), sigv4.ErrHeaderMalformed},
		{"a name in upper case", authorization(credential, "Host;x-amz-date", hex64), sigv4.ErrHeaderMalformed},
		{"names not sorted", authorization(credential, "x-amz-date;host", hex64), sigv4.ErrHeaderMalformed},
		{"a name twice", authorization(credential, "host;host;x-amz-date", hex64), sigv4.ErrHeaderMalformed},
		{"a name that is none", authorization(credential, "ho st;x-amz-date", hex64), sigv4.ErrHeaderMalformed},
		{"129 names", authorization(credential, strings.Repeat("a;", 128)+"b", hex64), sigv4.ErrHeaderMalformed},
		{"signature too short", authorization(credential, names, hex64[1:]), sigv4.ErrHeaderMalformed},
		{"signature too long", authorization(credential, names, hex64+"0"), sigv4.ErrHeaderMalformed},
		{"signature in upper case", authorization(credential, names, strings.ToUpper(hex64)), sigv4.ErrHeaderMalformed},
		{"signature that is no hex", authorization(credential, names, "g"+hex64[1:]), sigv4.ErrHeaderMalformed},
		{"signature empty", authorization(credential, names, ""), sigv4.ErrHeaderMalformed},
		{"Signature missing", "AWS4-HMAC-SHA256 Credential=" + credential + ", SignedHeaders=" + names, sigv4.ErrHeaderMalformed},
		{"SignedHeaders missing", "AWS4-HMAC-SHA256 Credential=" + credential + ", Signature=" + hex64, sigv4.ErrHeaderMalformed},
		{"Credential missing", "AWS4-HMAC-SHA256 SignedHeaders=" + names + ", Signature=" + hex64, sigv4.ErrHeaderMalformed},
		{"Credential twice", good + ", Credential=" + credential, sigv4.ErrHeaderMalformed},
		{"a component that is not known", good + ", Expires=1", sigv4.ErrHeaderMalformed},
		{"a component in another case", strings.Replace(good, "Signature=", "signature=", 1), sigv4.ErrHeaderMalformed},
		{"a comma at the end", good + ",", sigv4.ErrHeaderMalformed},
		{"spaces in place of commas", strings.ReplaceAll(good, ",", ""), sigv4.ErrHeaderMalformed},
		{"a component without a value", "AWS4-HMAC-SHA256 Credential", sigv4.ErrHeaderMalformed},
		{"the scheme alone", "AWS4-HMAC-SHA256", sigv4.ErrHeaderMalformed},
		{"8192 bytes are too short of a fault, 8193 too long", good + strings.Repeat(" ", 8193-len(good)) + ".", sigv4.ErrHeaderMalformed},
		{"a scheme in lower case", "aws4-hmac-sha256 " + good[17:], sigv4.ErrInvalidArgument},
		{"a scheme with a tab", "AWS4-HMAC-SHA256\t" + good[17:], sigv4.ErrInvalidArgument},
		{"a scheme of AWS that is not known", "AWS5-HMAC-SHA512 " + good[17:], sigv4.ErrInvalidArgument},
		{"version 4A", "AWS4-ECDSA-P256-SHA256 " + good[17:], sigv4.ErrVersion4A},
		{"version 2 without a colon", "AWS AKID", sigv4.ErrHeaderMalformed},
		{"version 2 without a key", "AWS :qgk2+6Sv9/oM7G3qLEjTH1a1l1g=", sigv4.ErrHeaderMalformed},
		{"version 2 with a short signature", "AWS AKID:qgk2", sigv4.ErrHeaderMalformed},
		{"version 2 with loose base64", "AWS AKID:qgk2+6Sv9/oM7G3qLEjTH1a1l1h=", sigv4.ErrHeaderMalformed},
		{"version 2 with line ends in base64", "AWS AKID:qgk2+6Sv9/oM7G3qLEj\nTH1a1l1g=", sigv4.ErrHeaderMalformed},
		{"the scheme of version 2 alone", "AWS", sigv4.ErrHeaderMalformed},
		{"no scheme of AWS", "Bearer x", sigv4.ErrNoSignature},
		{"empty", "", sigv4.ErrNoSignature},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := wire(t, "GET", "/b/k", "h", "x-amz-date: 20130524T000000Z", "x-amz-content-sha256: "+empty)
			v.Header["Authorization"] = []string{c.authorization}
			s, err := sigv4.Parse(v)
			if strings.HasPrefix(c.name, "version 2") {
				v.Header.Set("X-Amz-Date", day.Format(time.RFC1123Z))
				s, err = sigv4.Parse(v)
			}
			wants(t, err, c.kind)
			if err == nil && (s.Place != sigv4.InHeader || s.Version != sigv4.V4 || s.Date != "20130524" || s.Service != "s3" || len(s.SignedHeaders) != 3) {
				t.Errorf("read as %+v", s)
			}
			if err != nil && s != nil {
				t.Error("a result beside an error")
			}
		})
	}
}

// presigned returns the arguments of a presigned request.
func presigned(changes ...string) string {
	args := []string{
		"X-Amz-Algorithm=AWS4-HMAC-SHA256", "X-Amz-Credential=" + strings.ReplaceAll(credential, "/", "%2F"), "X-Amz-Date=20130524T000000Z",
		"X-Amz-Expires=60", "X-Amz-SignedHeaders=host", "X-Amz-Signature=" + hex64,
	}
	for _, change := range changes {
		name, _, _ := strings.Cut(change, "=")
		i := slices.IndexFunc(args, func(a string) bool { return strings.HasPrefix(a, name+"=") })
		switch {
		case strings.HasPrefix(name, "+"):
			args = append(args, change[1:])
		case strings.HasPrefix(name, "-"):
			args = slices.DeleteFunc(args, func(a string) bool { return strings.HasPrefix(a, name[1:]+"=") })
		default:
			args[i] = change
		}
	}
	return strings.Join(args, "&")
}

func TestParseQuery(t *testing.T) {
	for _, c := range []struct {
		name, query string
		kind        error
	}{
		{"read", presigned(), nil},
		{"read with names escaped", strings.ReplaceAll(presigned(), "X-Amz-", "X%2dAmz-"), nil},
		{"read beside other arguments", "a=1&" + presigned("+Signature=x", "+Expires=y", "+Signature=z"), nil},
		{"read with no time at all", presigned("X-Amz-Expires=0"), nil},
		{"read with seven days", presigned("X-Amz-Expires=604800"), nil},
		{"read with one second less", presigned("X-Amz-Expires=604799"), nil},
		{"one second more than seven days", presigned("X-Amz-Expires=604801"), sigv4.ErrQueryMalformed},
		{"expires before it begins", presigned("X-Amz-Expires=-1"), sigv4.ErrQueryMalformed},
		{"expires with a sign", presigned("X-Amz-Expires=%2B1"), sigv4.ErrQueryMalformed},
		{"expires is empty", presigned("X-Amz-Expires="), sigv4.ErrQueryMalformed},
		{"expires overflows", presigned("X-Amz-Expires=99999999999999999999"), sigv4.ErrQueryMalformed},
		{"no expiry", presigned("-X-Amz-Expires"), sigv4.ErrQueryMalformed},
		{"no date", presigned("-X-Amz-Date"), sigv4.ErrQueryMalformed},
		{"no algorithm", presigned("-X-Amz-Algorithm"), sigv4.ErrQueryMalformed},
		{"no credential", presigned("-X-Amz-Credential"), sigv4.ErrQueryMalformed},
		{"no SignedHeaders", presigned("-X-Amz-SignedHeaders"), sigv4.ErrQueryMalformed},
		{"no signature", presigned("-X-Amz-Signature"), sigv4.ErrQueryMalformed},
		{"the algorithm in lower case", presigned("X-Amz-Algorithm=aws4-hmac-sha256"), sigv4.ErrQueryMalformed},
		{"version 4A", presigned("X-Amz-Algorithm=AWS4-ECDSA-P256-SHA256"), sigv4.ErrVersion4A},
		{"a date with fractions", presigned("X-Amz-Date=20130524T000000.5Z"), sigv4.ErrQueryMalformed},
		{"a date of another form", presigned("X-Amz-Date=Fri, 24 May 2013 00:00:00 GMT"), sigv4.ErrQueryMalformed},
		{"a day that is none", presigned("X-Amz-Date=20130532T000000Z"), sigv4.ErrQueryMalformed},
		{"a date with an offset", presigned("X-Amz-Date=20130524T0000+0"), sigv4.ErrQueryMalformed},
		{"credential with the wrong service", presigned("X-Amz-Credential=" + strings.Replace(credential, "/s3/", "/iam/", 1)), sigv4.ErrQueryMalformed},
		{"credential with another day", presigned("X-Amz-Credential=" + strings.Replace(credential, "0524", "0525", 1)), sigv4.ErrQueryMalformed},
		{"names in upper case", presigned("X-Amz-SignedHeaders=Host"), sigv4.ErrQueryMalformed},
		{"names not sorted", presigned("X-Amz-SignedHeaders=x-a%3Bhost"), sigv4.ErrQueryMalformed},
		{"signature in upper case", presigned("X-Amz-Signature=" + strings.ToUpper(hex64)), sigv4.ErrQueryMalformed},
		{"signature twice", presigned("+X-Amz-Signature=" + hex64), sigv4.ErrInvalidArgument},
		{"credential twice", presigned("+X-Amz-Credential=x"), sigv4.ErrInvalidArgument},
		{"date twice, once escaped", presigned("+X%2DAmz-Date=x"), sigv4.ErrInvalidArgument},
		{"content digest twice", presigned("+X-Amz-Content-Sha256=UNSIGNED-PAYLOAD", "+X-Amz-Content-Sha256=UNSIGNED-PAYLOAD"), sigv4.ErrInvalidArgument},
		{"an argument in another case", presigned("+x-amz-signature=x"), sigv4.ErrQueryMalformed},
		{"an argument in another case alone", "X-AMZ-DATE=x", sigv4.ErrQueryMalformed},
		{"version 2 in another case", "AwsAccessKeyId=x", sigv4.ErrQueryMalformed},
		{"security token", presigned("+X-Amz-Security-Token=x"), sigv4.ErrSecurityToken},
		{"security token in another case", presigned("+x-amz-security-token="), sigv4.ErrSecurityToken},
		{"both versions", presigned("+AWSAccessKeyId=x"), sigv4.ErrMechanisms},
		{"an escape cut short", presigned("+a=%2"), sigv4.ErrURI},
		{"an escape that is none", presigned("+a=%zz"), sigv4.ErrURI},
		{"a digest that is none", presigned("+X-Amz-Content-Sha256=x"), sigv4.ErrInvalidArgument},
		{"no signature at all", "a=1&Signature=x&Expires=1", sigv4.ErrNoSignature},
		{"version 2 without an end", "AWSAccessKeyId=x&Signature=qgk2%2B6Sv9/oM7G3qLEjTH1a1l1g%3D", sigv4.ErrQueryMalformed},
		{"version 2 without a signature", "AWSAccessKeyId=x&Expires=1", sigv4.ErrQueryMalformed},
		{"version 2 with an end that is no number", "AWSAccessKeyId=x&Expires=-1&Signature=qgk2%2B6Sv9/oM7G3qLEjTH1a1l1g%3D", sigv4.ErrQueryMalformed},
		{"version 2 with a plus that is a space", "AWSAccessKeyId=x&Expires=1&Signature=qgk2+6Sv9/oM7G3qLEjTH1a1l1g%3D", sigv4.ErrQueryMalformed},
		{"version 2 with two ends", "AWSAccessKeyId=x&Expires=1&Expires=2&Signature=qgk2%2B6Sv9/oM7G3qLEjTH1a1l1g%3D", sigv4.ErrInvalidArgument},
		{"version 2 with two ends before its key", "Expires=1&Expires=2&Signature=qgk2%2B6Sv9/oM7G3qLEjTH1a1l1g%3D&AWSAccessKeyId=x", sigv4.ErrInvalidArgument},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := sigv4.Parse(sigv4.View{Method: "GET", Host: "h", Path: "/b/k", Query: c.query})
			wants(t, err, c.kind)
			if err == nil && (s.Place != sigv4.InQuery || s.AccessKey != accessKey || s.Payload != sigv4.Unsigned || !s.Deadline.Equal(s.Time.Add(s.Expires))) {
				t.Errorf("read as %+v", s)
			}
		})
	}
}

// What is refused whatever the signature says, because two readers could read
// the request differently.
func TestParseRefusesTwoReadings(t *testing.T) {
	good := authorization(credential, names, hex64)
	base := []string{"x-amz-date: 20130524T000000Z", "x-amz-content-sha256: " + empty, "Authorization: " + good}
	for _, c := range []struct {
		name, target string
		lines        []string
		kind         error
	}{
		{"read", "/b", base, nil},
		{"two Authorization", "/b", append(base, "Authorization: "+good), sigv4.ErrMechanisms},
		{"a Bearer beside it", "/b", append(base, "Authorization: Bearer x"), sigv4.ErrMechanisms},
		{"version 2 beside version 4", "/b", append(base, "Authorization: AWS a:qgk2+6Sv9/oM7G3qLEjTH1a1l1g="), sigv4.ErrMechanisms},
		{"header and query", "/b?" + presigned(), base, sigv4.ErrMechanisms},
		{"header and one argument", "/b?X-Amz-Expires=1", base, sigv4.ErrMechanisms},
		{"header and the digest as an argument", "/b?X-Amz-Content-Sha256=UNSIGNED-PAYLOAD", base, sigv4.ErrMechanisms},
		{"header and version 2 in the query", "/b?AWSAccessKeyId=x", base, sigv4.ErrMechanisms},
		{"presigned and a Bearer", "/b?" + presigned(), []string{"Authorization: Bearer x"}, sigv4.ErrMechanisms},
		{"two dates", "/b", append(base, "X-Amz-Date: 20130524T000000Z"), sigv4.ErrInvalidArgument},
		{"two digests", "/b", append(base, "X-Amz-Content-Sha256: UNSIGNED-PAYLOAD"), sigv4.ErrInvalidArgument},
		{"two decoded lengths", "/b", append(base, "x-amz-decoded-content-length: 1", "x-amz-decoded-content-length: 1"), sigv4.ErrInvalidArgument},
		{"two trailers", "/b", append(base, "x-amz-trailer: a", "x-amz-trailer: b"), sigv4.ErrInvalidArgument},
		{"security token", "/b", append(base, "x-amz-security-token: x"), sigv4.ErrSecurityToken},
		{"an empty security token", "/b", append(base, "x-amz-security-token:"), sigv4.ErrSecurityToken},
		{"a digest in the query and another in the header", "/b?" + presigned("+X-Amz-Content-Sha256=UNSIGNED-PAYLOAD"), base[1:2], sigv4.ErrInvalidArgument},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := sigv4.Parse(wire(t, "GET", c.target, "h", slices.Clone(c.lines)...))
			wants(t, err, c.kind)
		})
	}
	for _, name := range []string{"Content-Length", "Host"} {
		v := wire(t, "GET", "/b", "h", base...)
		v.Header[name] = []string{"1", "1"}
		_, err := sigv4.Parse(v)
		wants(t, err, sigv4.ErrInvalidArgument)
	}
	for _, path := range []string{"/%", "/%2", "/%g0", "/a%0gb"} {
		v := wire(t, "GET", "/b", "h", base...)
		v.Path = path
		_, err := sigv4.Parse(v)
		wants(t, err, sigv4.ErrURI)
	}
}

func TestParsePayload(t *testing.T) {
	const length, trailer = "x-amz-decoded-content-length: ", "x-amz-trailer: "
	for _, c := range []struct {
		name, value string
		lines       []string
		payload     sigv4.Payload
		decoded     int64
		trailers    []string
		kind        error
	}{
		{"digest", empty, nil, sigv4.Digest, -1, nil, nil},
		{"digest in upper case", strings.ToUpper(empty), nil, sigv4.Digest, -1, nil, nil},
		{"unsigned", "UNSIGNED-PAYLOAD", nil, sigv4.Unsigned, -1, nil, nil},
		{"a length that says nothing here", "UNSIGNED-PAYLOAD", []string{length + "5"}, sigv4.Unsigned, -1, nil, nil},
		{"signed chunks", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", []string{length + "0"}, sigv4.SignedChunks, 0, nil, nil},
		{"signed chunks and trailer", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", []string{length + "9223372036854775807", trailer + "x-amz-checksum-crc32"}, sigv4.SignedChunksTrailer, 1<<63 - 1, []string{"x-amz-checksum-crc32"}, nil},
		{"unsigned chunks and trailer", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", []string{length + "5", trailer + "X-Amz-Checksum-CRC32 , b"}, sigv4.UnsignedChunksTrailer, 5, []string{"x-amz-checksum-crc32", "b"}, nil},
		{"unsigned chunks, no trailer announced", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", []string{length + "5"}, sigv4.UnsignedChunksTrailer, 5, nil, nil},
		{"eight trailers", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", []string{length + "5", trailer + "a,b,c,d,e,f,g,h"}, sigv4.UnsignedChunksTrailer, 5, strings.Split("abcdefgh", ""), nil},
		{"nine trailers", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", []string{length + "5", trailer + "a,b,c,d,e,f,g,h,i"}, 0, 0, nil, sigv4.ErrInvalidArgument},
		{"a long trailer", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", []string{length + "5", trailer + strings.Repeat("a", 65)}, 0, 0, nil, sigv4.ErrInvalidArgument},
		{"a trailer twice", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", []string{length + "5", trailer + "a,A"}, 0, 0, nil, sigv4.ErrInvalidArgument},
		{"an empty trailer", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", []string{length + "5", trailer}, 0, 0, nil, sigv4.ErrInvalidArgument},
		{"a trailer without chunks", "UNSIGNED-PAYLOAD", []string{trailer + "a"}, 0, 0, nil, sigv4.ErrInvalidArgument},
		{"a trailer with chunks that have none", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", []string{length + "5", trailer + "a"}, 0, 0, nil, sigv4.ErrInvalidArgument},
		{"no length with signed chunks", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", nil, 0, 0, nil, sigv4.ErrMissingLength},
		{"no length with a signed trailer", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", nil, 0, 0, nil, sigv4.ErrMissingLength},
		{"no length with unsigned chunks", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", nil, 0, 0, nil, sigv4.ErrMissingLength},
		{"an empty length", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", []string{length}, 0, 0, nil, sigv4.ErrInvalidArgument},
		{"a negative length", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", []string{length + "-1"}, 0, 0, nil, sigv4.ErrInvalidArgument},
		{"a length with a sign", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", []string{length + "+1"}, 0, 0, nil, sigv4.ErrInvalidArgument},
		{"a length too large", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", []string{length + "9223372036854775808"}, 0, 0, nil, sigv4.ErrInvalidArgument},
		{"a length in hex", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", []string{length + "0x5"}, 0, 0, nil, sigv4.ErrInvalidArgument},
		{"version 4A", "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", nil, 0, 0, nil, sigv4.ErrVersion4A},
		{"version 4A and trailer", "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER", nil, 0, 0, nil, sigv4.ErrVersion4A},
		{"a mode that is not known", "STREAMING-UNSIGNED-PAYLOAD", []string{length + "5"}, 0, 0, nil, sigv4.ErrInvalidArgument},
		{"in lower case", "unsigned-payload", nil, 0, 0, nil, sigv4.ErrInvalidArgument},
		{"empty", "", nil, 0, 0, nil, sigv4.ErrInvalidArgument},
		{"a digest too short", empty[1:], nil, 0, 0, nil, sigv4.ErrInvalidArgument},
		{"a digest too long", empty + "0", nil, 0, 0, nil, sigv4.ErrInvalidArgument},
		{"64 characters that are no hex", strings.Repeat("g", 64), nil, 0, 0, nil, sigv4.ErrInvalidArgument},
		{"none", "none", nil, 0, 0, nil, sigv4.ErrMissingHeader},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := wire(t, "PUT", "/b/k", "h", append(c.lines, "x-amz-date: 20130524T000000Z", "x-amz-content-sha256: "+c.value,
				"Authorization: "+authorization(credential, names, hex64))...)
			if c.value == "none" {
				v.Header.Del("X-Amz-Content-Sha256")
			}
			s, err := sigv4.Parse(v)
			wants(t, err, c.kind)
			if err == nil && (s.Payload != c.payload || s.DecodedLength != c.decoded || !slices.Equal(s.Trailers, c.trailers)) {
				t.Errorf("read as %v %d %q", s.Payload, s.DecodedLength, s.Trailers)
			}
			if err == nil && (s.Payload == sigv4.Digest) != (s.Digest != [32]byte{}) {
				t.Errorf("digest %x", s.Digest)
			}
			if s != nil && s.Payload.Streams() != strings.HasPrefix(c.value, "STREAMING") {
				t.Error("streams or does not")
			}
			// A presigned request says the same of its body, and nothing is UNSIGNED-PAYLOAD.
			delete(v.Header, "Authorization")
			delete(v.Header, "X-Amz-Date")
			v.Query = presigned()
			s, err = sigv4.Parse(v)
			if c.value == "none" {
				wants(t, err, nil)
				return
			}
			wants(t, err, c.kind)
			if err == nil && s.Payload != c.payload {
				t.Errorf("presigned: %v", s.Payload)
			}
		})
	}
}

func TestPresented(t *testing.T) {
	for _, c := range []struct {
		name, query string
		values      []string
		want        bool
	}{
		{"version 4", "", []string{"AWS4-HMAC-SHA256 x"}, true},
		{"version 4 in lower case", "", []string{"aws4-hmac-sha256 x"}, true},
		{"version 4A", "", []string{"AWS4-ECDSA-P256-SHA256 x"}, true},
		{"version 2", "", []string{"AWS a:b"}, true},
		{"the second of two", "", []string{"Bearer x", "AWS a:b"}, true},
		{"algorithm", "a=1&X-Amz-Algorithm=x", nil, true},
		{"credential", "X-Amz-Credential=x", nil, true},
		{"signature", "X-Amz-Signature", nil, true},
		{"escaped", "X%2DAmz%2dSignature=x", nil, true},
		{"version 2 in the query", "AWSAccessKeyId=x", nil, true},
		{"Bearer", "", []string{"Bearer AWS"}, false},
		{"a short scheme", "", []string{"AW"}, false},
		{"a value of that name", "a=X-Amz-Signature", nil, false},
		{"words that others use", "Signature=x&Expires=1", nil, false},
		{"nothing", "", nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := sigv4.View{Query: c.query, Header: map[string][]string{"Authorization": c.values}}
			if got := sigv4.Presented(v); got != c.want {
				t.Error(got)
			}
		})
	}
}

func TestStrip(t *testing.T) {
	v2 := "AWSAccessKeyId=x&Expires=1&Signature=qgk2%2B6Sv9/oM7G3qLEjTH1a1l1g%3D"
	for _, c := range []struct{ name, query, want string }{
		{"nothing is left", presigned(), ""},
		{"the rest stays byte for byte", "b=%20+%2b&" + presigned("+X-Amz-Content-Sha256=UNSIGNED-PAYLOAD") + "&&a&=c&x-amz-acl=private", "b=%20+%2b&&a&=c&x-amz-acl=private"},
		{"names escaped", strings.ReplaceAll(presigned(), "X-Amz-", "X%2DAmz%2d") + "&a=1", "a=1"},
		{"version 4 leaves what version 2 takes", presigned() + "&Expires=1&Signature=2", "Expires=1&Signature=2"},
		{"version 2", "a=1&" + v2 + "&b", "a=1&b"},
		{"version 2 alone", v2, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := sigv4.Parse(sigv4.View{Method: "GET", Host: "h", Path: "/", Query: c.query})
			wants(t, err, nil)
			if got := s.Strip(c.query); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
	s, err := sigv4.Parse(signed(wire(t, "GET", "/?acl&Signature=1", "h"), empty))
	wants(t, err, nil)
	if got := s.Strip("acl&Signature=1"); got != "acl&Signature=1" {
		t.Errorf("signed in the header: %q", got)
	}
}

// The refusal of version 2 tells what to set instead.
func TestVersion2Refused(t *testing.T) {
	err := sigv4.Version2Refused()
	wants(t, err, sigv4.ErrVersion2)
	for _, word := range []string{"AWS4-HMAC-SHA256", "s3v4", "boto3", "aws configure", "s3cmd"} {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%s is not in %v", word, err)
		}
	}
}
