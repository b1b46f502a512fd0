package postpolicy_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"tollgate/proxy/sigv4/postpolicy"
)

func TestPolicyDocument(t *testing.T) {
	conditions := func(text string) string { return `{"expiration":"` + expires + `","conditions":[` + text + `]}` }
	expiring := func(text string) string { return `{"expiration":` + text + `,"conditions":[]}` }
	for _, row := range []struct {
		name, policy string
		want         error
		says         string
	}{
		{"Empty", conditions(""), nil, ""},
		{"ConditionsFirst", `{"conditions":[],"expiration":"` + expires + `"}`, nil, ""},
		{"Spaces", "\r\n{ \"expiration\" : \"" + expires + "\" ,\t\"conditions\" : [ ] }\n", nil, ""},
		{"Simple", conditions(`{"key":"a"}`), nil, ""},
		{"Equals", conditions(`["eq","$key","a"]`), nil, ""},
		{"StartsWith", conditions(`["starts-with","$key",""]`), nil, ""},
		{"OperatorOtherCase", conditions(`["StArTs-WiTh","$KeY","a"]`), nil, ""},
		{"Range", conditions(`["content-length-range",0,9223372036854775807]`), nil, ""},
		{"RangeOfStrings", conditions(`["content-length-range","5","10"]`), nil, ""},
		{"RangeOfOne", conditions(`["content-length-range",5,5]`), nil, ""},
		{"Escapes", conditions(`{"key":"\u0061\\\"\n"}`), nil, ""},
		{"NoFraction", expiring(`"2026-11-22T13:00:00Z"`), nil, ""},
		{"Microseconds", expiring(`"2026-11-22T13:00:00.123456Z"`), nil, ""},

		{"NoJSON", "hello", postpolicy.ErrPolicyDocument, "Invalid JSON"},
		{"NoText", "", postpolicy.ErrPolicyDocument, "Invalid JSON"},
		{"List", `[]`, postpolicy.ErrPolicyDocument, "Object"},
		{"Null", `null`, postpolicy.ErrPolicyDocument, "Object"},
		{"TrailingData", conditions("") + "{}", postpolicy.ErrPolicyDocument, "Invalid JSON"},
		{"TrailingComma", conditions(`{"key":"a"},`), postpolicy.ErrPolicyDocument, "Invalid JSON"},
		{"SingleQuotes", conditions(`['eq','$key','a']`), postpolicy.ErrPolicyDocument, "Invalid JSON"},
		{"Comment", conditions(`/* */`), postpolicy.ErrPolicyDocument, "Invalid JSON"},
		{"Truncated", conditions("")[:40], postpolicy.ErrPolicyDocument, "Invalid JSON"},
		{"NotUTF8", conditions("{\"key\":\"\xff\"}"), postpolicy.ErrPolicyDocument, "Invalid JSON"},
		{"ByteOrderMark", "\ufeff" + conditions(""), postpolicy.ErrPolicyDocument, "Invalid JSON"},
		{"DeepNesting", strings.Repeat("[", 9000) + strings.Repeat("]", 5000), postpolicy.ErrPolicyDocument, ""},
		{"DeepNestingWellFormed", conditions(strings.Repeat("[", 5000) + strings.Repeat("]", 5000)), postpolicy.ErrPolicyDocument, "List of an operation"},
		{"DuplicateExpiration", `{"expiration":"` + expires + `","expiration":"2030-01-01T00:00:00Z","conditions":[]}`, postpolicy.ErrPolicyDocument, "Duplicate"},
		{"DuplicateConditions", `{"expiration":"` + expires + `","conditions":[],"conditions":[]}`, postpolicy.ErrPolicyDocument, "Duplicate"},
		{"DuplicateByEscape", `{"expiration":"` + expires + `","\u0065xpiration":"2030-01-01T00:00:00Z","conditions":[]}`, postpolicy.ErrPolicyDocument, "Duplicate"},
		{"UnknownMember", `{"Statement":[],"expiration":"` + expires + `","conditions":[]}`, postpolicy.ErrPolicyDocument, "Unexpected: 'Statement'"},
		{"MemberOtherCase", `{"EXPIRATION":"` + expires + `","conditions":[]}`, postpolicy.ErrPolicyDocument, "Unexpected"},
		{"NoExpiration", `{"conditions":[]}`, postpolicy.ErrPolicyDocument, "missing expiration"},
		{"NoConditions", `{"expiration":"` + expires + `"}`, postpolicy.ErrPolicyDocument, "missing conditions"},
		{"ConditionsNoList", `{"expiration":"` + expires + `","conditions":{}}`, postpolicy.ErrPolicyDocument, "must be a List"},
		{"ExpirationNumber", expiring(`1795352400`), postpolicy.ErrPolicyDocument, "expiration"},
		{"ExpirationNull", expiring(`null`), postpolicy.ErrPolicyDocument, "expiration"},
		{"ExpirationEmpty", expiring(`""`), postpolicy.ErrPolicyDocument, "expiration"},
		{"ExpirationOffset", expiring(`"2026-11-22T13:00:00+02:00"`), postpolicy.ErrPolicyDocument, "expiration"},
		{"ExpirationSpace", expiring(`"2026-11-22 13:00:00Z"`), postpolicy.ErrPolicyDocument, "expiration"},
		{"ExpirationComma", expiring(`"2026-11-22T13:00:00,5Z"`), postpolicy.ErrPolicyDocument, "expiration"},
		{"ExpirationNoDay", expiring(`"2026-02-30T13:00:00Z"`), postpolicy.ErrPolicyDocument, "expiration"},
		{"ExpirationLongFraction", expiring(`"2026-11-22T13:00:00.1234567890Z"`), postpolicy.ErrPolicyDocument, "expiration"},
		{"ConditionString", conditions(`"eq"`), postpolicy.ErrPolicyDocument, "List or Object"},
		{"ConditionNull", conditions(`null`), postpolicy.ErrPolicyDocument, "List or Object"},
		{"EmptyObject", conditions(`{}`), postpolicy.ErrPolicyDocument, "exactly one property"},
		{"TwoProperties", conditions(`{"key":"a","acl":"b"}`), postpolicy.ErrPolicyDocument, "exactly one property"},
		{"SamePropertyTwice", conditions(`{"key":"a","key":"b"}`), postpolicy.ErrPolicyDocument, "exactly one property"},
		{"PropertyNumber", conditions(`{"key":1}`), postpolicy.ErrPolicyDocument, "must be a string"},
		{"PropertyNull", conditions(`{"key":null}`), postpolicy.ErrPolicyDocument, "must be a string"},
		{"PropertyList", conditions(`{"key":["a"]}`), postpolicy.ErrPolicyDocument, "must be a string"},
		{"EmptyList", conditions(`[]`), postpolicy.ErrPolicyDocument, "two operands"},
		{"TwoItems", conditions(`["eq","$key"]`), postpolicy.ErrPolicyDocument, "two operands"},
		{"FourItems", conditions(`["eq","$key","a","b"]`), postpolicy.ErrPolicyDocument, "two operands"},
		{"NestedItem", conditions(`["eq","$key",["a"]]`), postpolicy.ErrPolicyDocument, "two operands"},
		{"UnknownOperator", conditions(`["ends-with","$key","a"]`), postpolicy.ErrPolicyDocument, "unknown operation 'ends-with'"},
		{"OperatorNumber", conditions(`[1,"$key","a"]`), postpolicy.ErrPolicyDocument, "unknown operation"},
		{"ValueNumber", conditions(`["eq","$key",1]`), postpolicy.ErrPolicyDocument, "strings"},
		{"ValueNull", conditions(`["eq","$key",null]`), postpolicy.ErrPolicyDocument, "strings"},
		{"FieldNumber", conditions(`["eq",1,"a"]`), postpolicy.ErrPolicyDocument, "strings"},
		{"BucketStartsWith", conditions(`["starts-with","$bucket",""]`), postpolicy.ErrPolicyDocument, "exact"},
		{"BucketStartsWithOtherCase", conditions(`["starts-with","$Bucket","u"]`), postpolicy.ErrPolicyDocument, "exact"},
		{"RangeTurned", conditions(`["content-length-range",2,1]`), postpolicy.ErrPolicyDocument, "whole numbers"},
		{"RangeNegative", conditions(`["content-length-range",-1,0]`), postpolicy.ErrPolicyDocument, "whole numbers"},
		{"RangeFloat", conditions(`["content-length-range",0,512.0]`), postpolicy.ErrPolicyDocument, "whole numbers"},
		{"RangeExponent", conditions(`["content-length-range",0,1e3]`), postpolicy.ErrPolicyDocument, "whole numbers"},
		{"RangeTooLarge", conditions(`["content-length-range",0,9223372036854775808]`), postpolicy.ErrPolicyDocument, "whole numbers"},
		{"RangeWords", conditions(`["content-length-range","a","b"]`), postpolicy.ErrPolicyDocument, "whole numbers"},
		{"RangeSigned", conditions(`["content-length-range","+1","2"]`), postpolicy.ErrPolicyDocument, "whole numbers"},
		{"RangeNull", conditions(`["content-length-range",null,2]`), postpolicy.ErrPolicyDocument, "whole numbers"},
		{"RangeOneBound", conditions(`["content-length-range",0]`), postpolicy.ErrPolicyDocument, "two operands"},
	} {
		err := open(t, signedPolicy(row.policy, pair{"key", "k"})).Check(now, region)
		if !errors.Is(err, row.want) || !strings.Contains(message(err), row.says) {
			t.Errorf("%s: got %v, want %v with %q", row.name, err, row.want, row.says)
		}
	}
}

