package conf_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"tollgate/cmd/tollgate/conf"
)

func TestKeysAreAllPathsInTheOrderOfTheStruct(t *testing.T) {
	t.Parallel()
	want := strings.Fields(`
		listen fast_lane workers limit offset ratio timeout network mode methods ports proxies
		tokens.default_ttl tokens.max_ttl tokens.format tokens.cookie.name tokens.cookie.secure tokens.cookie.http_only
		users[].name users[].password_hash users[].tenants
		users[].identity.name users[].identity.secure users[].identity.http_only
		upstreams[].name upstreams[].urls upstreams[].region upstreams[].health.path upstreams[].health.every
		upstreams[].s3.access_key upstreams[].s3.secret_key
		labels zones.*.rate zones.*.key codes
		store.etcd.endpoints store.etcd.prefix store.etcd.password store.etcd.deep.path store.etcd.deep.every
		store.max_staleness keys_file pause data_dir master bare`)
	for _, cfg := range []any{gateway{}, &gateway{}, (*gateway)(nil)} {
		if got := conf.Keys(cfg); !slices.Equal(got, want) {
			t.Errorf("%T: got\n%v\nwant\n%v", cfg, got, want)
		}
	}
}

func TestKeysOfWhatHasNone(t *testing.T) {
	t.Parallel()
	for _, cfg := range []any{nil, 5, []gateway{}, struct{}{}} {
		if got := conf.Keys(cfg); got != nil {
			t.Errorf("%T: got %v, want none", cfg, got)
		}
	}
	if got := conf.Keys(tree{}); !slices.Equal(got, []string{"name"}) {
		t.Errorf("a type inside itself: got %v, want its own keys once", got)
	}
	nested := struct {
		M map[string][]probe `yaml:"m"`
		L [][]probe          `yaml:"l"`
	}{}
	want := []string{"m.*[].path", "m.*[].every", "l[][].path", "l[][].every"}
	if got := conf.Keys(nested); !slices.Equal(got, want) {
		t.Errorf("lists in maps and lists: got %v, want %v", got, want)
	}
}

func TestDurationsAreReadAndWritten(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	rows := []struct {
		text    string
		want    time.Duration
		written string
	}{
		{"0", 0, "0s"}, {"0s", 0, "0s"}, {"30s", 30 * time.Second, "30s"}, {"1m", time.Minute, "1m"},
		{"90s", 90 * time.Second, "1m30s"}, {"24h", day, "24h"}, {"720h", 720 * time.Hour, "720h"},
		{"1h30m", 90 * time.Minute, "1h30m"}, {"1h0m5s", time.Hour + 5*time.Second, "1h0m5s"},
		{"10m", 10 * time.Minute, "10m"}, {"100h", 100 * time.Hour, "100h"},
		{"1.5s", 1500 * time.Millisecond, "1.5s"}, {"250ms", 250 * time.Millisecond, "250ms"},
		{"7d", 7 * day, "168h"}, {"1d12h", 36 * time.Hour, "36h"}, {"-1d1h", -25 * time.Hour, "-25h"},
		{"+2d", 2 * day, "48h"}, {"0d", 0, "0s"}, {"-5m", -5 * time.Minute, "-5m"}, {"65535d", 65535 * day, "1572840h"},
	}
	for _, row := range rows {
		got, err := conf.ParseDuration(row.text)
		if err != nil || got != row.want {
			t.Errorf("%q: read as %v, %v, want %v", row.text, got, err, row.want)
		}
		if got := conf.FormatDuration(row.want); got != row.written {
			t.Errorf("%v: written %q, want %q", row.want, got, row.written)
		}
	}
}

func TestWhatIsNoDurationIsRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "30", "d", "1", "-", "1.5d", "1d1d", "1d-1h", "--1d", "+-1d", "1w", "1 d", "1d ", "1d1", "forever", "never",
		"65536d", "999999999999d", "65535d2562047h", "1:30", "1e3s", "∞",
	} {
		if got, err := conf.ParseDuration(text); !errors.Is(err, conf.ErrDuration) {
			t.Errorf("%q: got %v, %v, want ErrDuration", text, got, err)
		}
	}
}

func FuzzDuration(f *testing.F) {
	for _, s := range []string{"30s", "7d", "1d12h", "-1h0m0s", "0", "1.5h"} {
		f.Add(s, int64(3600e9))
	}
	f.Fuzz(func(t *testing.T, text string, nanoseconds int64) {
		if dur, err := conf.ParseDuration(text); err == nil {
			if again, err := conf.ParseDuration(conf.FormatDuration(dur)); err != nil || again != dur {
				t.Errorf("%q: read as %v, then written and read as %v, %v", text, dur, again, err)
			}
		}
		dur := time.Duration(nanoseconds)
		if got, err := conf.ParseDuration(conf.FormatDuration(dur)); err != nil || got != dur {
			t.Errorf("%v: written %q, read back as %v, %v", dur, conf.FormatDuration(dur), got, err)
		}
	})
}
