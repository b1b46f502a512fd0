package s3

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

func TestCompletedParts(t *testing.T) {
	part := func(n, etag string) string {
		return "<Part><PartNumber>" + n + "</PartNumber><ETag>" + etag + "</ETag></Part>"
	}
	for _, row := range []struct {
		name, parts string
		want        []Part
		refused     bool
	}{
		{"One", part("1", "e"), []Part{{Number: 1, ETag: "e"}}, false},
		{"Several", part("1", "e") + part("3", "f") + part("10000", "g"), []Part{{Number: 1, ETag: "e"}, {Number: 3, ETag: "f"}, {Number: 10000, ETag: "g"}}, false},
		{"Spaces and quotes", part(" 7 ", ` "e" `), []Part{{Number: 7, ETag: "e"}}, false},
		{"Escaped quotes", part("7", "&quot;e&quot;"), []Part{{Number: 7, ETag: "e"}}, false},
		{"ETag first", "<Part><ETag>e</ETag><PartNumber>1</PartNumber></Part>", []Part{{Number: 1, ETag: "e"}}, false},
		{"Twice", part("1", "e") + part("1", "e"), nil, true},
		{"Falling", part("2", "e") + part("1", "e"), nil, true},
		{"NoNumber", part("x", "e"), nil, true},
		{"NoETag", part("1", ""), nil, true},
		{"NumberAlone", "<Part><PartNumber>1</PartNumber></Part>", nil, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := CompletedParts([]byte("<CompleteMultipartUpload>" + row.parts + "</CompleteMultipartUpload>"))
			if (err != nil) != row.refused || !row.refused && !slices.Equal(got, row.want) {
				t.Errorf("got %v, %v", got, err)
			}
			if row.refused && !errors.Is(err, ErrMalformedXML) {
				t.Errorf("the error is %v", err)
			}
		})
	}
}

