package s3

import (
	"bytes"
	"encoding/xml"
	"errors"
	"strings"
	"testing"
)

// bucketsOf makes an answer to ListBuckets.
func bucketsOf(buckets ...string) string {
	var b strings.Builder
	b.WriteString(head + "\n" + `<ListAllMyBucketsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Owner><ID>root</ID><DisplayName>Name</DisplayName></Owner><Buckets>`)
	for _, name := range buckets {
		b.WriteString("<Bucket><Name>" + name + "</Name><CreationDate>2013-05-24T00:00:00.000Z</CreationDate></Bucket>")
	}
	b.WriteString("</Buckets>" + moreBuckets + "<Prefix>a</Prefix></ListAllMyBucketsResult>\n")
	return b.String()
}

const moreBuckets = "<ContinuationToken>x &amp; y</ContinuationToken>"

// cutOf is what is left of a list of which buckets were taken off.
func cutOf(buckets ...string) string {
	return strings.Replace(bucketsOf(buckets...), moreBuckets, "", 1)
}

func TestFilterBuckets(t *testing.T) {
	const (
		token = "<ContinuationToken>bbb</ContinuationToken>"
		bbb   = "<Bucket><Name>bbb</Name></Bucket>"
	)
	result := func(s string) string { return "<ListAllMyBucketsResult>" + s + "</ListAllMyBucketsResult>" }
	for _, row := range []struct {
		verdict  string
		in, want string
		allowed  string
	}{
		{"none there", bucketsOf(), bucketsOf(), "aaa"},
		{"all stay byte for byte", bucketsOf("aaa", "bbb"), bucketsOf("aaa", "bbb"), "aaa bbb"},
		{"the first goes", bucketsOf("aaa", "bbb", "ccc"), cutOf("bbb", "ccc"), "bbb ccc"},
		{"the middle goes", bucketsOf("aaa", "bbb", "ccc"), cutOf("aaa", "ccc"), "aaa ccc"},
		{"the last goes", bucketsOf("aaa", "bbb", "ccc"), cutOf("aaa", "bbb"), "aaa bbb"},
		{"neighbours go", bucketsOf("aaa", "bbb", "ccc", "ddd"), cutOf("aaa", "ddd"), "aaa ddd"},
		{"all go", bucketsOf("aaa", "bbb"), cutOf(), ""},
		{"beginnings are no names", bucketsOf("aaa", "aaab"), cutOf("aaa"), "aaa"},
		{"entities are decoded", bucketsOf("a&#97;a", "b&amp;b"), cutOf("a&#97;a"), "aaa"},
		{"spaces belong to the name", bucketsOf(" aaa "), cutOf(), "aaa"},
		{"no list", "<ListAllMyBucketsResult/>", "<ListAllMyBucketsResult/>", ""},
		{"empty list", "<ListAllMyBucketsResult><Buckets/></ListAllMyBucketsResult>", "<ListAllMyBucketsResult><Buckets/></ListAllMyBucketsResult>", ""},
		{"indented", "<ListAllMyBucketsResult>\n <Buckets>\n  <Bucket>\n   <Name>aaa</Name>\n  </Bucket>\n </Buckets>\n</ListAllMyBucketsResult>",
			"<ListAllMyBucketsResult>\n <Buckets>\n  \n </Buckets>\n</ListAllMyBucketsResult>", ""},
		{"the token in front goes too", result(token + "<Buckets>" + bbb + "</Buckets>"), result("<Buckets></Buckets>"), "aaa"},
		{"the token in front stays", result(token + "<Buckets>" + bbb + "</Buckets>"), result(token + "<Buckets>" + bbb + "</Buckets>"), "bbb"},
		{"all ways of going on", result("<IsTruncated>true</IsTruncated><Marker>a</Marker><Buckets>" + bbb + "</Buckets><NextMarker>bbb</NextMarker><NextContinuationToken/><Prefix>b</Prefix>"),
			result("<Buckets></Buckets><Prefix>b</Prefix>"), "aaa"},
		{"in another case and deeper", result("<Buckets>" + bbb + "</Buckets><continuationtoken>bbb</continuationtoken><Page><isTruncated>true</isTruncated></Page>"),
			result("<Buckets></Buckets><Page></Page>"), "aaa"},
		{"deeper below another list", result("<Buckets>" + bbb + "</Buckets><More><Buckets><NextMarker>bbb</NextMarker></Buckets></More>"),
			result("<Buckets></Buckets><More><Buckets></Buckets></More>"), "aaa"},
		{"two tokens", result("<Buckets>" + bbb + "</Buckets>" + token + token), result("<Buckets></Buckets>"), "aaa"},
		{"region and more", "<ListAllMyBucketsResult><Buckets><Bucket><BucketRegion>r</BucketRegion><Name>aaa</Name></Bucket><Bucket><BucketRegion>r</BucketRegion><Name>bbb</Name></Bucket></Buckets></ListAllMyBucketsResult>",
			"<ListAllMyBucketsResult><Buckets><Bucket><BucketRegion>r</BucketRegion><Name>bbb</Name></Bucket></Buckets></ListAllMyBucketsResult>", "bbb"},
	} {
		given := []byte(row.in)
		got, err := FilterBuckets(given, func(b string) bool { return hasWord(row.allowed, b) })
		if err != nil || string(got) != row.want {
			t.Errorf("%s: %q, %v", row.verdict, got, err)
		}
		if string(given) != row.in {
			t.Errorf("%s: the answer itself was changed", row.verdict)
		}
	}
}

