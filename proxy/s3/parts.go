package s3

import (
	"strconv"
	"strings"

	"tollgate/proxy/sigv4"
)

// MaxListedParts is how many parts a page of PartSizes can have, as AWS has it.
const MaxListedParts = 1000

// Part is a part of an upload: which one, and what it holds.
type Part struct {
	Number int
	ETag   string // without its quotes
	Size   int64  // in bytes; unknown where a client names the part
}

// CompletedParts returns the parts that the body of CompleteMultipartUpload
// lists, each with its number and its ETag. CheckComplete must have passed.
func CompletedParts(xml []byte) ([]Part, error) {
	var all []Part
	var one Part
	err := readDocument(xml, func(e *element) error {
		switch {
		case e.is("CompleteMultipartUpload/Part/PartNumber"):
			n, err := strconv.Atoi(strings.TrimSpace(e.text))
			if err != nil {
				return strange(e)
			}
			one.Number = n
		case e.is("CompleteMultipartUpload/Part/ETag"):
			one.ETag = plainETag(e.text)
		case e.is("CompleteMultipartUpload/Part"):
			if one.Number < 1 || one.ETag == "" || len(all) > 0 && all[len(all)-1].Number >= one.Number {
				return strange(e) // AWS wants them in rising order
			}
			all, one = append(all, one), Part{}
		}
		return nil
	})
	return all, err
}

func plainETag(text string) string { return strings.Trim(strings.TrimSpace(text), `"`) }

// PartPage is a page of an answer to ListParts.
type PartPage struct {
	Parts map[int]Part // by their numbers
	Next  int          // the marker of the next page; 0 = this is the last
}

// ParseParts reads an answer to ListParts. One that cannot be read is
// ErrMalformedAnswer: nobody knows then how large the object would be.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListParts.html
func ParseParts(xml []byte) (PartPage, error) {
	p := partReader{page: PartPage{Parts: make(map[int]Part)}}
	if len(xml) > MaxAnswer {
		return PartPage{}, sigv4.Faultf(ErrMalformedAnswer, "The list of parts is too long.")
	}
	if err := read(xml, p.see); err != nil || !p.rooted || p.truncated && p.page.Next < 1 {
		return PartPage{}, sigv4.Faultf(ErrMalformedAnswer, "The list of parts cannot be read.")
	}
	if !p.truncated {
		p.page.Next = 0
	}
	return p.page, nil
}

type partReader struct {
	page              PartPage
	part              Part
	sized             bool
	rooted, truncated bool
}

func (p *partReader) see(e *element) error {
	var err error
	text := strings.TrimSpace(e.text)
	switch {
	case e.is("ListPartsResult"):
		p.rooted = true
	case e.is("ListPartsResult/IsTruncated"):
		p.truncated, err = strconv.ParseBool(text)
	case e.is("ListPartsResult/NextPartNumberMarker") && text != "":
		p.page.Next, err = strconv.Atoi(text)
	case e.is("ListPartsResult/Part/PartNumber"):
		p.part.Number, err = strconv.Atoi(text)
	case e.is("ListPartsResult/Part/Size"):
		p.part.Size, err = strconv.ParseInt(text, 10, 64)
		p.sized = true
	case e.is("ListPartsResult/Part/ETag"):
		p.part.ETag = plainETag(text)
	case e.is("ListPartsResult/Part"):
		if p.part.Number < 1 || !p.sized || p.part.Size < 0 {
			return errXML
		}
		p.page.Parts[p.part.Number] = p.part
		p.part, p.sized = Part{}, false
	}
	return err
}