func TestParseParts(t *testing.T) {
	const head = `<?xml version="1.0" encoding="UTF-8"?><ListPartsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">`
	for _, row := range []struct {
		name, body string
		sizes      map[int]int64
		next       int
		refused    bool
	}{
		{"None", "", map[int]int64{}, 0, false},
		{"Last page", "<IsTruncated>false</IsTruncated><NextPartNumberMarker>2</NextPartNumberMarker><Part><PartNumber>2</PartNumber><Size>5</Size></Part>", map[int]int64{2: 5}, 0, false},
		{"More to come", "<IsTruncated>true</IsTruncated><NextPartNumberMarker>2</NextPartNumberMarker><Part><Size>0</Size><PartNumber>2</PartNumber></Part>", map[int]int64{2: 0}, 2, false},
		{"Elements that nobody needs", "<Bucket>b</Bucket><Part><PartNumber>1</PartNumber><ETag>e</ETag><Size>9007199254740993</Size></Part>", map[int]int64{1: 9007199254740993}, 0, false},
		{"More to come, and not from where", "<IsTruncated>true</IsTruncated>", nil, 0, true},
		{"More to come, and from before", "<IsTruncated>true</IsTruncated><NextPartNumberMarker>-1</NextPartNumberMarker>", nil, 0, true},
		{"Truncated is no truth", "<IsTruncated>maybe</IsTruncated>", nil, 0, true},
		{"Part without a size", "<Part><PartNumber>1</PartNumber></Part>", nil, 0, true},
		{"Part without a number", "<Part><Size>1</Size></Part>", nil, 0, true},
		{"Negative size", "<Part><PartNumber>1</PartNumber><Size>-1</Size></Part>", nil, 0, true},
		{"Size that is none", "<Part><PartNumber>1</PartNumber><Size>big</Size></Part>", nil, 0, true},
		{"Broken", "<Part>", nil, 0, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := ParseParts([]byte(head + row.body + "</ListPartsResult>"))
			if row.refused {
				if !errors.Is(err, ErrMalformedAnswer) {
					t.Errorf("got %v, %v", got, err)
				}
				return
			}
			sizes := map[int]int64{}
			for n, p := range got.Parts {
				sizes[n] = p.Size
			}
			if err != nil || !maps.Equal(sizes, row.sizes) || got.Next != row.next {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
	for name, document := range map[string]string{"Nothing": "", "Another document": "<Error/>", "No XML": "stored", "Too long": strings.Repeat(" ", MaxAnswer+1)} {
		if _, err := ParseParts([]byte(document)); !errors.Is(err, ErrMalformedAnswer) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestHeaderTags(t *testing.T) {
	many := strings.TrimSuffix(strings.Repeat("a=b&", MaxTags), "&")
	for _, row := range []struct {
		name, value string
		want        []string
		refused     bool
	}{
		{"None", "", nil, false},
		{"One", "team=red", []string{"team=red"}, false},
		{"Two", "team=red&stage=x", []string{"team=red", "stage=x"}, false},
		{"Escaped", "te%61m=r+e%26d", []string{"team=r e&d"}, false},
		{"Key alone", "team", []string{"team="}, false},
		{"Equals sign in the value", "team=a=b", []string{"team=a=b"}, false},
		{"Equals sign in the key", "team%3Dred=x", []string{"team%3Dred=x"}, false},
		{"Broken escape in the key", "%zz=a", nil, true},
		{"Broken escape in the value", "a=%zz", nil, true},
		{"As many as may be", many, slices.Repeat([]string{"a=b"}, MaxTags), false},
		{"One too many", many + "&a=b", nil, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := HeaderTags(row.value)
			if (err != nil) != row.refused || !row.refused && !slices.Equal(got, row.want) {
				t.Errorf("got %q, %v", got, err)
			}
			if row.refused && !errors.Is(err, ErrInvalidArgument) {
				t.Errorf("the error is %v", err)
			}
		})
	}
}

func TestDocumentTags(t *testing.T) {
	tag := func(key, value string) string {
		return "<Tag><Key>" + key + "</Key><Value>" + value + "</Value></Tag>"
	}
	for _, row := range []struct {
		name, tags string
		want       []string
		refused    bool
	}{
		{"None", "", nil, false},
		{"Two", tag("team", "red") + tag("stage", ""), []string{"team=red", "stage="}, false},
		{"Escaped", tag("a&amp;b", "c"), []string{"a&b=c"}, false},
		{"Equals sign in the key", tag("team=red", "x"), []string{"team%3Dred=x"}, false},
		{"Value first", "<Tag><Value>red</Value><Key>team</Key></Tag>", []string{"team=red"}, false},
		{"No key", "<Tag><Value>red</Value></Tag>", nil, true},
		{"Key twice", "<Tag><Key>a</Key><Key>b</Key><Value>c</Value></Tag>", nil, true},
		{"Something else", "<Tog/>", nil, false},
		{"Something else in a tag", "<Tag><Key>a</Key><Tog/></Tag>", nil, true},
		{"Deeper", "<X><Y>" + tag("a", "b") + "</Y></X>", []string{"a=b"}, false},
		{"Too many", strings.Repeat(tag("a", "b"), MaxTags+1), nil, true},
		{"Broken", "<Tag>", nil, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := DocumentTags([]byte("<Tagging><TagSet>" + row.tags + "</TagSet></Tagging>"))
			if (err != nil) != row.refused || !row.refused && !slices.Equal(got, row.want) {
				t.Errorf("got %q, %v", got, err)
			}
			if row.refused && !errors.Is(err, ErrMalformedXML) {
				t.Errorf("the error is %v", err)
			}
		})
	}
}

// FuzzParts: whatever a storage answers, no part has less than nothing, and
// pages go on.
func FuzzParts(f *testing.F) {
	f.Add("<ListPartsResult><IsTruncated>true</IsTruncated><NextPartNumberMarker>2</NextPartNumberMarker><Part><PartNumber>2</PartNumber><Size>5</Size></Part></ListPartsResult>")
	f.Add("<CompleteMultipartUpload><Part><PartNumber>1</PartNumber></Part></CompleteMultipartUpload>")
	f.Fuzz(func(t *testing.T, text string) {
		page, err := ParseParts([]byte(text))
		if err == nil && page.Next < 0 {
			t.Errorf("next is %d", page.Next)
		}
		for n, p := range page.Parts {
			if n < 1 || p.Number != n || p.Size < 0 {
				t.Errorf("part %d is %+v", n, p)
			}
		}
		if numbers, err := CompletedParts([]byte(text)); err == nil && len(numbers) > len(text) {
			t.Errorf("%d parts in %d bytes", len(numbers), len(text))
		}
	})
}

// FuzzTags: a tag that was read has a key that ends at its first equals sign.
func FuzzTags(f *testing.F) {
	f.Add("team=red&stage=x", "team", "red")
	f.Add("te%61m=%3D", "a=b", "c=d")
	f.Fuzz(func(t *testing.T, header, key, value string) {
		tags, err := HeaderTags(header)
		for _, tag := range tags {
			if err == nil && !strings.Contains(tag, "=") {
				t.Errorf("%q has no value", tag)
			}
		}
		document := fmt.Appendf(nil, "<Tagging><TagSet><Tag><Key>%s</Key><Value>%s</Value></Tag></TagSet></Tagging>", key, value)
		// With elements of their own they may be any number of tags.
		if tags, err := DocumentTags(document); err == nil && len(tags) != 1 && !strings.Contains(key+value, "<") {
			t.Errorf("%q", tags)
		}
	})
}