func TestListsOfBucketsThatAreRefused(t *testing.T) {
	bucket := "<Bucket><Name>aaa</Name></Bucket>"
	list := func(s string) string {
		return "<ListAllMyBucketsResult><Buckets>" + s + "</Buckets></ListAllMyBucketsResult>"
	}
	for _, row := range []struct{ verdict, in string }{
		{"nothing", ""},
		{"no XML", "aaa"},
		{"JSON", `["aaa"]`},
		{"another answer", "<ListBucketResult><Name>aaa</Name></ListBucketResult>"},
		{"an error", "<Error><Code>AccessDenied</Code></Error>"},
		{"wrapped", "<X>" + list(bucket) + "</X>"},
		{"bucket without a name", list("<Bucket></Bucket>")},
		{"bucket with an empty name", list("<Bucket><Name/></Bucket>")},
		{"bucket with two names", list("<Bucket><Name>aaa</Name><Name>bbb</Name></Bucket>")},
		{"bucket with a deep name", list("<Bucket><Name><x>aaa</x></Name></Bucket>")},
		{"bucket that is text", list("<Bucket>aaa</Bucket>")},
		{"text in the list", list("aaa")},
		{"text beside buckets", list(bucket + "bbb")},
		{"bucket beside the list", "<ListAllMyBucketsResult>" + bucket + "</ListAllMyBucketsResult>"},
		{"bucket deeper", list("<More>" + bucket + "</More>")},
		{"bucket in a bucket", list("<Bucket><Name>aaa</Name>" + bucket + "</Bucket>")},
		{"prefixes", `<n:ListAllMyBucketsResult xmlns:n="u"><n:Buckets/></n:ListAllMyBucketsResult>`},
		{"CDATA", list("<Bucket><Name><![CDATA[aaa]]></Name></Bucket>")},
		{"comment", list("<!-- bbb -->" + bucket)},
		{"two roots", list(bucket) + list(bucket)},
		{"truncated", list(bucket)[:40]},
		{"token with children", "<ListAllMyBucketsResult><Buckets/><ContinuationToken><x>bbb</x></ContinuationToken></ListAllMyBucketsResult>"},
		{"token in a token", "<ListAllMyBucketsResult><Buckets/><ContinuationToken><NextMarker>bbb</NextMarker></ContinuationToken></ListAllMyBucketsResult>"},
		{"token alone", "<ContinuationToken>bbb</ContinuationToken>"},
		{"too long", list(strings.Repeat(" ", MaxAnswer))},
	} {
		got, err := FilterBuckets([]byte(row.in), func(string) bool { return true })
		if !errors.Is(err, ErrMalformedAnswer) || got != nil {
			t.Errorf("%s: %q, %v", row.verdict, got, err)
		}
	}
}

// FuzzFilterBuckets: the names of what comes out, as the standard library
// reads them, are all allowed, and filtering once more changes nothing.
func FuzzFilterBuckets(f *testing.F) {
	f.Add([]byte(bucketsOf("aaa", "bbb", "ccc")), "b")
	f.Add([]byte("<ListAllMyBucketsResult><Buckets><Bucket><Name>a&#98;</Name></Bucket></Buckets></ListAllMyBucketsResult>"), "a")
	f.Add([]byte("<ListAllMyBucketsResult><Marker/><Buckets><Bucket><Name>a</Name></Bucket></Buckets><X><NextMarker>a</NextMarker></X></ListAllMyBucketsResult>"), "b")
	f.Add([]byte("<ListAllMyBucketsResult><Buckets><Bucket/></Buckets></ListAllMyBucketsResult>"), "")
	f.Fuzz(func(t *testing.T, document []byte, letter string) {
		allowed := func(b string) bool { return strings.Contains(b, letter) }
		out, err := FilterBuckets(document, allowed)
		if err != nil {
			return
		}
		var result struct {
			Buckets           []struct{ Bucket []struct{ Name string } }
			ContinuationToken *string
		}
		if err := xml.Unmarshal(out, &result); err != nil {
			t.Fatalf("%q became %q: %v", document, out, err)
		}
		for _, list := range result.Buckets {
			for _, b := range list.Bucket {
				if !allowed(b.Name) {
					t.Fatalf("%q shows %q", out, b.Name)
				}
			}
		}
		if result.ContinuationToken != nil && !bytes.Equal(out, document) {
			t.Fatalf("%q goes on", out)
		}
		if again, err := FilterBuckets(out, allowed); err != nil || !bytes.Equal(again, out) {
			t.Fatalf("%q becomes %q (%v)", out, again, err)
		}
	})
}

