package payload

import (
	"bytes"
	"cmp"
	"slices"

	"tollgate/proxy/sigv4"
)

const (
	// maxTrailer bounds the trailer: all after the line of the last chunk, in
	// bytes, with the ends of its lines.
	maxTrailer = 4 << 10

	trailerSignature = "x-amz-trailer-signature"
)

// trailerLines reads the lines of a trailer while they fit.
type trailerLines struct {
	in   *framing
	left int // bytes that may still come
}

func (l *trailerLines) next() (text []byte, bare bool, err error) {
	text, bare, err = l.in.line(ErrTrailer, l.left)
	l.left -= len(text) + len(crlf)
	return text, bare, err
}

// blank reads the empty line.
func (l *trailerLines) blank() error {
	text, bare, err := l.next()
	if err == nil && (bare || len(text) > 0) {
		err = sigv4.Faultf(ErrTrailer, "An empty line is due in the trailer; read %.64q.", text)
	}
	return err
}

// readTrailer reads from behind the line of the last chunk to the end of the
// body, checks the signature and demands the checksums. The layouts:
//
//	*( name ":" value CRLF ) [ x-amz-trailer-signature ":" signature CRLF ] CRLF
//	1*( name ":" value LF ) CRLF [ x-amz-trailer-signature ":" signature CRLF ] CRLF
//
// where the second is minio-go's.
func (d *Decoder) readTrailer() error {
	lines := &trailerLines{in: &d.in, left: maxTrailer}
	if len(d.announced) > 0 {
		if err := d.readFields(lines); err != nil {
			return err
		}
	}
	if len(d.announced) > 0 && d.signer != nil {
		if err := d.readSignature(lines); err != nil {
			return err
		}
	}
	return lines.blank()
}

// readFields reads as many fields as were announced, each once, in any order,
// and the empty line behind them if they end with LF.
func (d *Decoder) readFields(lines *trailerLines) error {
	var endsBare bool
	for i := range d.announced {
		text, bare, err := lines.next()
		if err != nil {
			return err
		}
		if i == 0 {
			endsBare = bare
		}
		if bare != endsBare {
			return sigv4.Faultf(ErrTrailer, "The lines of the trailer end in different ways.")
		}
		c, err := d.parseField(text)
		if err != nil {
			return err
		}
		d.trailer = append(d.trailer, c)
	}
	if endsBare {
		if err := lines.blank(); err != nil {
			return err
		}
	}
	return d.sums.demand(d.trailer)
}

// parseField reads one line of the trailer. White space around the value does
// not count; around the name it makes another name.
func (d *Decoder) parseField(text []byte) (Checksum, error) {
	name, value, _ := bytes.Cut(text, []byte{':'})
	a, ok := ByHeader(string(name))
	if !ok || !slices.Contains(d.announced, a) {
		return Checksum{}, sigv4.Faultf(ErrTrailer, "A trailer announced in x-amz-trailer is due; read %.64q.", text)
	}
	if slices.ContainsFunc(d.trailer, func(c Checksum) bool { return c.Algorithm == a }) {
		return Checksum{}, sigv4.Faultf(ErrTrailer, "The trailer %s came twice.", a.Header())
	}
	return ParseChecksum(a.Header(), string(bytes.Trim(value, " \t")))
}

// readSignature reads and checks the signature of the trailer, which covers
// its lines sorted by name, each "name:value" and LF.
// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html
func (d *Decoder) readSignature(lines *trailerLines) error {
	text, bare, err := lines.next()
	if err != nil {
		return err
	}
	name, value, _ := bytes.Cut(text, []byte{':'})
	if value = bytes.Trim(value, " \t"); bare || !bytes.EqualFold(name, []byte(trailerSignature)) || !isSignature(value) {
		return sigv4.Faultf(ErrTrailer, "The trailer does not end with %s and %d lower-case hex digits.", trailerSignature, signatureLength)
	}
	if !sameSignature(d.signer.signTrailer(canonicalTrailer(d.trailer)), value) {
		return sigv4.Faultf(ErrChunkSignature, "The signature we calculated for the trailer does not match the signature you provided.")
	}
	return nil
}

// canonicalTrailer returns the text a trailer's signature covers.
func canonicalTrailer(trailer []Checksum) []byte {
	sorted := slices.SortedFunc(slices.Values(trailer), func(a, b Checksum) int {
		return cmp.Compare(a.Algorithm.Header(), b.Algorithm.Header())
	})
	var text []byte
	for _, c := range sorted {
		text = append(c.appendLine(text), '\n')
	}
	return text
}
