package conf_test

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"tollgate/cmd/tollgate/conf"
)

func BenchmarkDecodeWholeFile(b *testing.B) {
	src := from(whole, "TOLLGATE_LISTEN=:80", "TOLLGATE_TOKENS_MAX_TTL=1h", "TOLLGATE_METHODS=[GET]")
	b.SetBytes(int64(len(src.Data)))
	b.ReportAllocs()
	for b.Loop() {
		cfg := defaults()
		if _, faults := conf.Decode(&cfg, src); faults != nil {
			b.Fatal(faults)
		}
	}
}

func BenchmarkDecodeThousandUsers(b *testing.B) {
	var text strings.Builder
	text.WriteString("users:\n")
	for i := range 1000 {
		fmt.Fprintf(&text, "  - name: user%d\n    password_hash: \"$2b$10$%d\"\n    tenants: [north, south]\n", i, i)
	}
	src := from(text.String())
	b.SetBytes(int64(len(src.Data)))
	b.ReportAllocs()
	for b.Loop() {
		cfg := defaults()
		if _, faults := conf.Decode(&cfg, src); faults != nil {
			b.Fatal(faults)
		}
	}
}

func BenchmarkPrint(b *testing.B) {
	cfg := rich()
	b.ReportAllocs()
	for b.Loop() {
		if err := conf.Print(io.Discard, &cfg); err != nil {
			b.Fatal(err)
		}
	}
}
