package payload

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"tollgate/proxy/sigv4"
)

// decode drains a Decoder and fails the test if the error is of another kind
// (nil = none), or if a body that failed was given out whole.
func decode(t *testing.T, src io.Reader, c Decode, kind error) []byte {
	t.Helper()
	d := NewDecoder(src, c)
	got, err := drain(t, d, 7)
	if kind == nil && err != nil || kind != nil && !errors.Is(err, kind) {
		t.Fatalf("%v instead of %v", err, kind)
	}
	if err == nil && int64(len(got)) != c.Length {
		t.Fatalf("%d bytes of %d", len(got), c.Length)
	}
	if err != nil && (c.Length > 0 && int64(len(got)) >= c.Length || d.Trailer() != nil) {
		t.Fatalf("after %v: gave out %q, trailer %v", err, got, d.Trailer())
	}
	return got
}

const crc32Name = "x-amz-checksum-crc32"

// Layouts of real clients, read from their sources.
func TestLayoutsOfClientsAreAccepted(t *testing.T) {
	const a, b = "hello ", "world"
	crc, sha := fieldOf(CRC32, a+b), fieldOf(SHA256, a+b)
	both := crc + "\n" + sha + "\n" // sorted by name
	rows := map[string]struct {
		write    func(w *client)
		trailers []string
	}{
		"no trailer": {func(w *client) { w.last().raw("\r\n") }, nil},
		"one trailer: AWS CLI, boto3, SDKs for Go, Java, JS, .NET, Rust": {func(w *client) {
			w.last().raw(crc + "\r\n").trailerSignature(crc + "\n").raw("\r\n")
		}, []string{crc32Name}},
		"one trailer: minio-go, mc": {func(w *client) {
			w.last().raw(crc + "\n\r\n").trailerSignature(crc + "\n").raw("\r\n")
		}, []string{crc32Name}},
		"two trailers": {func(w *client) {
			w.last().raw(crc + "\r\n" + sha + "\r\n").trailerSignature(both).raw("\r\n")
		}, []string{crc32Name, "x-amz-checksum-sha256"}},
		"two trailers in the other order": {func(w *client) {
			w.last().raw(sha + "\r\n" + crc + "\r\n").trailerSignature(both).raw("\r\n")
		}, []string{crc32Name, "x-amz-checksum-sha256"}},
		"two trailers of minio-go": {func(w *client) {
			w.last().raw(crc + "\n" + sha + "\n\r\n").trailerSignature(both).raw("\r\n")
		}, []string{crc32Name, "x-amz-checksum-sha256"}},
		"names in capitals": {func(w *client) {
			w.last().raw(strings.Replace(crc, crc32Name, "X-Amz-Checksum-CRC32", 1) + "\r\n").trailerSignature(crc + "\n").raw("\r\n")
		}, []string{"X-AMZ-CHECKSUM-crc32"}},
		"white space round the value": {func(w *client) {
			w.last().raw(strings.Replace(crc, ":", ": \t", 1) + " \r\n").trailerSignature(crc + "\n").raw("\r\n")
		}, []string{crc32Name}},
		"leading zeros in the size": {func(w *client) {
			w.line(strings.Repeat("0", 20), "").raw("\r\n")
		}, nil},
	}
	for form, chain := range forms() {
		for name, row := range rows {
			for style, dress := range styles {
				t.Run(form+"/"+name+"/"+style, func(t *testing.T) {
					w := newClient(chain).chunk(a).chunk(b)
					row.write(w)
					got := decode(t, dress(strings.NewReader(w.String())), Decode{Length: 11, Chain: chain, Trailers: row.trailers}, nil)
					if string(got) != a+b {
						t.Fatalf("%q", got)
					}
				})
			}
		}
	}
}