func TestPolicyBase64(t *testing.T) {
	text := base64.StdEncoding.EncodeToString([]byte(`{"expiration":"` + expires + `","conditions":[]} `))
	spaced := `{"expiration":"` + expires + `","conditions":[]} `
	for len(spaced)%3 != 1 {
		spaced += " "
	}
	spaced = base64.StdEncoding.EncodeToString([]byte(spaced))
	for _, row := range []struct {
		name, policy string
		want         error
	}{
		{"Accepted", text, nil},
		{"AcceptedPadded", spaced, nil},
		{"BitsInPadding", strings.TrimSuffix(spaced, "A==") + "B==", postpolicy.ErrPolicyDocument},
		{"AcceptedInLines", text[:40] + "\r\n" + text[40:] + "\r\n", nil},
		{"NoPadding", strings.TrimRight(base64.StdEncoding.EncodeToString([]byte(`{}`)), "="), postpolicy.ErrPolicyDocument},
		{"Space", text[:40] + " " + text[40:], postpolicy.ErrPolicyDocument},
		{"URLAlphabet", "_-8=", postpolicy.ErrPolicyDocument},
		{"More", text + "=", postpolicy.ErrPolicyDocument},
		{"Empty", "", postpolicy.ErrPolicyDocument},
	} {
		f := signedPolicy("{}", pair{"key", "k"})
		f.fields[len(f.fields)-2].value = row.policy
		if err := open(t, f).Check(now, region); !errors.Is(err, row.want) {
			t.Errorf("%s: got %v, want %v", row.name, err, row.want)
		}
	}
}

