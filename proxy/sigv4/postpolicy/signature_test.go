package postpolicy_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"tollgate/proxy/sigv4/postpolicy"
	"tollgate/tokens"
)

// The example of sigv4-post-example.html.
const (
	awsPolicy    = "eyAiZXhwaXJhdGlvbiI6ICIyMDE1LTEyLTMwVDEyOjAwOjAwLjAwMFoiLA0KICAiY29uZGl0aW9ucyI6IFsNCiAgICB7ImJ1Y2tldCI6ICJzaWd2NGV4YW1wbGVidWNrZXQifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRrZXkiLCAidXNlci91c2VyMS8iXSwNCiAgICB7ImFjbCI6ICJwdWJsaWMtcmVhZCJ9LA0KICAgIHsic3VjY2Vzc19hY3Rpb25fcmVkaXJlY3QiOiAiaHR0cDovL3NpZ3Y0ZXhhbXBsZWJ1Y2tldC5zMy5hbWF6b25hd3MuY29tL3N1Y2Nlc3NmdWxfdXBsb2FkLmh0bWwifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRDb250ZW50LVR5cGUiLCAiaW1hZ2UvIl0sDQogICAgeyJ4LWFtei1tZXRhLXV1aWQiOiAiMTQzNjUxMjM2NTEyNzQifSwNCiAgICB7IngtYW16LXNlcnZlci1zaWRlLWVuY3J5cHRpb24iOiAiQUVTMjU2In0sDQogICAgWyJzdGFydHMtd2l0aCIsICIkeC1hbXotbWV0YS10YWciLCAiIl0sDQoNCiAgICB7IngtYW16LWNyZWRlbnRpYWwiOiAiQUtJQUlPU0ZPRE5ON0VYQU1QTEUvMjAxNTEyMjkvdXMtZWFzdC0xL3MzL2F3czRfcmVxdWVzdCJ9LA0KICAgIHsieC1hbXotYWxnb3JpdGhtIjogIkFXUzQtSE1BQy1TSEEyNTYifSwNCiAgICB7IngtYW16LWRhdGUiOiAiMjAxNTEyMjlUMDAwMDAwWiIgfQ0KICBdDQp9"
	awsSignature = "8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e"
)

func awsForm() form {
	return form{file: "jpeg", fields: []pair{
		{"key", "user/user1/${filename}"}, {"acl", "public-read"},
		{"success_action_redirect", "http://sigv4examplebucket.s3.amazonaws.com/successful_upload.html"},
		{"Content-Type", "image/jpeg"}, {"x-amz-meta-uuid", "14365123651274"}, {"x-amz-server-side-encryption", "AES256"},
		{"X-Amz-Credential", "AKIAIOSFODNN7EXAMPLE/20151229/us-east-1/s3/aws4_request"}, {"X-Amz-Algorithm", "AWS4-HMAC-SHA256"},
		{"X-Amz-Date", "20151229T000000Z"}, {"x-amz-meta-tag", ""}, {"Policy", awsPolicy}, {"X-Amz-Signature", awsSignature},
	}, tail: "\r\n" + part("submit", "Upload to Amazon S3") + "--" + boundary + "--\r\n"}
}

func TestExampleOfAWS(t *testing.T) {
	f := open(t, awsForm())
	if f.Version() != postpolicy.V4 || f.AccessKey() != accessKey || f.Date() != "20151229" || f.Region() != "us-east-1" || f.Service() != "s3" {
		t.Errorf("read %v %s %s %s %s", f.Version(), f.AccessKey(), f.Date(), f.Region(), f.Service())
	}
	if err := f.Check(time.Date(2015, 12, 29, 1, 0, 0, 0, time.UTC), "us-east-1"); err != nil {
		t.Error(err)
	}
	if err := f.Verify(signingKey(secret, "20151229", "us-east-1")); err != nil {
		t.Error(err)
	}
	if err := f.Conditions("sigv4examplebucket"); err != nil {
		t.Error(err)
	}
	if key, err := f.Key(); key != "user/user1/photo.jpg" || err != nil {
		t.Errorf("key %q, %v", key, err)
	}
	if content, err := read(f.File()); content != "jpeg" || err != nil {
		t.Errorf("file %q, %v", content, err)
	}
	if err := f.Conditions("othersbucket"); !errors.Is(err, postpolicy.ErrPolicy) {
		t.Errorf("another bucket: %v", err)
	}
}