func TestTrailerComesAsSent(t *testing.T) {
	crc, sha := fieldOf(CRC32, "a"), fieldOf(SHA256, "a")
	w := newClient(nil).chunk("a").last().raw(sha + "\r\n" + crc + "\r\n\r\n")
	d := NewDecoder(strings.NewReader(w.String()), Decode{Length: 1, Trailers: []string{crc32Name, "x-amz-checksum-sha256"}})
	if _, err := drain(t, d, 9); err != nil {
		t.Fatal(err)
	}
	got := d.Trailer()
	if len(got) != 2 || got[0].Algorithm != SHA256 || got[1].Algorithm != CRC32 || string(got[1].appendLine(nil)) != crc {
		t.Fatal(got)
	}
}

func TestFramingRules(t *testing.T) {
	const body = "hello world"
	good := func(chain *Chain) *client { return newClient(chain).chunk(body).last() }
	rows := map[string]struct {
		write func(chain *Chain) *client
		kind  error // nil = accepted
	}{
		"accepted: one chunk":             {func(c *Chain) *client { return good(c).raw("\r\n") }, nil},
		"accepted: chunks of one byte":    {func(c *Chain) *client { return eachByte(c, body).last().raw("\r\n") }, nil},
		"accepted: size of 20 digits":     {func(c *Chain) *client { return sized(c, "0000000000000000000b", body) }, nil},
		"accepted: size in capitals":      {func(c *Chain) *client { return sized(c, "B", body) }, nil},
		"refused: size of 21 digits":      {func(c *Chain) *client { return sized(c, "00000000000000000000b", body) }, ErrChunk},
		"refused: no size":                {func(c *Chain) *client { return sized(c, "", body) }, ErrChunk},
		"refused: sign in the size":       {func(c *Chain) *client { return sized(c, "+b", body) }, ErrChunk},
		"refused: 0x in the size":         {func(c *Chain) *client { return sized(c, "0xb", body) }, ErrChunk},
		"refused: space before the size":  {func(c *Chain) *client { return sized(c, " b", body) }, ErrChunk},
		"refused: space behind the size":  {func(c *Chain) *client { return sized(c, "b ", body) }, ErrChunk},
		"refused: no hex digit":           {func(c *Chain) *client { return sized(c, "g", body) }, ErrChunk},
		"refused: CR in the line":         {func(c *Chain) *client { return sized(c, "b\r", body) }, ErrChunk},
		"refused: zero byte in the size":  {func(c *Chain) *client { return sized(c, "b\x00", body) }, ErrChunk},
		"refused: extension":              {func(c *Chain) *client { return sized(c, "b;name=value", body) }, ErrChunk},
		"refused: empty extension":        {func(c *Chain) *client { return sized(c, "b;", body) }, ErrChunk},
		"refused: size one less":          {func(c *Chain) *client { return sized(c, "a", body) }, nil /* by form, below */},
		"refused: size one more":          {func(c *Chain) *client { return sized(c, "c", body) }, nil /* by form, below */},
		"refused: endless size line":      {func(c *Chain) *client { return newClient(c).raw(strings.Repeat("0", 5000)) }, ErrChunk},
		"refused: bare LF before data":    {func(c *Chain) *client { return relined(good(c).raw("\r\n"), "\r\nhello", "\nhello") }, ErrChunk},
		"refused: bare LF behind data":    {func(c *Chain) *client { return relined(good(c).raw("\r\n"), "world\r\n", "world\n") }, ErrChunk},
		"refused: bare CR behind data":    {func(c *Chain) *client { return relined(good(c).raw("\r\n"), "world\r\n", "world\r") }, ErrChunk},
		"refused: nothing behind data":    {func(c *Chain) *client { return relined(good(c).raw("\r\n"), "world\r\n", "world") }, ErrChunk},
		"refused: one byte behind data":   {func(c *Chain) *client { return relined(good(c).raw("\r\n"), "world\r\n", "world!\r\n") }, ErrChunk},
		"refused: sum one byte short":     {func(c *Chain) *client { return newClient(c).chunk(body[:10]).last().raw("\r\n") }, ErrIncomplete},
		"refused: sum one byte long":      {func(c *Chain) *client { return newClient(c).chunk(body).chunk("!").last().raw("\r\n") }, ErrTooLarge},
		"refused: last chunk one long":    {func(c *Chain) *client { return newClient(c).chunk(body + "!").last().raw("\r\n") }, ErrTooLarge},
		"refused: empty chunk in between": {func(c *Chain) *client { return newClient(c).chunk("hello").last().chunk(" world").last().raw("\r\n") }, ErrIncomplete},
		"refused: no last chunk":          {func(c *Chain) *client { return newClient(c).chunk(body) }, ErrIncomplete},
		"refused: second last chunk":      {func(c *Chain) *client { return good(c).last().raw("\r\n") }, ErrTrailer},
		"refused: no empty line":          {func(c *Chain) *client { return good(c) }, ErrIncomplete},
		"refused: half an empty line":     {func(c *Chain) *client { return good(c).raw("\r") }, ErrIncomplete},
		"refused: bare LF at the end":     {func(c *Chain) *client { return good(c).raw("\n") }, ErrTrailer},
		"refused: bytes behind the end":   {func(c *Chain) *client { return good(c).raw("\r\n\r\n") }, ErrTrailer},
		"refused: trailer not announced":  {func(c *Chain) *client { return good(c).raw(fieldOf(CRC32, body) + "\r\n\r\n") }, ErrTrailer},
		"refused: nothing at all":         {newClient, ErrIncomplete},
		"refused: a plain body":           {func(c *Chain) *client { return newClient(c).raw(body) }, ErrIncomplete},
	}
	for form, chain := range forms() {
		for name, row := range rows {
			for style, dress := range styles {
				t.Run(form+"/"+name+"/"+style, func(t *testing.T) {
					kind := row.kind
					if strings.HasPrefix(name, "refused: size one") {
						kind = map[string]error{
							"refused: size one less/signed": ErrChunkSignature, "refused: size one less/unsigned": ErrChunk,
							"refused: size one more/signed": ErrTooLarge, "refused: size one more/unsigned": ErrTooLarge,
						}[name+"/"+form]
					}
					decode(t, dress(strings.NewReader(row.write(chain).String())), Decode{Length: 11, Chain: chain}, kind)
				})
			}
		}
	}
}

