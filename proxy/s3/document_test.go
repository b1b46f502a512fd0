package s3

import (
	"encoding/xml"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"tollgate/tokens"
)

const head = `<?xml version="1.0" encoding="UTF-8"?>`

func TestDeleteNames(t *testing.T) {
	for _, row := range []struct {
		verdict, xml string
		keys         []string
	}{
		{"one key", `<Delete><Object><Key>a</Key></Object></Delete>`, []string{"a"}},
		{"as SDKs write it", head + "\n" + `<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Object><Key>a</Key></Object><Object><Key>b/c</Key><VersionId>v</VersionId></Object><Quiet>true</Quiet></Delete>`, []string{"a", "b/c"}},
		{"quiet first, indented", head + "\n<Delete>\n  <Quiet>true</Quiet>\n  <Object>\n    <Key>a</Key>\n  </Object>\n</Delete>\n", []string{"a"}},
		{"all members", `<Delete><Object><ETag>"x"</ETag><Key>a</Key><LastModifiedTime>x</LastModifiedTime><Size>1</Size><VersionId>null</VersionId></Object></Delete>`, []string{"a"}},
		{"entities", `<Delete><Object><Key>a&amp;b&lt;c&gt;d&quot;e&apos;f</Key></Object></Delete>`, []string{`a&b<c>d"e'f`}},
		{"numbered characters", `<Delete><Object><Key>a&#47;b&#x2F;c&#228;</Key></Object></Delete>`, []string{"a/b/cä"}},
		{"spaces stay", `<Delete><Object><Key> a  b </Key></Object></Delete>`, []string{" a  b "}},
		{"percent stays", `<Delete><Object><Key>a%2F..%2Fb</Key></Object></Delete>`, []string{"a%2F..%2Fb"}},
		{"plus stays", `<Delete><Object><Key>a+b</Key></Object></Delete>`, []string{"a+b"}},
		{"UTF-8", `<Delete><Object><Key>ä日本😀</Key></Object></Delete>`, []string{"ä日本😀"}},
		{"the same twice", `<Delete><Object><Key>a</Key></Object><Object><Key>a</Key></Object></Delete>`, []string{"a"}},
		{"versions of one key", `<Delete><Object><Key>a</Key><VersionId>v</VersionId></Object><Object><Key>b</Key></Object><Object><Key>a</Key><VersionId>w</VersionId></Object></Delete>`, []string{"a", "b"}},
		{"the same by entities", `<Delete><Object><Key>a/b</Key></Object><Object><Key>a&#47;b</Key></Object></Delete>`, []string{"a/b"}},
		{"nearly the same", `<Delete><Object><Key>a</Key></Object><Object><Key>a </Key></Object><Object><Key>A</Key></Object><Object><Key>/a</Key></Object></Delete>`, []string{"a", "a ", "A", "/a"}},
		{"slash in front", `<Delete><Object><Key>/a</Key></Object></Delete>`, []string{"/a"}},
		{"longest", `<Delete><Object><Key>` + strings.Repeat("k", 1024) + `</Key></Object></Delete>`, []string{strings.Repeat("k", 1024)}},
		{"quiet empty", `<Delete><Object><Key>a</Key></Object><Quiet/></Delete>`, []string{"a"}},
	} {
		names, err := DeleteNames("bucket", []byte(row.xml))
		if err != nil || len(names) != len(row.keys) {
			t.Errorf("%s: %v, %v", row.verdict, names, err)
			continue
		}
		for i, key := range row.keys {
			if want := (tokens.Name{Resource: "bucket/" + key, Needs: tokens.StorageDelete, Reach: tokens.Exact}); names[i] != want {
				t.Errorf("%s: %+v", row.verdict, names[i])
			}
		}
	}
}