// TestExampleTampered changes a bit of every byte of what is signed, and of the
// signature.
func TestExampleTampered(t *testing.T) {
	f := awsForm()
	for _, i := range []int{len(f.fields) - 2, len(f.fields) - 1} {
		original := f.fields[i].value
		for at := range len(original) {
			changed, bit := []byte(original), at%8
			changed[at] ^= 1 << bit
			f.fields[i].value = string(changed)
			opened, err := postpolicy.Open(contentType, strings.NewReader(f.String()))
			if err != nil {
				continue
			}
			if err := opened.Verify(signingKey(secret, "20151229", "us-east-1")); !errors.Is(err, postpolicy.ErrMismatch) {
				t.Fatalf("bit %d at %d of %s: %v", bit, at, f.fields[i].name, err)
			}
		}
		f.fields[i].value = original
	}
}

// TestFormsOfBotocore goes by what testdata/presign.py wrote.
func TestFormsOfBotocore(t *testing.T) {
	text, err := os.ReadFile("testdata/botocore.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		Name, Key string
		Fields    [][2]string
	}
	if err := json.Unmarshal(text, &vectors); err != nil || len(vectors) < 7 {
		t.Fatal(len(vectors), err)
	}
	for _, v := range vectors {
		made := form{file: "content"}
		for _, field := range v.Fields {
			made.fields = append(made.fields, pair{field[0], field[1]})
		}
		f := open(t, made)
		err := f.Check(now, region)
		if v.Name == "session" {
			if !errors.Is(err, postpolicy.ErrSecurityToken) {
				t.Errorf("session: %v", err)
			}
			continue
		}
		if err == nil && f.Version() == postpolicy.V2 {
			err = errors.Join(f.VerifyV2(secret), f.Conditions(bucket))
			if f.VerifyV2(tokens.Secret(secret[1:])) == nil || f.Verify(signingKey(secret, day, region)) == nil {
				t.Errorf("%s: another secret passes", v.Name)
			}
			_ = f.VerifyV2(secret)
		} else if err == nil {
			err = judge(f)
		}
		if err != nil {
			t.Errorf("%s: %v", v.Name, err)
		}
		if key, _ := f.Key(); key != strings.ReplaceAll(v.Key, "${filename}", "photo.jpg") {
			t.Errorf("%s: key %q", v.Name, key)
		}
		if content, err := read(f.File()); content != "content" || err != nil {
			t.Errorf("%s: %q, %v", v.Name, content, err)
		}
	}
}

// changed returns a signed form with one field set, or left out for "".
func changed(name, value string) form {
	f := signed(anyKey, pair{"key", "k"})
	for i := range f.fields {
		if f.fields[i].name == name {
			if f.fields[i].value = value; value == "" {
				f.fields = append(f.fields[:i], f.fields[i+1:]...)
			}
			return f
		}
	}
	return f.with(pair{name, value})
}

func TestSignatureFields(t *testing.T) {
	v2 := signedV2(`{}`, pair{"key", "k"})
	for _, row := range []struct {
		name string
		form form
		want error // of Open
	}{
		{"Accepted", changed("x", "y"), nil},
		{"AcceptedUnsigned", form{fields: []pair{{"key", "k"}}}, nil},
		{"NoPolicy", changed("policy", ""), postpolicy.ErrMissingField},
		{"NoAlgorithm", changed("x-amz-algorithm", ""), postpolicy.ErrMissingField},
		{"NoCredential", changed("x-amz-credential", ""), postpolicy.ErrMissingField},
		{"NoDate", changed("x-amz-date", ""), postpolicy.ErrMissingField},
		{"NoSignature", changed("x-amz-signature", ""), postpolicy.ErrMissingField},
		{"BothVersions", changed("AWSAccessKeyId", accessKey), postpolicy.ErrArgument},
		{"BothSignatures", changed("Signature", "a"), postpolicy.ErrArgument},
		{"FourParts", changed("x-amz-credential", accessKey+"/"+day+"/"+region+"/s3"), postpolicy.ErrArgument},
		{"SixParts", changed("x-amz-credential", "a/"+accessKey+"/"+day+"/"+region+"/s3/aws4_request"), postpolicy.ErrArgument},
		{"VariableInCredential", changed("x-amz-credential", "${filename}/"+day+"/"+region+"/s3/aws4_request"), postpolicy.ErrMalformed},
		{"NoAccessKey", changed("x-amz-credential", "/"+day+"/"+region+"/s3/aws4_request"), postpolicy.ErrArgument},
		{"Version2", v2, nil},
		{"Version2NoPolicy", form{fields: []pair{v2.fields[0], v2.fields[1], v2.fields[3]}}, postpolicy.ErrMissingField},
		{"Version2NoSignature", form{fields: v2.fields[:3]}, postpolicy.ErrMissingField},
		{"Version2NoAccessKey", form{fields: []pair{v2.fields[0], v2.fields[2], v2.fields[3]}}, postpolicy.ErrMissingField},
		{"Version2EmptyAccessKey", form{fields: []pair{v2.fields[0], {"awsaccesskeyid", ""}, v2.fields[2], v2.fields[3]}}, postpolicy.ErrArgument},
	} {
		if _, err := postpolicy.Open(contentType, strings.NewReader(row.form.String())); !errors.Is(err, row.want) {
			t.Errorf("%s: got %v, want %v", row.name, err, row.want)
		}
	}
}