// sized writes a body whose first chunk claims a size.
func sized(c *Chain, size, data string) *client {
	return newClient(c).line(size, data).raw(data + "\r\n").last().raw("\r\n")
}

func eachByte(c *Chain, body string) *client {
	w := newClient(c)
	for _, b := range []byte(body) {
		w.chunk(string(b))
	}
	return w
}

func relined(w *client, from, to string) *client {
	changed := strings.Replace(w.String(), from, to, 1)
	w.out.Reset()
	return w.raw(changed)
}

func TestSizeOfAChunkIsBounded(t *testing.T) {
	const max = maxSignedChunk
	rows := map[string]struct {
		size   string
		length int64
		signed error
		plain  error
	}{
		"limit-1": {fmt.Sprintf("%x", max-1), max - 1, ErrIncomplete, ErrIncomplete}, // admitted, and cut
		"limit":   {fmt.Sprintf("%x", max), max, ErrIncomplete, ErrIncomplete},
		"limit+1": {fmt.Sprintf("%x", max+1), max + 1, ErrChunkSize, ErrIncomplete},
		"5 GiB":   {"140000000", 5 << 30, ErrChunkSize, ErrIncomplete},
		"2^63-1":  {"7fffffffffffffff", 1<<63 - 1, ErrChunkSize, ErrIncomplete},
		"2^63":    {"8000000000000000", 1<<63 - 1, ErrChunkSize, ErrTooLarge},
		"2^64":    {"10000000000000000", 1<<63 - 1, ErrChunkSize, ErrTooLarge},
		"2^64+1":  {"10000000000000001", 1, ErrChunkSize, ErrTooLarge},
		"2^80-1":  {strings.Repeat("f", 20), 1<<63 - 1, ErrChunkSize, ErrTooLarge},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			chain := exampleChain(chunkedSeed)
			decode(t, strings.NewReader(newClient(chain).line(row.size, "").raw("abc").String()), Decode{Length: row.length, Chain: chain}, row.signed)
			decode(t, strings.NewReader(newClient(nil).line(row.size, "").raw("abc").String()), Decode{Length: row.length}, row.plain)
		})
	}
}