func TestDeleteListsThatAreRefused(t *testing.T) {
	object := `<Object><Key>a</Key></Object>`
	for _, row := range []struct {
		verdict, xml string
		kind         error
	}{
		{"nothing", ``, ErrMalformedXML},
		{"spaces", ` `, ErrMalformedXML},
		{"no XML", `{"Delete":1}`, ErrMalformedXML},
		{"no object", `<Delete></Delete>`, ErrMalformedXML},
		{"empty element", `<Delete/>`, ErrMalformedXML},
		{"quiet alone", `<Delete><Quiet>true</Quiet></Delete>`, ErrMalformedXML},
		{"object without key", `<Delete><Object></Object></Delete>`, ErrMalformedXML},
		{"object with version only", `<Delete><Object><VersionId>v</VersionId></Object></Delete>`, ErrMalformedXML},
		{"empty key", `<Delete><Object><Key></Key></Object></Delete>`, ErrMalformedXML},
		{"second object without key", `<Delete>` + object + `<Object/></Delete>`, ErrMalformedXML},
		{"two keys", `<Delete><Object><Key>a</Key><Key>b</Key></Object></Delete>`, ErrMalformedXML},
		{"two keys, apart", `<Delete><Object><Key>a</Key><VersionId>v</VersionId><Key>b</Key></Object></Delete>`, ErrMalformedXML},
		{"two versions", `<Delete><Object><Key>a</Key><VersionId>v</VersionId><VersionId>w</VersionId></Object></Delete>`, ErrMalformedXML},
		{"version climbs", `<Delete><Object><Key>a</Key><VersionId>../x</VersionId></Object></Delete>`, ErrMalformedXML},
		{"key outside of an object", `<Delete><Key>a</Key></Delete>`, ErrMalformedXML},
		{"key in a key", `<Delete><Object><Key>a<Key>b</Key></Key></Object></Delete>`, ErrMalformedXML},
		{"key below something else", `<Delete><Other><Key>b</Key></Other>` + object + `</Delete>`, ErrMalformedXML},
		{"object in an object", `<Delete><Object><Key>a</Key>` + object + `</Object></Delete>`, ErrMalformedXML},
		{"unknown member", `<Delete><Object><Key>a</Key><Bucket>other</Bucket></Object></Delete>`, ErrMalformedXML},
		{"unknown member of the list", `<Delete>` + object + `<Bucket>other</Bucket></Delete>`, ErrMalformedXML},
		{"unknown list in the list", `<Delete>` + object + `<Objects>` + object + `</Objects></Delete>`, ErrMalformedXML},
		{"names in another case", `<Delete><Object><key>a</key></Object></Delete>`, ErrMalformedXML},
		{"another root", `<DeleteRequest>` + object + `</DeleteRequest>`, ErrMalformedXML},
		{"root in another case", `<delete>` + object + `</delete>`, ErrMalformedXML},
		{"two roots", `<Delete>` + object + `</Delete><Delete>` + object + `</Delete>`, ErrMalformedXML},
		{"text behind the root", `<Delete>` + object + `</Delete>x`, ErrMalformedXML},
		{"text in front of the root", `x<Delete>` + object + `</Delete>`, ErrMalformedXML},
		{"byte order mark", "\ufeff<Delete>" + object + `</Delete>`, ErrMalformedXML},
		{"a form behind the root", `<Delete>` + object + "</Delete>\r\n--x\r\n", ErrMalformedXML},
		{"text beside objects", `<Delete>` + object + `x</Delete>`, ErrMalformedXML},
		{"text in front of objects", `<Delete>x` + object + `</Delete>`, ErrMalformedXML},
		{"text beside the key", `<Delete><Object>x<Key>a</Key></Object></Delete>`, ErrMalformedXML},
		{"comment in a key", `<Delete><Object><Key>a<!-- -->b</Key></Object></Delete>`, ErrMalformedXML},
		{"comment elsewhere", `<Delete><!-- -->` + object + `</Delete>`, ErrMalformedXML},
		{"CDATA", `<Delete><Object><Key><![CDATA[a]]></Key></Object></Delete>`, ErrMalformedXML},
		{"CDATA behind text", `<Delete><Object><Key>a<![CDATA[/../b]]></Key></Object></Delete>`, ErrMalformedXML},
		{"DTD", `<!DOCTYPE Delete>` + `<Delete>` + object + `</Delete>`, ErrMalformedXML},
		{"entity of a DTD", `<!DOCTYPE d [<!ENTITY x "secret">]><Delete><Object><Key>&x;</Key></Object></Delete>`, ErrMalformedXML},
		{"file of a DTD", `<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]><Delete><Object><Key>&x;</Key></Object></Delete>`, ErrMalformedXML},
		{"billion laughs", `<!DOCTYPE d [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><Delete><Object><Key>&b;</Key></Object></Delete>`, ErrMalformedXML},
		{"unknown entity", `<Delete><Object><Key>&x;</Key></Object></Delete>`, ErrMalformedXML},
		{"HTML's entity", `<Delete><Object><Key>&nbsp;</Key></Object></Delete>`, ErrMalformedXML},
		{"bare ampersand", `<Delete><Object><Key>a&b</Key></Object></Delete>`, ErrMalformedXML},
		{"instruction in a key", `<Delete><Object><Key>a<?x y?>b</Key></Object></Delete>`, ErrMalformedXML},
		{"instruction in front", `<?x y?><Delete>` + object + `</Delete>`, ErrMalformedXML},
		{"second declaration", head + head + `<Delete>` + object + `</Delete>`, ErrMalformedXML},
		{"declaration behind a space", ` ` + head + `<Delete>` + object + `</Delete>`, ErrMalformedXML},
		{"another encoding", `<?xml version="1.0" encoding="ISO-8859-1"?><Delete>` + object + `</Delete>`, ErrMalformedXML},
		{"UTF-7", `<?xml version="1.0" encoding="UTF-7"?><Delete><Object><Key>+AC4ALg-/b</Key></Object></Delete>`, ErrMalformedXML},
		{"another version", `<?xml version="1.1"?><Delete>` + object + `</Delete>`, ErrMalformedXML},
		{"UTF-16", "\xff\xfe<\x00D\x00", ErrMalformedXML},
		{"no UTF-8", "<Delete><Object><Key>\xff</Key></Object></Delete>", ErrMalformedXML},
		{"prefix on the key", `<Delete xmlns:x="http://s3.amazonaws.com/doc/2006-03-01/"><Object><x:Key>a</x:Key></Object></Delete>`, ErrMalformedXML},
		{"prefix on the root", `<x:Delete xmlns:x="u">` + object + `</x:Delete>`, ErrMalformedXML},
		{"empty prefix", `<Delete><Object><:Key>a</:Key></Object></Delete>`, ErrMalformedXML},
		{"two colons", `<Delete><Object><a:b:Key>a</a:b:Key></Object></Delete>`, ErrMalformedXML},
		{"wrong end", `<Delete><Object><Key>a</Object></Key></Delete>`, ErrMalformedXML},
		{"end too many", `<Delete>` + object + `</Delete></Delete>`, ErrMalformedXML},
		{"no end", `<Delete>` + object, ErrMalformedXML},
		{"half a tag", `<Delete>` + object + `</Delete`, ErrMalformedXML},
		{"too deep", strings.Repeat("<Delete>", 100) + strings.Repeat("</Delete>", 100), ErrMalformedXML},
		{"NUL", "<Delete><Object><Key>a\x00</Key></Object></Delete>", ErrMalformedXML},
		{"numbered NUL", `<Delete><Object><Key>a&#0;</Key></Object></Delete>`, ErrMalformedXML},
		{"numbered newline", `<Delete><Object><Key>a&#10;b</Key></Object></Delete>`, ErrInvalidURI},
		{"numbered return", `<Delete><Object><Key>a&#13;b</Key></Object></Delete>`, ErrInvalidURI},
		{"newline", "<Delete><Object><Key>\na</Key></Object></Delete>", ErrInvalidURI},
		{"tab", "<Delete><Object><Key>a\t</Key></Object></Delete>", ErrInvalidURI},
		{"dot segments", `<Delete><Object><Key>a/../b</Key></Object></Delete>`, ErrInvalidURI},
		{"dot segment in front", `<Delete><Object><Key>../b</Key></Object></Delete>`, ErrInvalidURI},
		{"dot segment at the end", `<Delete><Object><Key>a/.</Key></Object></Delete>`, ErrInvalidURI},
		{"dot segments, numbered", `<Delete><Object><Key>a/&#46;&#46;/b</Key></Object></Delete>`, ErrInvalidURI},
		{"dot segments, backslashes", `<Delete><Object><Key>a\..\b</Key></Object></Delete>`, ErrInvalidURI},
		{"key too long", `<Delete><Object><Key>` + strings.Repeat("k", 1025) + `</Key></Object></Delete>`, ErrKeyTooLong},
		{"too large", `<Delete>` + strings.Repeat(" ", MaxDocument) + object + `</Delete>`, ErrDocumentTooLarge},
	} {
		names, err := DeleteNames("bucket", []byte(row.xml))
		if !errors.Is(err, row.kind) || names != nil {
			t.Errorf("%s: %v, %v", row.verdict, names, err)
		}
	}
}

