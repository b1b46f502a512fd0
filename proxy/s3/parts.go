package s3

import (
	"slices"
	"strconv"
	"strings"

	"tollgate/proxy/sigv4"
)

// MaxListedParts is how many parts a page of PartSizes can have, as AWS has it.
const MaxListedParts = 1000

// CompletedParts returns the numbers of the parts that the body of
// CompleteMultipartUpload lists. CheckComplete must have passed.
func CompletedParts(xml []byte) ([]int, error) {
	var numbers []int
	err := readDocument(xml, func(e *element) error {
		if !e.is("CompleteMultipartUpload/Part/PartNumber") {
			return nil
		}
		n, err := strconv.Atoi(strings.TrimSpace(e.text))
		if err != nil || slices.Contains(numbers[max(0, len(numbers)-1):], n) {
			return strange(e)
		}
		numbers = append(numbers, n)
		return nil
	})
	return numbers, err
}

// PartPage is a page of an answer to ListParts.
type PartPage struct {
	Sizes map[int]int64 // bytes of each part by its number
	Next  int           // the marker of the next page; 0 = this is the last
}

// ParseParts reads an answer to ListParts. One that cannot be read is
// ErrMalformedAnswer: nobody knows then how large the object would be.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListParts.html
func ParseParts(xml []byte) (PartPage, error) {
	p := partReader{page: PartPage{Sizes: make(map[int]int64)}}
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
	number            int
	size              int64
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
		p.number, err = strconv.Atoi(text)
	case e.is("ListPartsResult/Part/Size"):
		p.size, err = strconv.ParseInt(text, 10, 64)
		p.sized = true
	case e.is("ListPartsResult/Part"):
		if p.number < 1 || !p.sized || p.size < 0 {
			return errXML
		}
		p.page.Sizes[p.number] = p.size
		p.number, p.size, p.sized = 0, 0, false
	}
	return err
}