func TestTrailerRules(t *testing.T) {
	const body = "hello world"
	crc, sha := fieldOf(CRC32, body), fieldOf(SHA256, body)
	one, two := []string{crc32Name}, []string{crc32Name, "x-amz-checksum-sha256"}
	// whole writes the right signature of what canonical says.
	whole := func(lines, canonical string) func(w *client) {
		return func(w *client) { w.raw(lines).trailerSignature(canonical).raw("\r\n") }
	}
	rows := map[string]struct {
		trailers []string
		write    func(w *client)
		kind     error
	}{
		"refused: missing":                  {one, func(w *client) { w.raw("\r\n") }, ErrTrailer},
		"refused: missing, and no end":      {one, func(*client) {}, ErrIncomplete},
		"refused: one of two missing":       {two, whole(crc+"\r\n", crc+"\n"), ErrTrailer},
		"refused: one twice":                {two, whole(crc+"\r\n"+crc+"\r\n", crc+"\n"+crc+"\n"), ErrTrailer},
		"refused: one more than announced":  {one, whole(crc+"\r\n"+sha+"\r\n", crc+"\n"+sha+"\n"), ErrTrailer},
		"refused: another than announced":   {one, whole(sha+"\r\n", sha+"\n"), ErrTrailer},
		"refused: no checksum":              {one, whole("x-amz-meta-a:b\r\n", "x-amz-meta-a:b\n"), ErrTrailer},
		"refused: no colon":                 {one, whole(crc32Name+"\r\n", crc32Name+"\n"), ErrChecksumValue},
		"refused: no value":                 {one, whole(crc32Name+":\r\n", crc32Name+":\n"), ErrChecksumValue},
		"refused: two values":               {one, whole(crc+","+crc+"\r\n", crc+"\n"), ErrChecksumValue},
		"refused: space before the colon":   {one, whole(strings.Replace(crc, ":", " :", 1)+"\r\n", crc+"\n"), ErrTrailer},
		"refused: space before the name":    {one, whole(" "+crc+"\r\n", crc+"\n"), ErrTrailer},
		"refused: folded line":              {one, whole(crc32Name+":\r\n "+crc[len(crc32Name)+1:]+"\r\n", crc+"\n"), ErrChecksumValue},
		"refused: CR in the value":          {one, whole(crc[:25]+"\r"+crc[25:]+"\r\n", crc+"\n"), ErrTrailer},
		"refused: mixed line ends":          {two, whole(crc+"\r\n"+sha+"\n", crc+"\n"+sha+"\n"), ErrTrailer},
		"refused: LF without empty line":    {one, whole(crc+"\n", crc+"\n"), nil /* by form, below */},
		"refused: CRLF with empty line":     {one, whole(crc+"\r\n\r\n", crc+"\n"), ErrTrailer},
		"refused: empty line in between":    {two, whole(crc+"\r\n\r\n"+sha+"\r\n", crc+"\n"+sha+"\n"), ErrTrailer},
		"refused: bytes behind":             {one, func(w *client) { whole(crc+"\r\n", crc+"\n")(w); w.raw("a") }, ErrTrailer},
		"refused: cut before the last LF":   {one, func(w *client) { w.raw(crc + "\r\n").trailerSignature(crc + "\n").raw("\r") }, ErrIncomplete},
		"refused: cut in the name":          {one, func(w *client) { w.raw(crc[:9]) }, ErrIncomplete},
		"refused: wrong checksum":           {one, whole(fieldOf(CRC32, "other")+"\r\n", fieldOf(CRC32, "other")+"\n"), ErrChecksum},
		"refused: second checksum wrong":    {two, whole(crc+"\r\n"+fieldOf(SHA256, "")+"\r\n", crc+"\n"+fieldOf(SHA256, "")+"\n"), ErrChecksum},
		"refused: announced unknown":        {[]string{"x-amz-checksum-md5"}, whole(crc+"\r\n", crc+"\n"), ErrTrailer},
		"refused: announced no checksum":    {[]string{crc32Name, "x-amz-meta-a"}, whole(crc+"\r\n", crc+"\n"), ErrTrailer},
		"refused: announced the signature":  {[]string{"x-amz-trailer-signature"}, whole(crc+"\r\n", crc+"\n"), ErrTrailer},
		"refused: announced twice":          {[]string{crc32Name, "X-Amz-Checksum-Crc32"}, whole(crc+"\r\n", crc+"\n"), ErrTrailer},
		"refused: announced the empty name": {[]string{""}, whole("\r\n", ""), ErrTrailer},
	}
	for form, chain := range forms() {
		for name, row := range rows {
			t.Run(form+"/"+name, func(t *testing.T) {
				kind := row.kind
				if kind == nil { // signed: the signature comes where the empty line is due; unsigned: the end does
					kind = map[string]error{"signed": ErrTrailer, "unsigned": ErrIncomplete}[form]
				}
				w := newClient(chain).chunk(body).last()
				row.write(w)
				decode(t, strings.NewReader(w.String()), Decode{Length: 11, Chain: chain, Trailers: row.trailers}, kind)
			})
		}
	}
}