func TestScrubErrorTakesOffWhatIsNotForClients(t *testing.T) {
	for _, row := range []struct{ verdict, in, want, code string }{
		{
			"signature of AWS",
			head + `<Error><Code>SignatureDoesNotMatch</Code><Message>No match.</Message><AWSAccessKeyId>ROOTKEY</AWSAccessKeyId><StringToSign>AWS4-HMAC-SHA256 secret</StringToSign><SignatureProvided>abc</SignatureProvided><StringToSignBytes>41 57</StringToSignBytes><CanonicalRequest>GET / secret</CanonicalRequest><CanonicalRequestBytes>47</CanonicalRequestBytes><RequestId>R</RequestId><HostId>H</HostId></Error>`,
			`<Error><Code>SignatureDoesNotMatch</Code><Message>No match.</Message><RequestId>R</RequestId><HostId>H</HostId></Error>`,
			"SignatureDoesNotMatch",
		},
		{
			"key of AWS",
			`<Error><Code>InvalidAccessKeyId</Code><Message>No such key.</Message><AWSAccessKeyId>ROOTKEY</AWSAccessKeyId></Error>`,
			`<Error><Code>InvalidAccessKeyId</Code><Message>No such key.</Message></Error>`,
			"InvalidAccessKeyId",
		},
		{
			"clock",
			`<Error><Code>RequestTimeTooSkewed</Code><Message>m</Message><RequestTime>x</RequestTime><ServerTime>y</ServerTime></Error>`,
			`<Error><Code>RequestTimeTooSkewed</Code><Message>m</Message></Error>`,
			"RequestTimeTooSkewed",
		},
		{
			"object that is not there",
			head + "\n<Error>\n <Code>NoSuchKey</Code>\n <Message>a &lt; b</Message>\n <Key>a&amp;b</Key>\n <Resource>/bucket/a</Resource>\n</Error>\n",
			`<Error><Code>NoSuchKey</Code><Message>a &lt; b</Message><Key>a&amp;b</Key><Resource>/bucket/a</Resource></Error>`,
			"NoSuchKey",
		},
		{
			"another endpoint",
			`<Error><Code>PermanentRedirect</Code><Message>m</Message><Endpoint>storage.internal:9000</Endpoint><Bucket>bucket</Bucket></Error>`,
			`<Error><Code>PermanentRedirect</Code><Message>m</Message><Bucket>bucket</Bucket></Error>`,
			"PermanentRedirect",
		},
		{
			"what is nested",
			`<Error><Code>X</Code><Message>m</Message><Resource><AWSAccessKeyId>ROOTKEY</AWSAccessKeyId></Resource><Other><Code>Y</Code></Other></Error>`,
			`<Error><Code>X</Code><Message>m</Message></Error>`,
			"X",
		},
		{"attributes go", `<Error key="ROOTKEY"><Code id="ROOTKEY">X</Code></Error>`, `<Error><Code>X</Code></Error>`, "X"},
		{"code alone", `<Error><Code> X </Code></Error>`, `<Error><Code> X </Code></Error>`, "X"},
	} {
		got, code := ScrubError([]byte(row.in))
		if string(got) != xml.Header+row.want || code != row.code {
			t.Errorf("%s: %q, %q", row.verdict, got, code)
		}
		if bytes.Contains(got, []byte("ROOTKEY")) || bytes.Contains(got, []byte("secret")) {
			t.Errorf("%s: %q", row.verdict, got)
		}
	}
}

