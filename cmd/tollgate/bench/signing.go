package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"strconv"
	"time"

	"tollgate/proxy/sigv4"
	"tollgate/proxy/sigv4/payload"
)

// digestPayload stands for the digest of the body itself, where a value of
// x-amz-content-sha256 is expected.
const digestPayload = ""

// object is one kind of request for an object.
type object struct {
	name    string
	method  string
	key     string
	size    int    // bytes of the object
	payload string // the value of x-amz-content-sha256
}

// objectKinds are the kinds that are measured.
func objectKinds(s settings) []object {
	small, large := inBytes(s.size), inBytes(s.object)
	put := func(mode, payload string) object {
		return object{"PUT " + large + ", " + mode, http.MethodPut, "written", s.object, payload}
	}
	return []object{
		{"GET " + small, http.MethodGet, "small", s.size, digestPayload},
		{"GET " + large, http.MethodGet, "large", s.object, digestPayload},
		put("digest", digestPayload),
		put("unsigned", sigv4.ValueUnsigned),
		put("signed chunks", sigv4.ValueSignedChunks),
		put("signed chunks, trailer", sigv4.ValueSignedChunksTrailer),
		put("unsigned chunks, trailer", sigv4.ValueUnsignedChunksTrailer),
	}
}

// inBytes writes a size in the largest unit that leaves no fraction.
func inBytes(n int) string {
	units := [...]string{"B", "KiB", "MiB", "GiB"}
	i := 0
	for i < len(units)-1 && n%1024 == 0 && n > 0 {
		n, i = n/1024, i+1
	}
	return fmt.Sprintf("%d %s", n, units[i])
}

// answers is how many bytes the body of the answer has.
func (o object) answers() int {
	if o.method == http.MethodPut {
		return 0
	}
	return o.size
}

// sends is how many bytes of the object the request carries.
func (o object) sends() int { return o.size - o.answers() }

// content returns the bytes of an object. They differ from place to place, so
// that none can stand for another.
func content(size int) []byte {
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(i ^ i>>8 ^ i>>16) // #nosec G115 -- the low bits are wanted
	}
	return b
}

const bucket = "bench-bucket"

// request returns the request as it goes over the wire, signed for an address.
// It is good for 15 minutes.
func (o object) request(signer *sigv4.Signer, address string, now time.Time) ([]byte, error) {
	data := content(o.sends())
	h := http.Header{"User-Agent": {"bench"}}
	encode, mode := payload.Encode{Length: int64(len(data))}, o.payload
	switch mode {
	case digestPayload:
		sum := sha256.Sum256(data)
		mode = hex.EncodeToString(sum[:])
	case sigv4.ValueSignedChunksTrailer, sigv4.ValueUnsignedChunksTrailer:
		sum := crc32.ChecksumIEEE(data)
		h["X-Amz-Trailer"] = []string{payload.CRC32.Header()}
		encode.TrailerAlgorithms = []payload.Algorithm{payload.CRC32}
		encode.Trailer = func() []payload.Checksum {
			return []payload.Checksum{{Algorithm: payload.CRC32, Value: []byte{byte(sum >> 24), byte(sum >> 16), byte(sum >> 8), byte(sum)}}}
		}
	}
	length := int64(len(data))
	chained := mode == sigv4.ValueSignedChunks || mode == sigv4.ValueSignedChunksTrailer
	encoded := chained || mode == sigv4.ValueUnsignedChunksTrailer
	if chained {
		encode.Chain = &payload.Chain{}
	}
	if encoded {
		length = payload.EncodedLength(encode)
		h["Content-Encoding"] = []string{"aws-chunked"}
		h["X-Amz-Decoded-Content-Length"] = []string{strconv.Itoa(len(data))}
	}
	path := "/" + bucket + "/" + o.key
	seed := signer.Sign(now, &sigv4.View{Method: o.method, Host: address, Path: path, Header: h, ContentLength: length}, mode)
	if chained {
		encode.Chain = &payload.Chain{MAC: seed.MAC, Date: seed.Date, Scope: seed.Scope, Seed: seed.Value}
	}
	out := bytes.NewBuffer(make([]byte, 0, length+maxHead))
	fmt.Fprintf(out, "%s %s HTTP/1.1\r\nHost: %s\r\n", o.method, path, address)
	if o.method == http.MethodPut {
		fmt.Fprintf(out, "Content-Length: %d\r\n", length)
	}
	err := h.Write(out)
	out.WriteString("\r\n")
	if !encoded {
		out.Write(data)
		return out.Bytes(), err
	}
	e := payload.NewEncoder(bytes.NewReader(data), encode)
	defer func() { _ = e.Close() }()
	if _, failed := io.Copy(out, e); failed != nil {
		return nil, fmt.Errorf("encode: %w", failed)
	}
	return out.Bytes(), err
}