func TestTrailerSignatureRules(t *testing.T) {
	crc := fieldOf(CRC32, "a")
	rows := map[string]struct {
		signed bool
		write  func(w *client)
		kind   error
	}{
		"refused: none":             {true, func(w *client) { w.raw(crc + "\r\n\r\n") }, ErrTrailer},
		"refused: in unsigned form": {false, func(w *client) { w.raw(crc + "\r\n" + trailerSignature + ":" + chunkedSeed + "\r\n\r\n") }, ErrTrailer},
		"refused: wrong":            {true, func(w *client) { w.raw(crc + "\r\n" + trailerSignature + ":" + chunkedSeed + "\r\n\r\n") }, ErrChunkSignature},
		"refused: of another field": {true, func(w *client) { w.raw(crc + "\r\n").trailerSignature(fieldOf(CRC32, "b") + "\n").raw("\r\n") }, ErrChunkSignature},
		"refused: of CRLF lines":    {true, func(w *client) { w.raw(crc + "\r\n").trailerSignature(crc + "\r\n").raw("\r\n") }, ErrChunkSignature},
		"refused: as a chunk": {true, func(w *client) {
			w.raw(crc + "\r\n" + trailerSignature + ":" + w.sign(chunkAlgorithm, "", crc+"\n") + "\r\n\r\n")
		}, ErrChunkSignature},
		"refused: in capitals": {true, func(w *client) {
			w.raw(crc + "\r\n" + trailerSignature + ":" + strings.ToUpper(w.sign(trailerAlgorithm, crc+"\n")) + "\r\n\r\n")
		}, ErrTrailer},
		"refused: 63 digits": {true, func(w *client) {
			w.raw(crc + "\r\n" + trailerSignature + ":" + w.sign(trailerAlgorithm, crc+"\n")[1:] + "\r\n\r\n")
		}, ErrTrailer},
		"refused: twice": {true, func(w *client) {
			w.raw(crc + "\r\n").trailerSignature(crc + "\n").trailerSignature(crc + "\n").raw("\r\n")
		}, ErrTrailer},
		"refused: before the field": {true, func(w *client) { w.trailerSignature(crc + "\n").raw(crc + "\r\n\r\n") }, ErrTrailer},
		"refused: ends with bare LF": {true, func(w *client) {
			w.raw(crc + "\r\n" + trailerSignature + ":" + w.sign(trailerAlgorithm, crc+"\n") + "\n\r\n")
		}, ErrTrailer},
		"accepted: name in capitals, spaces": {true, func(w *client) {
			w.raw(crc + "\r\nX-Amz-Trailer-Signature: " + w.sign(trailerAlgorithm, crc+"\n") + " \r\n\r\n")
		}, nil},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			var chain *Chain
			if row.signed {
				chain = exampleChain(trailerSeed)
			}
			w := newClient(chain).chunk("a").last()
			row.write(w)
			decode(t, strings.NewReader(w.String()), Decode{Length: 1, Chain: chain, Trailers: []string{crc32Name}}, row.kind)
		})
	}
}