func TestErrorsThatCannotBeReadShowNothing(t *testing.T) {
	for _, row := range []struct{ verdict, in string }{
		{"nothing", ""},
		{"text", "ROOTKEY is no key"},
		{"HTML", "<html><body>ROOTKEY</body></html>"},
		{"HTML with DTD", "<!DOCTYPE html><html>ROOTKEY</html>"},
		{"JSON", `{"Code":"ROOTKEY"}`},
		{"another document", "<ListBucketResult><Name>ROOTKEY</Name></ListBucketResult>"},
		{"wrapped", "<ErrorResponse><Error><Code>ROOTKEY</Code></Error></ErrorResponse>"},
		{"no code", "<Error><Message>ROOTKEY</Message></Error>"},
		{"empty code", "<Error><Code/><Message>ROOTKEY</Message></Error>"},
		{"two codes", "<Error><Code>ROOTKEY</Code><Code>X</Code></Error>"},
		{"two messages", "<Error><Code>X</Code><Message>ROOTKEY</Message><Message>m</Message></Error>"},
		{"two roots", "<Error><Code>ROOTKEY</Code></Error><Error/>"},
		{"truncated", "<Error><Code>ROOTKEY</Code>"},
		{"comment", "<Error><Code>X</Code><!-- ROOTKEY --></Error>"},
		{"entity", "<Error><Code>&ROOTKEY;</Code></Error>"},
		{"too long", "<Error><Code>ROOTKEY</Code>" + strings.Repeat(" ", MaxDocument) + "</Error>"},
	} {
		got, code := ScrubError([]byte(row.in))
		if code != "InternalError" || bytes.Contains(got, []byte("ROOTKEY")) || !bytes.Contains(got, []byte("<Code>InternalError</Code>")) {
			t.Errorf("%s: %q, %q", row.verdict, got, code)
		}
	}
}

func FuzzScrubError(f *testing.F) {
	f.Add([]byte("<Error><Code>X</Code><AWSAccessKeyId>K</AWSAccessKeyId></Error>"))
	f.Add([]byte("<Error><Code>X</Code><Message>&#60;AWSAccessKeyId&#62;</Message></Error>"))
	f.Fuzz(func(t *testing.T, document []byte) {
		out, code := ScrubError(document)
		var read struct {
			XMLName xml.Name `xml:"Error"`
			Code    string
			Key     *string `xml:"AWSAccessKeyId"`
		}
		if err := xml.Unmarshal(out, &read); err != nil || code == "" || strings.TrimSpace(read.Code) != code || read.Key != nil {
			t.Fatalf("%q became %q, %q (%v)", document, out, code, err)
		}
		if again, same := ScrubError(out); !bytes.Equal(again, out) || same != code {
			t.Fatalf("%q becomes %q", out, again)
		}
	})
}

func TestErrorDocument(t *testing.T) {
	for _, row := range []struct {
		code, message, resource, id string
		want                        string
	}{
		{"NoSuchKey", "It is not there.", "/bucket/k", "0123", "<Error><Code>NoSuchKey</Code><Message>It is not there.</Message><Resource>/bucket/k</Resource><RequestId>0123</RequestId></Error>"},
		{"X", "m", "", "", "<Error><Code>X</Code><Message>m</Message></Error>"},
		{"X", "", "", "", "<Error><Code>X</Code><Message></Message></Error>"},
		{"X", "</Message><script>", "/b/]]>&amp;", "", "<Error><Code>X</Code><Message>&lt;/Message&gt;&lt;script&gt;</Message><Resource>/b/]]&gt;&amp;amp;</Resource></Error>"},
		{"X", "a\x00b\xffc", "", "", "<Error><Code>X</Code><Message>a\uFFFDb\uFFFDc</Message></Error>"},
		{"X", "a\"'\n", "", "", "<Error><Code>X</Code><Message>a&#34;&#39;&#xA;</Message></Error>"},
	} {
		got := ErrorDocument(row.code, row.message, row.resource, row.id)
		if string(got) != xml.Header+row.want {
			t.Errorf("%+v: %q", row, got)
		}
		if _, code := ScrubError(got); code != row.code {
			t.Errorf("%+v cannot be read again: %q", row, code)
		}
	}
}

func TestIsSignatureFault(t *testing.T) {
	for _, code := range []string{
		"SignatureDoesNotMatch", "InvalidAccessKeyId", "RequestTimeTooSkewed", "AuthorizationHeaderMalformed", "XAmzContentSHA256Mismatch", "InvalidToken", "RequestExpired",
		"AuthorizationQueryParametersError", "MissingAuthenticationToken", "MissingSecurityHeader", "IncompleteSignature", "InvalidSecurity", "ExpiredToken", "NotSignedUp",
	} {
		if !IsSignatureFault(code) {
			t.Errorf("%s counts as the client's", code)
		}
	}
	for _, code := range []string{"", "AccessDenied", "NoSuchKey", "NoSuchBucket", "BadDigest", "InvalidArgument", "SlowDown", "InternalError", "signaturedoesnotmatch"} {
		if IsSignatureFault(code) {
			t.Errorf("%s counts as the gateway's", code)
		}
	}
}