func TestConditions(t *testing.T) {
	failed := func(condition string) string { return "Policy Condition failed: " + condition }
	for _, row := range []struct {
		name, conditions string
		fields           []pair
		says             string // "": accepted
	}{
		{"Exact", `{"key":"a"}`, []pair{{"key", "a"}}, ""},
		{"ExactOther", `{"key":"a"}`, []pair{{"key", "b"}}, failed(`["eq", "$key", "a"]`)},
		{"ExactLonger", `{"key":"a"}`, []pair{{"key", "ab"}}, failed(`["eq", "$key", "a"]`)},
		{"ExactOtherCase", `{"key":"a"}`, []pair{{"key", "A"}}, failed(`["eq", "$key", "a"]`)},
		{"ExactEmpty", `["eq","$acl",""],` + anyKey, []pair{{"key", "a"}, {"acl", "private"}}, failed(`["eq", "$acl", ""]`)},
		{"Equals", `["eq","$key","a"]`, []pair{{"key", "a"}}, ""},
		{"EqualsQuoted", `["eq","$Content-Disposition","filename=\"a\""],` + anyKey, []pair{{"key", "a"}, {"content-disposition", "b"}}, failed(`["eq", "$Content-Disposition", "filename=\"a\""]`)},
		{"EqualsWithoutDollar", `["eq","key","a"]`, []pair{{"key", "a"}}, failed(`["eq", "key", "a"]`)},
		{"StartsWith", `["starts-with","$key","user/"]`, []pair{{"key", "user/a"}}, ""},
		{"StartsWithOther", `["starts-with","$key","user/"]`, []pair{{"key", "users/a"}}, failed(`["starts-with", "$key", "user/"]`)},
		{"StartsWithInTheMiddle", `["starts-with","$key","user/"]`, []pair{{"key", "/user/a"}}, failed(`["starts-with", "$key", "user/"]`)},
		{"StartsWithAnything", anyKey, []pair{{"key", "a"}}, ""},
		{"StartsWithoutDollar", `["starts-with","key",""]`, []pair{{"key", "a"}}, failed(`["starts-with", "key", ""]`)},
		{"ExpandedBeforeJudged", `["starts-with","$key","user/photo"]`, []pair{{"key", "user/${filename}"}}, ""},
		{"VariableIsNotMatched", `{"key":"user/${filename}"}`, []pair{{"key", "user/${filename}"}}, "Policy Condition failed"},
		{"NamesOtherCase", `{"kEy":"a"},["eq","$ACL","private"]`, []pair{{"KEY", "a"}, {"Acl", "private"}}, ""},
		{"SeveralForOneField", `["starts-with","$key","a"],["starts-with","$key","ab"]`, []pair{{"key", "abc"}}, ""},
		{"SeveralForOneFieldOneFails", anyKey + `,["eq","$key","ab"]`, []pair{{"key", "abc"}}, failed(`["eq", "$key", "ab"]`)},
		{"AbsentField", anyKey + `,{"acl":"private"}`, []pair{{"key", "a"}}, failed(`["eq", "$acl", "private"]`)},
		{"AbsentFieldAnything", anyKey + `,["starts-with","$acl",""]`, []pair{{"key", "a"}}, failed(`["starts-with", "$acl", ""]`)},
		{"AbsentFieldEmpty", anyKey + `,{"acl":""}`, []pair{{"key", "a"}}, failed(`["eq", "$acl", ""]`)},
		{"EmptyField", anyKey + `,{"acl":""}`, []pair{{"key", "a"}, {"acl", ""}}, ""},
		{"ContentType", anyKey + `,["starts-with","$Content-Type","image/"]`, []pair{{"key", "a"}, {"Content-Type", "image/png"}}, ""},
		{"ContentTypeList", anyKey + `,["starts-with","$Content-Type","image/"]`, []pair{{"key", "a"}, {"Content-Type", "image/jpg,image/png,image/gif"}}, ""},
		{"ContentTypeListOther", anyKey + `,["starts-with","$content-type","image/"]`, []pair{{"key", "a"}, {"Content-Type", "image/jpg,text/plain"}}, "Policy Condition failed"},
		{"OtherListIsText", anyKey + `,["starts-with","$acl","a"]`, []pair{{"key", "a"}, {"acl", "a,b"}}, ""},
		{"ContentTypeOfFileDoesNotCount", anyKey + `,["starts-with","$Content-Type","image/"]`, []pair{{"key", "a"}}, failed(`["starts-with", "$Content-Type", "image/"]`)},
		{"ExtraField", anyKey, []pair{{"key", "a"}, {"acl", "public-read"}}, "Extra input fields: acl"},
		{"ExtraFields", anyKey, []pair{{"key", "a"}, {"Filename", "x"}, {"x-amz-meta-a", "b"}}, "Extra input fields: Filename, x-amz-meta-a"},
		{"ExtraKey", "", []pair{{"key", "a"}}, "Extra input fields: key"},
		{"ExtraChecksum", anyKey, []pair{{"key", "a"}, {"x-amz-checksum-sha256", "x"}}, "Extra input fields: x-amz-checksum-sha256"},
		{"Ignored", anyKey, []pair{{"key", "a"}, {"X-Ignore-a", "b"}}, ""},
		{"BucketField", anyKey, []pair{{"key", "a"}, {"bucket", bucket}}, ""},
		{"BucketFieldOther", anyKey, []pair{{"key", "a"}, {"Bucket", "others"}}, "form field bucket"},
		{"BucketConditionOther", anyKey + `,["eq","$bucket","others"]`, []pair{{"key", "a"}, {"bucket", bucket}}, failed(`["eq", "$bucket", "others"]`)},
		{"FileCondition", anyKey + `,["starts-with","$file",""]`, []pair{{"key", "a"}}, "Policy Condition failed"},
		{"CustomerKeyIsNotShown", anyKey + `,{"x-amz-server-side-encryption-customer-key":"c2VjcmV0"}`, []pair{{"key", "a"}}, `customer-key", "***"]`},
		{"LongConditionIsClipped", anyKey + `,{"acl":"` + strings.Repeat("é", 1000) + `"}`, []pair{{"key", "a"}}, strings.Repeat("é", 256) + `..."]`},
	} {
		f := open(t, signed(row.conditions, row.fields...))
		err := judge(f)
		switch {
		case row.says == "" && err != nil:
			t.Errorf("%s: %v", row.name, err)
		case row.says != "" && (!errors.Is(err, postpolicy.ErrPolicy) || !strings.Contains(message(err), row.says)):
			t.Errorf("%s: got %v, want %q", row.name, err, row.says)
		}
	}
}