// numbered repeats what has %d with the numbers from 0.
func numbered(format string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// A document that is full of buckets names each once, or is refused; whoever
// judges the names has at most MaxTargets to judge.
func TestDocumentsFullOfBuckets(t *testing.T) {
	for _, row := range []struct {
		verdict, members string
		names            int
		kind             error
	}{
		{"one over and over", strings.Repeat("<Bucket>aaa</Bucket>", 104_000), 1, nil},
		{"one, written differently", strings.Repeat("<Bucket>aaa</Bucket><TargetBucket> arn:aws:s3:::aaa </TargetBucket>", 2000), 1, nil},
		{"as many as possible, each twice", strings.Repeat(numbered("<Bucket>bucket-%d</Bucket>", MaxTargets), 2), MaxTargets, nil},
		{"one too many behind repeats", strings.Repeat(numbered("<Bucket>bucket-%d</Bucket>", MaxTargets), 2) + "<Bucket>aaa</Bucket>", 0, ErrMalformedXML},
		{"different ones to the end", numbered("<Bucket>b%d-x</Bucket>", 60_000), 0, ErrMalformedXML},
		{"repeats in order", "<Bucket>bbb</Bucket><Bucket>aaa</Bucket><Bucket>bbb</Bucket>", 2, nil},
	} {
		names, err := DocumentNames([]byte("<X>" + row.members + "</X>"))
		if !errors.Is(err, row.kind) || len(names) != row.names {
			t.Errorf("%s: %d names, %v", row.verdict, len(names), err)
		}
	}
}

func TestBoundsOfLists(t *testing.T) {
	for _, row := range []struct {
		n  int
		ok bool
	}{{1, true}, {999, true}, {1000, true}, {1001, false}} {
		list := "<Delete>" + strings.Repeat("<Object><Key>a</Key></Object>", row.n) + "</Delete>"
		names, err := DeleteNames("bucket", []byte(list))
		if row.ok != (err == nil) || row.ok && len(names) != 1 || !row.ok && !errors.Is(err, ErrMalformedXML) {
			t.Errorf("%d times one key: %d, %v", row.n, len(names), err)
		}
		names, err = DeleteNames("bucket", []byte("<Delete>"+numbered("<Object><Key>a%d</Key></Object>", row.n)+"</Delete>"))
		if row.ok != (err == nil) || row.ok && len(names) != row.n || !row.ok && !errors.Is(err, ErrMalformedXML) {
			t.Errorf("%d keys: %d, %v", row.n, len(names), err)
		}
		names, err = DocumentNames([]byte("<X>" + numbered("<Bucket>bucket-%d</Bucket>", row.n) + "</X>"))
		if row.ok != (err == nil) || row.ok && len(names) != row.n || !row.ok && !errors.Is(err, ErrMalformedXML) {
			t.Errorf("%d buckets: %d, %v", row.n, len(names), err)
		}
	}
	for _, row := range []struct {
		n  int
		ok bool
	}{{0, false}, {1, true}, {10000, true}, {10001, false}} {
		list := "<CompleteMultipartUpload>" + strings.Repeat("<Part><PartNumber>1</PartNumber></Part>", row.n) + "</CompleteMultipartUpload>"
		if err := CheckComplete([]byte(list)); row.ok != (err == nil) || !row.ok && !errors.Is(err, ErrMalformedXML) {
			t.Errorf("%d parts: %v", row.n, err)
		}
	}
	for _, row := range []struct {
		n    int
		kind error
	}{{MaxDocument - 1, ErrMalformedXML}, {MaxDocument, ErrMalformedXML}, {MaxDocument + 1, ErrDocumentTooLarge}} {
		if _, err := DeleteNames("bucket", []byte(strings.Repeat("<", row.n))); !errors.Is(err, row.kind) {
			t.Errorf("%d bytes: %v", row.n, err)
		}
	}
}

func TestCheckComplete(t *testing.T) {
	part := `<Part><PartNumber>1</PartNumber><ETag>"x"</ETag></Part>`
	for _, row := range []struct {
		verdict, xml string
		ok           bool
	}{
		{"one part", `<CompleteMultipartUpload>` + part + `</CompleteMultipartUpload>`, true},
		{"as SDKs write it", head + `<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">` + part + `<Part><ChecksumCRC32>AAAA</ChecksumCRC32><ETag>&quot;x&quot;</ETag><PartNumber>2</PartNumber></Part></CompleteMultipartUpload>`, true},
		{"all checksums", `<CompleteMultipartUpload><Part><PartNumber>10000</PartNumber><ChecksumCRC32>a</ChecksumCRC32><ChecksumCRC32C>a</ChecksumCRC32C><ChecksumCRC64NVME>a</ChecksumCRC64NVME><ChecksumSHA1>a</ChecksumSHA1><ChecksumSHA256>a</ChecksumSHA256></Part></CompleteMultipartUpload>`, true},
		{"indented number", "<CompleteMultipartUpload>\n<Part>\n<PartNumber> 1 </PartNumber>\n</Part>\n</CompleteMultipartUpload>", true},
		{"nothing", ``, false},
		{"no part", `<CompleteMultipartUpload/>`, false},
		{"empty part", `<CompleteMultipartUpload><Part/></CompleteMultipartUpload>`, false},
		{"part 0", `<CompleteMultipartUpload><Part><PartNumber>0</PartNumber></Part></CompleteMultipartUpload>`, false},
		{"part 10001", `<CompleteMultipartUpload><Part><PartNumber>10001</PartNumber></Part></CompleteMultipartUpload>`, false},
		{"part x", `<CompleteMultipartUpload><Part><PartNumber>../x</PartNumber></Part></CompleteMultipartUpload>`, false},
		{"another root", `<Complete>` + part + `</Complete>`, false},
		{"unknown member", `<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><Key>other</Key></Part></CompleteMultipartUpload>`, false},
		{"unknown list", `<CompleteMultipartUpload>` + part + `<Bucket>x</Bucket></CompleteMultipartUpload>`, false},
		{"two roots", `<CompleteMultipartUpload>` + part + `</CompleteMultipartUpload><x/>`, false},
		{"comment", `<CompleteMultipartUpload><!-- -->` + part + `</CompleteMultipartUpload>`, false},
		{"DTD", `<!DOCTYPE x><CompleteMultipartUpload>` + part + `</CompleteMultipartUpload>`, false},
	} {
		if err := CheckComplete([]byte(row.xml)); row.ok != (err == nil) || !row.ok && !errors.Is(err, ErrMalformedXML) {
			t.Errorf("%s: %v", row.verdict, err)
		}
	}
	if err := CheckComplete(make([]byte, MaxDocument+1)); !errors.Is(err, ErrDocumentTooLarge) {
		t.Errorf("too large: %v", err)
	}
}

func TestDocumentNames(t *testing.T) {
	for _, row := range []struct {
		verdict, xml string
		buckets      string
		kind         error
	}{
		{"nothing", "", "", nil},
		{"spaces", " \n", "", nil},
		{"tags", head + `<Tagging><TagSet><Tag><Key>Bucket</Key><Value>other</Value></Tag></TagSet></Tagging>`, "", nil},
		{"location", `<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><LocationConstraint>eu</LocationConstraint></CreateBucketConfiguration>`, "", nil},
		{"kind of a bucket", `<CreateBucketConfiguration><Bucket><Type>Directory</Type></Bucket></CreateBucketConfiguration>`, "", nil},
		{"acl with types", `<AccessControlPolicy xmlns:xsi="u"><AccessControlList><Grant><Grantee xsi:type="CanonicalUser"><ID>x</ID></Grantee></Grant></AccessControlList></AccessControlPolicy>`, "", nil},
		{"replication", `<ReplicationConfiguration><Rule><Destination><Bucket>arn:aws:s3:::other</Bucket></Destination></Rule></ReplicationConfiguration>`, "other", nil},
		{"replication to two", `<ReplicationConfiguration><Rule><Destination><Bucket>arn:aws:s3:::one</Bucket></Destination></Rule><Rule><Destination><Bucket>two</Bucket></Destination></Rule></ReplicationConfiguration>`, "one two", nil},
		{"replication of MinIO", `<ReplicationConfiguration><Rule><Destination><Bucket>arn:minio:replication::id:other</Bucket></Destination></Rule></ReplicationConfiguration>`, "other", nil},
		{"the same twice", `<X><Bucket>two</Bucket><Bucket>one</Bucket><Bucket>arn:aws:s3:::two</Bucket></X>`, "two one", nil},
		{"logs", `<BucketLoggingStatus><LoggingEnabled><TargetBucket>logs</TargetBucket><TargetPrefix>x</TargetPrefix></LoggingEnabled></BucketLoggingStatus>`, "logs", nil},
		{"inventory", `<InventoryConfiguration><Destination><S3BucketDestination><AccountId>123456789012</AccountId><Bucket>arn:aws:s3:::other</Bucket></S3BucketDestination></Destination></InventoryConfiguration>`, "other", nil},
		{"analytics", `<AnalyticsConfiguration><S3BucketDestination><BucketAccountId>123456789012</BucketAccountId><Bucket> arn:aws:s3:::other </Bucket></S3BucketDestination></AnalyticsConfiguration>`, "other", nil},
		{"restored query", `<RestoreRequest><OutputLocation><S3><BucketName>other</BucketName><Prefix>x</Prefix></S3></OutputLocation></RestoreRequest>`, "other", nil},
		{"another case", `<X><targetbucket>other</targetbucket></X>`, "other", nil},
		{"empty", `<X><Bucket/></X>`, "", nil},
		{"a reserved one", `<X><Bucket>minio</Bucket></X>`, "", ErrReserved},
		{"none at all", `<X><Bucket>a/b</Bucket></X>`, "", ErrInvalidBucketName},
		{"an object behind an ARN", `<X><Bucket>arn:aws:s3:::other/k</Bucket></X>`, "", ErrInvalidBucketName},
		{"no XML", `{}`, "", ErrMalformedXML},
		{"DTD", `<!DOCTYPE x [<!ENTITY b "other">]><X><Bucket>&b;</Bucket></X>`, "", ErrMalformedXML},
		{"comment", `<X><Bucket>ot<!-- -->her</Bucket></X>`, "", ErrMalformedXML},
		{"prefix", `<X xmlns:y="u"><y:Bucket>other</y:Bucket></X>`, "", ErrMalformedXML},
		{"colon in front", `<X><:Bucket>other</:Bucket></X>`, "", ErrMalformedXML},
		{"prefix at the end alone", `<X><Bucket>other</y:Bucket></X>`, "", ErrMalformedXML},
		{"two roots", `<X/><Y/>`, "", ErrMalformedXML},
		{"as deep as possible", strings.Repeat("<X>", maxDepth) + strings.Repeat("</X>", maxDepth), "", nil},
		{"too deep", strings.Repeat("<X>", maxDepth+1) + strings.Repeat("</X>", maxDepth+1), "", ErrMalformedXML},
		{"too large", strings.Repeat("x", MaxDocument+1), "", ErrDocumentTooLarge},
	} {
		names, err := DocumentNames([]byte(row.xml))
		if !errors.Is(err, row.kind) {
			t.Errorf("%s: %v", row.verdict, err)
		}
		var buckets []string
		for _, n := range names {
			buckets = append(buckets, n.Resource)
			if n.Needs != tokens.StorageAll || n.Reach != tokens.Whole {
				t.Errorf("%s: %+v", row.verdict, n)
			}
		}
		if got := strings.Join(buckets, " "); got != row.buckets {
			t.Errorf("%s: %q", row.verdict, got)
		}
	}
}

// FuzzDeleteNames: what is accepted is read alike by the reader of the
// standard library, as many storages use it.
func FuzzDeleteNames(f *testing.F) {
	for _, document := range []string{
		`<Delete><Object><Key>a</Key></Object><Quiet>true</Quiet></Delete>`,
		head + `<Delete xmlns="u"><Object><VersionId>v</VersionId><Key>&lt;&#47;</Key></Object></Delete>`,
		`<Delete><Object><Key>a<!-- -->b</Key></Object></Delete>`,
		`<Delete><Object><Key>a</Key><Key>b</Key></Object></Delete>`,
		`<Delete/><Delete/>`,
	} {
		f.Add([]byte(document))
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		names, err := DeleteNames("bucket", document)
		if err != nil {
			if names != nil {
				t.Fatalf("refused with %v", names)
			}
			return
		}
		var other struct {
			XMLName xml.Name `xml:"Delete"`
			Object  []struct{ Key string }
		}
		if err := xml.Unmarshal(document, &other); err != nil {
			t.Fatalf("%q: %v", document, err)
		}
		var want []string
		for _, o := range other.Object {
			if r := "bucket/" + o.Key; !slices.Contains(want, r) {
				want = append(want, r)
			}
		}
		if !slices.EqualFunc(names, want, func(n tokens.Name, r string) bool { return n.Resource == r }) {
			t.Fatalf("%q: %v and %q", document, names, want)
		}
	})
}

func BenchmarkDeleteNames(b *testing.B) {
	var list strings.Builder
	list.WriteString("<Delete>")
	for i := range MaxDeletes {
		fmt.Fprintf(&list, "<Object><Key>some/folder/object-%04d.bin</Key></Object>", i)
	}
	list.WriteString("</Delete>")
	document := []byte(list.String())
	b.ReportAllocs()
	b.SetBytes(int64(len(document)))
	for b.Loop() {
		if _, err := DeleteNames("bucket", document); err != nil {
			b.Fatal(err)
		}
	}
}