func TestTrailerWithoutFieldsHasNoSignature(t *testing.T) {
	chain := exampleChain(chunkedSeed)
	w := newClient(chain).chunk("a").last().trailerSignature("").raw("\r\n")
	decode(t, strings.NewReader(w.String()), Decode{Length: 1, Chain: chain}, ErrTrailer)
}

func TestSizeOfTheTrailerIsBounded(t *testing.T) {
	for form, chain := range forms() {
		field := fieldOf(CRC32, "a")
		fixed := len(field) + 2*len(crlf)
		if chain != nil {
			fixed += len(trailerSignature) + 1 + signatureLength + len(crlf)
		}
		for size, kind := range map[int]error{maxTrailer - 1: nil, maxTrailer: nil, maxTrailer + 1: ErrTrailer, 1 << 20: ErrTrailer} {
			for style, dress := range styles {
				t.Run(fmt.Sprint(form, "/", size, "/", style), func(t *testing.T) {
					w := newClient(chain).chunk("a").last().raw(field + strings.Repeat(" ", size-fixed) + "\r\n").trailerSignature(field + "\n").raw("\r\n")
					decode(t, dress(strings.NewReader(w.String())), Decode{Length: 1, Chain: chain, Trailers: []string{crc32Name}}, kind)
				})
			}
		}
	}
}

func TestChunkSignatureRules(t *testing.T) {
	const sig = ";chunk-signature="
	right := func(w *client, data string) string { return w.sign(chunkAlgorithm, "", data) }
	rows := map[string]struct {
		line func(w *client) string
		kind error
	}{
		"accepted: right":       {func(w *client) string { return "1" + sig + right(w, "a") }, nil},
		"refused: none":         {func(*client) string { return "1" }, ErrChunk},
		"refused: empty":        {func(*client) string { return "1" + sig }, ErrChunk},
		"refused: wrong":        {func(*client) string { return "1" + sig + trailerSeed }, ErrChunkSignature},
		"refused: the seed":     {func(*client) string { return "1" + sig + chunkedSeed }, ErrChunkSignature},
		"refused: of other":     {func(w *client) string { return "1" + sig + right(w, "b") }, ErrChunkSignature},
		"refused: 63 digits":    {func(w *client) string { return "1" + sig + right(w, "a")[1:] }, ErrChunk},
		"refused: 65 digits":    {func(w *client) string { return "1" + sig + right(w, "a") + "0" }, ErrChunk},
		"refused: capitals":     {func(w *client) string { return "1" + sig + strings.ToUpper(right(w, "a")) }, ErrChunk},
		"refused: name capital": {func(w *client) string { return "1;Chunk-Signature=" + right(w, "a") }, ErrChunk},
		"refused: space":        {func(w *client) string { return "1; chunk-signature=" + right(w, "a") }, ErrChunk},
		"refused: quoted":       {func(w *client) string { return "1" + sig + `"` + right(w, "a") + `"` }, ErrChunk},
		"refused: twice":        {func(w *client) string { s := right(w, "a"); return "1" + sig + s + sig + s }, ErrChunk},
		"refused: and another":  {func(w *client) string { return "1" + sig + right(w, "a") + ";a=b" }, ErrChunk},
		"refused: other before": {func(w *client) string { return "1;a=b" + sig + right(w, "a") }, ErrChunk},
		"refused: no size":      {func(w *client) string { return sig + right(w, "a") }, ErrChunk},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			chain := exampleChain(chunkedSeed)
			w := newClient(chain)
			w.raw(row.line(w) + "\r\na\r\n").last().raw("\r\n")
			decode(t, strings.NewReader(w.String()), Decode{Length: 1, Chain: chain}, row.kind)
		})
	}
	t.Run("refused: in the unsigned form", func(t *testing.T) {
		w := newClient(exampleChain(chunkedSeed)).chunk("a").last().raw("\r\n")
		decode(t, strings.NewReader(w.String()), Decode{Length: 1}, ErrChunk)
	})
	t.Run("refused: chunks in another order", func(t *testing.T) {
		chain := exampleChain(chunkedSeed)
		first, second := newClient(chain).chunk("a"), newClient(chain)
		second.previous = first.previous
		second.chunk("b")
		first.previous = second.previous
		decode(t, strings.NewReader(second.String()+first.last().raw("\r\n").String()), Decode{Length: 2, Chain: chain}, ErrChunkSignature)
	})
	t.Run("refused: last chunk", func(t *testing.T) {
		chain := exampleChain(chunkedSeed)
		w := newClient(chain).chunk("a").raw("0" + sig + trailerSeed + "\r\n\r\n")
		decode(t, strings.NewReader(w.String()), Decode{Length: 1, Chain: chain}, ErrChunkSignature)
	})
}