func TestCheck(t *testing.T) {
	scoped := func(scope string) form { return changed("x-amz-credential", accessKey+"/"+scope) }
	at := func(s string) time.Time {
		moment, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			t.Fatal(err)
		}
		return moment
	}
	lasting := signedPolicy(`{"expiration":"2030-01-01T00:00:00Z","conditions":[]}`, pair{"key", "k"})
	for _, row := range []struct {
		name   string
		form   form
		now    time.Time
		region string
		want   error
		says   string
	}{
		{"Accepted", signed(""), now, region, nil, ""},
		{"Unsigned", form{}, now, region, postpolicy.ErrUnsigned, "no signature"},
		{"SecurityToken", changed("x-amz-security-token", "t"), now, region, postpolicy.ErrSecurityToken, "token"},
		{"SecurityTokenOnly", form{fields: []pair{{"X-Amz-Security-Token", "t"}}}, now, region, postpolicy.ErrSecurityToken, "token"},
		{"OtherAlgorithm", changed("x-amz-algorithm", "AWS4-ECDSA-P256-SHA256"), now, region, postpolicy.ErrArgument, "AWS4-HMAC-SHA256"},
		{"AlgorithmOtherCase", changed("x-amz-algorithm", "aws4-hmac-sha256"), now, region, postpolicy.ErrArgument, "AWS4-HMAC-SHA256"},
		{"OtherService", scoped(day + "/" + region + "/s3tables/aws4_request"), now, region, postpolicy.ErrArgument, "s3tables"},
		{"OtherTerminator", scoped(day + "/" + region + "/s3/aws5_request"), now, region, postpolicy.ErrArgument, "aws5_request"},
		{"OtherRegion", scoped(day + "/us-east-1/s3/aws4_request"), now, region, postpolicy.ErrRegion, "expecting 'eu-west-1'"},
		{"RegionOtherCase", scoped(day + "/EU-WEST-1/s3/aws4_request"), now, region, postpolicy.ErrRegion, "wrong"},
		{"NoRegion", scoped(day + "//s3/aws4_request"), now, "", postpolicy.ErrRegion, "wrong"},
		{"OtherDay", scoped("20261121/" + region + "/s3/aws4_request"), now, region, postpolicy.ErrArgument, "20261121"},
		{"NoDay", scoped("/" + region + "/s3/aws4_request"), now, region, postpolicy.ErrArgument, day},
		{"DateNotBasic", changed("x-amz-date", "2026-11-22T12:00:00Z"), now, region, postpolicy.ErrArgument, "ISO8601"},
		{"DateWithFraction", changed("x-amz-date", "20261122T120000.5Z"), now, region, postpolicy.ErrArgument, "ISO8601"},
		{"DateNoDate", changed("x-amz-date", "20261322T120000Z"), now, region, postpolicy.ErrArgument, "ISO8601"},
		{"Ahead", lasting, at("2026-11-22T11:45:00Z"), region, nil, ""},
		{"TooFarAhead", lasting, at("2026-11-22T11:44:59Z"), region, postpolicy.ErrPolicy, "future"},
		{"SevenDays", lasting, at("2026-11-29T12:00:00Z"), region, nil, ""},
		{"OverSevenDays", lasting, at("2026-11-29T12:00:01Z"), region, postpolicy.ErrPolicy, "seven days"},
		{"BeforeExpiration", signed(""), at("2026-11-22T12:59:59.999Z"), region, nil, ""},
		{"AtExpiration", signed(""), at("2026-11-22T13:00:00Z"), region, postpolicy.ErrPolicy, "Policy expired"},
		{"AfterExpiration", signed(""), at("2026-11-22T13:00:01Z"), region, postpolicy.ErrPolicy, "Policy expired"},
		{"Version2Expired", signedV2(`{"expiration":"` + expires + `","conditions":[]}`), at(expires), region, postpolicy.ErrPolicy, "Policy expired"},
		{"Version2", signedV2(`{"expiration":"` + expires + `","conditions":[]}`), now, "any", nil, ""},
	} {
		if !strings.Contains(row.form.String(), `name="key"`) {
			row.form = row.form.with(pair{"key", "k"})
		}
		err := open(t, row.form).Check(row.now, row.region)
		if !errors.Is(err, row.want) || !strings.Contains(message(err), row.says) {
			t.Errorf("%s: got %v, want %v with %q", row.name, err, row.want, row.says)
		}
	}
}

