package postpolicy_test

import (
	"io"
	"strings"
	"testing"

	"tollgate/proxy/sigv4/postpolicy"
)

func BenchmarkJudge(b *testing.B) {
	text := signed(`["starts-with","$key","user/"],["content-length-range",0,1048576]`, pair{"key", "user/${filename}"}).String()
	b.ReportAllocs()
	for b.Loop() {
		f, err := postpolicy.Open(contentType, strings.NewReader(text))
		if err == nil {
			err = judge(f)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRewrite16MiB(b *testing.B) {
	made := signed(anyKey, pair{"key", "k"})
	block := make([]byte, 64<<10)
	for i := range block {
		block[i] = byte(i * 31)
	}
	made.file = strings.Repeat(string(block), 256)
	text := made.String()
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	buf := make([]byte, 32<<10)
	for b.Loop() {
		_, _, out, err := judgedFrom(b, strings.NewReader(text)).Rewrite(resign(len(text)))
		if err == nil {
			_, err = io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{out}, buf)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}