// TestOtherBucket: the policy decides for one bucket, and the address says which
// one it is.
func TestOtherBucket(t *testing.T) {
	for _, row := range []struct {
		name   string
		fields []pair
	}{
		{"Plain", []pair{{"key", "a"}}},
		{"FieldOfPolicy", []pair{{"key", "a"}, {"bucket", bucket}}},
		{"FieldOfAddress", []pair{{"key", "a"}, {"bucket", "bucket-a"}}},
	} {
		f := open(t, signed(anyKey, row.fields...))
		if err := errors.Join(f.Check(now, region), f.Verify(signingKey(secret, day, region))); err != nil {
			t.Fatal(err)
		}
		if err := f.Conditions("bucket-a"); !errors.Is(err, postpolicy.ErrPolicy) {
			t.Errorf("%s: %v", row.name, err)
		}
		if _, err := read(f.File()); !errors.Is(err, postpolicy.ErrMisuse) {
			t.Errorf("%s: the file is given out: %v", row.name, err)
		}
	}
	silent := open(t, signedPolicy(`{"expiration":"`+expires+`","conditions":[`+anyKey+`,["starts-with","$x-amz-algorithm",""],["starts-with","$x-amz-credential",""],["starts-with","$x-amz-date",""]]}`, pair{"key", "a"}))
	if err := judge(silent); !errors.Is(err, postpolicy.ErrPolicy) || !strings.HasSuffix(message(err), "Extra input fields: bucket") {
		t.Errorf("a policy that says nothing of the bucket: %v", err)
	}
	if err := silent.Conditions(""); !errors.Is(err, postpolicy.ErrMisuse) {
		t.Errorf("no bucket: %v", err)
	}
}