func TestAWrongChunkEndsTheBody(t *testing.T) {
	chain := exampleChain(chunkedSeed)
	whole := newClient(chain).chunk("first").chunk("second").chunk("third").last().raw("\r\n").String()
	bad := strings.Replace(whole, "second", "secund", 1)
	got := decode(t, strings.NewReader(bad), Decode{Length: 16, Chain: chain}, ErrChunkSignature)
	if strings.Contains(string(got), "third") {
		t.Fatalf("went on after the wrong chunk: %q", got)
	}
}

func TestWrongUseIsRefused(t *testing.T) {
	chain := func(change func(*Chain)) *Chain {
		c := exampleChain(chunkedSeed)
		change(c)
		return c
	}
	rows := map[string]struct {
		c    Decode
		kind error
	}{
		"negative length":  {Decode{Length: -1}, errLength},
		"zero chain":       {Decode{Chain: &Chain{}}, errChain},
		"no MAC":           {Decode{Chain: chain(func(c *Chain) { c.MAC = nil })}, errChain},
		"no date":          {Decode{Chain: chain(func(c *Chain) { c.Date = "" })}, errChain},
		"no scope":         {Decode{Chain: chain(func(c *Chain) { c.Scope = "" })}, errChain},
		"no seed":          {Decode{Chain: chain(func(c *Chain) { c.Seed = "" })}, errChain},
		"seed in capitals": {Decode{Chain: chain(func(c *Chain) { c.Seed = strings.ToUpper(c.Seed) })}, errChain},
		"zero checksum":    {Decode{Checksums: []Checksum{{}}}, errAlgorithm},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) { decode(t, strings.NewReader("0\r\n\r\n"), row.c, row.kind) })
	}
	t.Run("zero Decoder", func(t *testing.T) {
		if _, err := drain(t, new(Decoder), 5); !errors.Is(err, errNoSource) {
			t.Fatal(err)
		}
	})
}

func TestChecksumsOfHeadersProveAnUnsignedBody(t *testing.T) {
	for name, row := range map[string]struct {
		of   string
		kind error
	}{"accepted": {"hello", nil}, "refused": {"other", ErrChecksum}} {
		t.Run(name, func(t *testing.T) {
			for _, a := range algorithms {
				decode(t, strings.NewReader(newClient(nil).chunk("hello").last().raw("\r\n").String()),
					Decode{Length: 5, Checksums: []Checksum{checksumOf(a, []byte(row.of))}}, row.kind)
			}
		})
	}
}

// A checksum may come in a header and in the trailer: both have to be right.
func TestChecksumsOfHeaderAndTrailerBothCount(t *testing.T) {
	right, wrong := checksumOf(CRC32, []byte("hello")), checksumOf(CRC32, []byte("other"))
	rows := map[string]struct {
		header, trailer Checksum
		kind            error
	}{
		"accepted: both right":   {right, right, nil},
		"refused: header wrong":  {wrong, right, ErrChecksum},
		"refused: trailer wrong": {right, wrong, ErrChecksum},
		"refused: both wrong":    {wrong, wrong, ErrChecksum},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			w := newClient(nil).chunk("hello").last().raw(string(row.trailer.appendLine(nil)) + "\r\n\r\n")
			decode(t, strings.NewReader(w.String()), Decode{Length: 5, Trailers: []string{crc32Name}, Checksums: []Checksum{row.header}}, row.kind)
		})
	}
}

