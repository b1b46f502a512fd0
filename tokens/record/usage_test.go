package record

import (
	"bytes"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"tollgate/tokens"
)

func goldenUsage() tokens.Usage {
	return tokens.Usage{
		At: time.UnixMilli(1_900_000_000_001).UTC(), Address: netip.MustParseAddr("2001:db8::7"), Agent: "curl/8 grüße", Count: 1<<40 + 7,
	}
}

func TestMalformedUsagesAreRefused(t *testing.T) {
	t.Parallel()
	good := EncodeUsage(goldenUsage())
	if u, err := DecodeUsage(good); err != nil || u != goldenUsage() {
		t.Fatalf("usage is %+v, %v", u, err)
	}
	if u, err := DecodeUsage(EncodeUsage(tokens.Usage{})); err != nil || u != (tokens.Usage{}) {
		t.Errorf("zero usage is %+v, %v", u, err)
	}
	version := []byte{usageVersion}
	rows := map[string][]byte{
		"nothing":          {},
		"version 0":        append([]byte{0}, good[1:]...),
		"version 2":        append([]byte{2}, good[1:]...),
		"cut off":          good[:len(good)-1],
		"unknown field":    append(bytes.Clone(good), usageTags, 1, 'x'),
		"count 0":          appendNumber(version, usageTagCount, 0),
		"count short":      appendField(version, usageTagCount, "\x01"),
		"time after 9999":  appendNumber(version, usageTagAt, MaxMillis+1),
		"address 5 bytes":  appendField(version, usageTagAddress, "12345"),
		"agent too long":   appendField(version, usageTagAgent, strings.Repeat("a", MaxAgent+1)),
		"fields unordered": appendNumber(appendField(version, usageTagAgent, "a"), usageTagCount, 1),
	}
	for name, data := range rows {
		if u, err := DecodeUsage(data); !errors.Is(err, ErrUsage) {
			t.Errorf("%s: %+v, %v, want ErrUsage", name, u, err)
		}
	}
}

// FuzzDecodeUsage: whatever is taken is the one encoding of what is returned.
func FuzzDecodeUsage(f *testing.F) {
	f.Add(EncodeUsage(goldenUsage()))
	f.Add(EncodeUsage(tokens.Usage{}))
	f.Add(EncodeUsage(tokens.Usage{Address: netip.MustParseAddr("::ffff:192.0.2.7%eth0"), Count: 1}))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		u, err := DecodeUsage(data)
		if err != nil {
			return
		}
		if again := EncodeUsage(u); !bytes.Equal(again, data) {
			t.Errorf("%x decodes to what encodes to %x", data, again)
		}
	})
}