// TestStepsLeftOut: the file needs every step, and a step that fails later takes
// the earlier success back.
func TestStepsLeftOut(t *testing.T) {
	key := signingKey(secret, day, region)
	for _, row := range []struct {
		name  string
		steps func(*postpolicy.Form)
	}{
		{"None", func(*postpolicy.Form) {}},
		{"NoVerify", func(f *postpolicy.Form) { _ = f.Check(now, region); _ = f.Conditions(bucket) }},
		{"NoConditions", func(f *postpolicy.Form) { _ = f.Check(now, region); _ = f.Verify(key) }},
		{"NoCheck", func(f *postpolicy.Form) { _ = f.Verify(key); _ = f.Conditions(bucket) }},
		{"CheckTakenBack", func(f *postpolicy.Form) { _ = judge(f); _ = f.Check(now, "other") }},
		{"VerifyTakenBack", func(f *postpolicy.Form) { _ = judge(f); _ = f.Verify(nil) }},
		{"VerifyTakenBackByVersion2", func(f *postpolicy.Form) { _ = judge(f); _ = f.VerifyV2(secret) }},
		{"ConditionsTakenBack", func(f *postpolicy.Form) { _ = judge(f); _ = f.Conditions("others") }},
		{"ReadBefore", func(f *postpolicy.Form) { _ = judge(f); f.File() }},
	} {
		f := open(t, signed(anyKey, pair{"key", "a"}))
		row.steps(f)
		if _, _, _, err := f.Rewrite(resign(1000)); !errors.Is(err, postpolicy.ErrMisuse) {
			t.Errorf("%s: Rewrite: %v", row.name, err)
		}
		if _, err := read(f.File()); !errors.Is(err, postpolicy.ErrMisuse) {
			t.Errorf("%s: File: %v", row.name, err)
		}
	}
}
