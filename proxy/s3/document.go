package s3

import (
	"errors"
	"strconv"
	"strings"

	"tollgate/proxy/sigv4"
	"tollgate/tokens"
)

// Bounds of lists.
const (
	// MaxDeletes is how many keys a DeleteObjects has at most.
	// https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
	MaxDeletes = 1000
	// MaxParts is how many parts an upload has at most.
	// https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
	MaxParts = maxPartNumber
	// MaxTargets is how many different buckets a document names at most: as
	// many as a replication has rules.
	// https://docs.aws.amazon.com/AmazonS3/latest/API/API_ReplicationConfiguration.html
	MaxTargets = 1000
)

// DeleteNames reads the body of DeleteObjects and returns an object for each
// different key, in order, which needs StorageDelete. A key may be there more
// than once, as with its versions. The text of a key is taken to the byte, with
// its spaces. Every element must be one of those that AWS has, once
// in its Object. The error is ErrMalformedXML (also for no object or more
// than MaxDeletes), ErrDocumentTooLarge, or what AddressOf says of a key.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
func DeleteNames(bucket string, xml []byte) ([]tokens.Name, error) {
	l := deleteList{bucket: bucket}
	if err := readDocument(xml, l.see); err != nil {
		return nil, err
	}
	if l.objects == 0 {
		return nil, sigv4.Faultf(ErrMalformedXML, "The list of objects to delete is empty.")
	}
	return l.keys.names, nil
}

// deleteList gathers the keys.
type deleteList struct {
	bucket  string
	objects int
	keys    nameSet
	key     string
	seen    string // the elements of the object so far
}

// nameSet is names without those that are equal, in order.
type nameSet struct {
	names []tokens.Name
	seen  map[string]struct{} // the resources
}

// add reports whether the set is not above a bound with the name in it.
func (s *nameSet) add(n tokens.Name, bound int) bool {
	if _, again := s.seen[n.Resource]; again {
		return true
	}
	if len(s.names) == bound {
		return false
	}
	if s.seen == nil {
		s.seen = make(map[string]struct{})
	}
	s.seen[n.Resource] = struct{}{}
	s.names = append(s.names, n)
	return true
}

func (l *deleteList) see(e *element) error {
	switch {
	case e.is("Delete"), e.is("Delete/Quiet") && e.leaf:
		return nil
	case e.is("Delete/Object"):
		return l.end()
	case e.depth == 3 && e.leaf && e.path[1] == "Object" && hasWord("Key VersionId ETag LastModifiedTime Size", e.name()):
		return l.member(e)
	default:
		return strange(e)
	}
}

func (l *deleteList) member(e *element) error {
	if hasWord(l.seen, e.name()) {
		return sigv4.Faultf(ErrMalformedXML, "An Object has two elements %s.", e.name())
	}
	l.seen += " " + e.name()
	switch e.name() {
	case "Key":
		l.key = e.text
	case "VersionId":
		if !isFileName(e.text) {
			return sigv4.Faultf(ErrMalformedXML, "The VersionId %q is none.", quoted(e.text))
		}
	}
	return nil
}

func (l *deleteList) end() error {
	if l.key == "" {
		return sigv4.Faultf(ErrMalformedXML, "An Object has no Key.")
	}
	if l.objects++; l.objects > MaxDeletes {
		return sigv4.Faultf(ErrMalformedXML, "There are more than %d objects to delete.", MaxDeletes)
	}
	if err := checkKey(l.key); err != nil {
		return err
	}
	l.keys.add(tokens.Name{Resource: l.bucket + "/" + l.key, Needs: tokens.StorageDelete, Reach: tokens.Exact}, MaxDeletes)
	l.key, l.seen = "", ""
	return nil
}

// CheckComplete holds that the body of CompleteMultipartUpload lists parts of
// that upload and nothing else: 1 to MaxParts of them, each with its number
// and checksums. The error is ErrMalformedXML or ErrDocumentTooLarge.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html
func CheckComplete(xml []byte) error {
	parts := 0
	err := readDocument(xml, func(e *element) error {
		switch {
		case e.is("CompleteMultipartUpload"):
			return nil
		case e.is("CompleteMultipartUpload/Part") && !e.leaf:
			if parts++; parts > MaxParts {
				return sigv4.Faultf(ErrMalformedXML, "There are more than %d parts.", MaxParts)
			}
			return nil
		case e.depth == 3 && e.leaf && e.path[1] == "Part" && isPartMember(e):
			return nil
		default:
			return strange(e)
		}
	})
	if err == nil && parts == 0 {
		return sigv4.Faultf(ErrMalformedXML, "The list of parts is empty.")
	}
	return err
}

func isPartMember(e *element) bool {
	if e.name() == "PartNumber" {
		n, err := strconv.Atoi(strings.TrimSpace(e.text))
		return err == nil && 1 <= n && n <= maxPartNumber
	}
	return e.name() == "ETag" || strings.HasPrefix(e.name(), "Checksum")
}

// DocumentNames reads the body of every other operation and returns the
// buckets which it names: the targets of replication, logs, inventories,
// analytics and restored queries. The storage writes there with a key of its
// own, so that each needs StorageAll as a whole, also the bucket of the request
// when it is named. Each bucket is returned once. Nothing at all is a document
// too and names none. The error is ErrMalformedXML (also for more than
// MaxTargets buckets), ErrDocumentTooLarge, ErrInvalidBucketName or ErrReserved.
func DocumentNames(xml []byte) ([]tokens.Name, error) {
	if isSpace(xml) {
		return nil, nil
	}
	var targets nameSet
	err := readDocument(xml, func(e *element) error {
		if !e.leaf || !isBucketElement(e.name()) {
			return nil
		}
		target := strings.TrimSpace(e.text)
		if at := strings.LastIndexByte(target, ':'); at >= 0 {
			target = target[at+1:] // arn:aws:s3:::bucket
		}
		if target == "" {
			return nil
		}
		if err := checkBucket(target); err != nil {
			return err
		}
		if !targets.add(tokens.Name{Resource: target, Needs: tokens.StorageAll, Reach: tokens.Whole}, MaxTargets) {
			return sigv4.Faultf(ErrMalformedXML, "The document names more than %d buckets.", MaxTargets)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return targets.names, nil
}

// isBucketElement reports whether an element holds the name of a bucket.
func isBucketElement(name string) bool {
	for _, known := range [...]string{"Bucket", "BucketName", "BucketArn", "TargetBucket", "DestinationBucket"} {
		if strings.EqualFold(name, known) {
			return true
		}
	}
	return false
}

// readDocument reads a document of a client.
func readDocument(xml []byte, see func(*element) error) error {
	if len(xml) > MaxDocument {
		return sigv4.Faultf(ErrDocumentTooLarge, "The document has %d bytes, at most %d are possible.", len(xml), MaxDocument)
	}
	err := read(xml, see)
	if errors.Is(err, errXML) {
		return sigv4.Faultf(ErrMalformedXML, "The document is no well-formed XML in UTF-8 without DTD, comments, CDATA and prefixes.")
	}
	return err
}

// strange refuses an element that the document should not have.
func strange(e *element) error {
	return sigv4.Faultf(ErrMalformedXML, "The element %q is not expected there.", quoted(strings.Join(e.path, "/")))
}