func TestVerify(t *testing.T) {
	good := hexSum(signingKey(secret, day, region), base64.StdEncoding.EncodeToString([]byte("{}")))
	for _, row := range []struct {
		name, signature, secret, day, region string
		want                                 error
	}{
		{"Accepted", good, secret, day, region, nil},
		{"OtherSecret", good, secret + "x", day, region, postpolicy.ErrMismatch},
		{"OtherDay", good, secret, "20261123", region, postpolicy.ErrMismatch},
		{"OtherRegion", good, secret, day, "us-east-1", postpolicy.ErrMismatch},
		{"UpperCase", strings.ToUpper(good), secret, day, region, postpolicy.ErrMismatch},
		{"Short", good[:62], secret, day, region, postpolicy.ErrMismatch},
		{"Long", good + "00", secret, day, region, postpolicy.ErrMismatch},
		{"NoHex", "zz" + good[2:], secret, day, region, postpolicy.ErrMismatch},
		{"Zero", strings.Repeat("0", 64), secret, day, region, postpolicy.ErrMismatch},
	} {
		f := signedPolicy("{}", pair{"key", "k"})
		f.fields[len(f.fields)-1].value = row.signature
		err := open(t, f).Verify(signingKey(row.secret, row.day, row.region))
		if !errors.Is(err, row.want) {
			t.Errorf("%s: got %v, want %v", row.name, err, row.want)
		}
		if err != nil && strings.Contains(err.Error(), good) {
			t.Errorf("%s: the refusal holds the signature", row.name)
		}
	}
	v4 := open(t, signedPolicy("{}", pair{"key", "k"}))
	if v4.Verify(nil) == nil || v4.VerifyV2(secret) == nil {
		t.Error("version 4 verifies without its key")
	}
	for name, f := range map[string]*postpolicy.Form{
		"Garbage": open(t, form{fields: []pair{{"key", "k"}, {"AWSAccessKeyId", "a"}, {"policy", "e30="}, {"signature", "!"}}}),
		"Empty":   open(t, form{fields: []pair{{"key", "k"}, {"AWSAccessKeyId", "a"}, {"policy", "e30="}, {"signature", ""}}}),
	} {
		if f.VerifyV2(secret) == nil || f.VerifyV2("") == nil {
			t.Errorf("%s: passes", name)
		}
	}
	unkeyed := signedV2("{}", pair{"key", "k"})
	h := hmac.New(sha1.New, nil)
	h.Write([]byte(unkeyed.fields[2].value))
	unkeyed.fields[3].value = base64.StdEncoding.EncodeToString(h.Sum(nil))
	if open(t, unkeyed).VerifyV2("") == nil {
		t.Error("version 2 verifies with an empty secret")
	}
	v2 := open(t, signedV2("{}", pair{"key", "k"}))
	if err := v2.VerifyV2(tokens.Secret(secret)); err != nil {
		t.Error(err)
	}
	if v2.Verify(signingKey(secret, day, region)) == nil || v2.VerifyV2("") == nil {
		t.Error("version 2 verifies without its secret")
	}
}