func TestErrorsOfTheSourceStayWhatTheyAre(t *testing.T) {
	errLost := errors.New("connection lost")
	chain := exampleChain(trailerSeed)
	whole := upload(chain, CRC32C, "hello ", "world")
	want := Decode{Length: 11, Chain: chain, Trailers: []string{"x-amz-checksum-crc32c"}}
	for cut := range len(whole) + 1 {
		head := strings.NewReader(whole[:cut])
		decode(t, io.MultiReader(head, iotest.ErrReader(errLost)), want, errLost)
		head.Reset(whole[:cut])
		decode(t, io.MultiReader(head, iotest.ErrReader(io.ErrUnexpectedEOF)), want, io.ErrUnexpectedEOF)
		head.Reset(whole[:cut])
		kind := ErrIncomplete
		if cut == len(whole) {
			kind = nil
		}
		decode(t, head, want, kind)
	}
}

func TestFaultsCanBeShown(t *testing.T) {
	chain := exampleChain(chunkedSeed)
	_, err := drain(t, NewDecoder(strings.NewReader(newClient(chain).raw("1;chunk-signature="+trailerSeed+"\r\na\r\n").String()), Decode{Length: 1, Chain: chain}), 9)
	var fault *sigv4.Fault
	if !errors.As(err, &fault) || strings.Contains(fault.Message, newClient(chain).sign(chunkAlgorithm, "", "a")[:8]) {
		t.Fatal(err)
	}
}

func TestAChunkIsGivenOutBeforeTheNextArrives(t *testing.T) {
	r, w := io.Pipe()
	go func() {
		io.WriteString(w, newClient(nil).chunk("hello").String())
		// Nothing more comes, until the reader has gone.
	}()
	p := make([]byte, 100)
	n, err := NewDecoder(r, Decode{Length: 11}).Read(p)
	if string(p[:n]) != "hello" || err != nil {
		t.Fatalf("%q, %v", p[:n], err)
	}
	r.Close()
}

// Every bit of a body is turned. What means the same afterwards is named.
func TestNoBitCanBeTurned(t *testing.T) {
	const chunk1, chunk2 = "hello big and ", "wide world!"
	body := chunk1 + chunk2
	for form, chain := range forms() {
		whole := upload(chain, CRC32C, chunk1, chunk2)
		want := Decode{Length: int64(len(body)), Chain: chain, Trailers: []string{"x-amz-checksum-crc32c"}}
		if got := decode(t, strings.NewReader(whole), want, nil); string(got) != body {
			t.Fatal(form, got)
		}
		var void []int
		for bit := range 8 * len(whole) {
			turned := []byte(whole)
			turned[bit/8] ^= 1 << (bit % 8)
			d := NewDecoder(strings.NewReader(string(turned)), want)
			got, err := drain(t, d, 16)
			if err == nil {
				void = append(void, bit)
				continue
			}
			if len(got) >= len(body) {
				t.Fatalf("%s: bit %d: gave out all before %v", form, bit, err)
			}
		}
		checkVoid(t, form, whole, void)
	}
}

// checkVoid fails unless the turned bits changed the case of a letter in a name
// of the trailer or in a size, which is all that may change.
func checkVoid(t *testing.T, form, whole string, void []int) {
	t.Helper()
	var want []int
	caseOf := func(from, to int) {
		for i := from; i < to; i++ {
			if c := whole[i]; 'a' <= c && c <= 'z' {
				want = append(want, 8*i+5)
			}
		}
	}
	caseOf(0, 1) // the size e of the first chunk
	second := strings.Index(whole, "\r\nb") + 2
	caseOf(second, second+1)
	for _, name := range []string{"x-amz-checksum-crc32c", trailerSignature} {
		if at := strings.Index(whole, name); at >= 0 {
			caseOf(at, at+len(name))
		}
	}
	if !slices.Equal(void, want) {
		t.Fatalf("%s: bits that may be turned: %v, want %v", form, void, want)
	}
}
