package tokens_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tollgate/tokens"
)

func TestLifetimes(t *testing.T) {
	const day = 24 * time.Hour
	now := stamped()
	in := func(d time.Duration) tokens.Lifetime { return tokens.Lifetime{Until: now.Add(d)} }
	none, never := tokens.Lifetime{}, tokens.Lifetime{Never: true}
	for _, c := range []struct {
		name        string
		byDefault   time.Duration
		longest     time.Duration
		wish        tokens.Lifetime
		want        time.Time // zero = never
		invalid     string
		alsoInvalid string
	}{
		{"no wish gets the default", day, 0, none, now.Add(day), "", ""},
		{"no wish and a default without an end", 0, 0, none, time.Time{}, "", ""},
		{"no wish, a default without an end and a ceiling", 0, time.Hour, none, now.Add(time.Hour), "", ""},
		{"no wish is cut to the ceiling", day, time.Hour, none, now.Add(time.Hour), "", ""},
		{"no wish below the ceiling", time.Hour, day, none, now.Add(time.Hour), "", ""},
		{"no wish at the ceiling", day, day, none, now.Add(day), "", ""},
		{"never", day, 0, never, time.Time{}, "", ""},
		{"never is cut to the ceiling", time.Hour, day, never, now.Add(day), "", ""},
		{"a default of less than a millisecond is rounded down", time.Second + 999*time.Microsecond, 0, none, now.Add(time.Second), "", ""},
		{"a wish", day, 0, in(time.Minute), now.Add(time.Minute), "", ""},
		{"a wish beyond the default", day, 0, in(400 * day), now.Add(400 * day), "", ""},
		{"a wish at the ceiling", day, 2 * day, in(2 * day), now.Add(2 * day), "", ""},
		{"a wish is rounded down to the ceiling", day, 2 * day, in(2*day + 999*time.Microsecond), now.Add(2 * day), "", ""},
		{"a wish beyond the ceiling", day, 2 * day, in(2*day + time.Millisecond), time.Time{},
			"read as 2031-05-19T08:30:00.124Z, which is later than the longest lifetime", "accepted is up to 2031-05-19T08:30:00.123Z"},
		{"the next millisecond", day, 0, in(time.Millisecond), now.Add(time.Millisecond), "", ""},
		{"now", day, 0, in(0), time.Time{}, "read as 2031-05-17T08:30:00.123Z, which is not in the future", "it is 2031-05-17T08:30:00.123Z now"},
		{"within this millisecond", day, 0, in(999 * time.Microsecond), time.Time{}, "not in the future", ""},
		{"the past", day, 0, in(-day), time.Time{}, "read as 2031-05-16T08:30:00.123Z, which is not in the future", ""},
		{"the past, with a ceiling", day, day, in(-day), time.Time{}, "not in the future", ""},
		{"the distant past", day, 0, tokens.Lifetime{Until: time.Unix(-1<<40, 0)}, time.Time{}, "not in the future", ""},
		{"a wish and never", day, 0, tokens.Lifetime{Until: now.Add(time.Hour), Never: true}, now.Add(time.Hour), "", ""},
		{"in another zone", day, 0, tokens.Lifetime{Until: now.Add(time.Hour).In(time.FixedZone("far", 14*3600))}, now.Add(time.Hour), "", ""},
		{"the last instant", day, 0, tokens.Lifetime{Until: time.Date(9999, 12, 31, 23, 59, 59, 999e6, time.UTC)}, time.Date(9999, 12, 31, 23, 59, 59, 999e6, time.UTC), "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := usualWorld()
			config := tokens.Default()
			config.DefaultTTL, config.MaxTTL = c.byDefault, c.longest
			w.Configure(config)
			got, err := w.Issue(t.Context(), tokens.Order{By: w.as("ann"), Scope: redA(), Lifetime: c.wish})
			if c.invalid != "" {
				isInvalid(t, err, c.invalid, c.alsoInvalid)
				return
			}
			isVerdict(t, err, nil)
			if k := got.Token; !k.Expires.Equal(c.want) || k.Expires.Location() != time.UTC || !k.Created.Equal(now) {
				t.Errorf("from %v to %v, want %v", k.Created, k.Expires, c.want)
			}
		})
	}
}

func TestConfigureHoldsForWhatComesAfter(t *testing.T) {
	w := usualWorld()
	order := tokens.Order{By: w.as("ann"), Scope: redA()}
	first, err := w.Issue(t.Context(), order)
	isVerdict(t, err, nil)
	config := tokens.Default()
	config.DefaultTTL = time.Minute
	w.Configure(config)
	config.DefaultTTL = time.Second // the service has its own copy
	second, err := w.Issue(t.Context(), order)
	isVerdict(t, err, nil)
	if !first.Token.Expires.Equal(stamped().Add(24*time.Hour)) || !second.Token.Expires.Equal(stamped().Add(time.Minute)) {
		t.Errorf("they end %v and %v", first.Token.Expires, second.Token.Expires)
	}
}

func TestValidate(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*tokens.Config)
		want   []string
	}{
		{"the defaults", func(*tokens.Config) {}, nil},
		{"a lower ceiling than the default cuts it and is no fault", func(c *tokens.Config) { c.MaxTTL = time.Hour }, nil},
		{"no lifetime at all", func(c *tokens.Config) { c.DefaultTTL, c.KeepEnded = 0, 0 }, nil},
		{"negative default", func(c *tokens.Config) { c.DefaultTTL = -1 }, []string{"default_ttl: -1ns is negative, accepted is 0 or more"}},
		{"negative ceiling", func(c *tokens.Config) { c.MaxTTL = -time.Hour }, []string{"max_ttl: -1h0m0s is negative, accepted is 0 or more"}},
		{"no format", func(c *tokens.Config) { c.Format = "" }, []string{`format: read "", accepted are hex and prefixed`}},
		{"the own format", func(c *tokens.Config) { c.Format = tokens.Prefixed }, nil},
		{"the format of an API", func(c *tokens.Config) { c.Format = tokens.UUID }, []string{`format: read "uuid", accepted are hex and prefixed`}},
		{"no secret length", func(c *tokens.Config) { c.MinSecretLength = 0 }, []string{"min_secret_length: 0 is too short, accepted is 1 or more"}},
		{"all at once", func(c *tokens.Config) {
			*c = tokens.Config{DefaultTTL: -1, MaxTTL: -1, MinSecretLength: -1, KeepEnded: -1}
		}, []string{
			"default_ttl: -1ns is negative, accepted is 0 or more", "max_ttl: -1ns is negative, accepted is 0 or more",
			"keep_ended: -1ns is negative, accepted is 0 or more", `format: read "", accepted are hex and prefixed`, "min_secret_length: -1 is too short, accepted is 1 or more",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := tokens.Default()
			c.change(&config)
			var got []string
			config.Validate(func(path, message string) { got = append(got, path+": "+message) })
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	want := tokens.Config{DefaultTTL: 24 * time.Hour, MaxTTL: 0, Format: tokens.Hex, MinSecretLength: 8, KeepEnded: 30 * 24 * time.Hour}
	if got := tokens.Default(); got != want {
		t.Errorf("the defaults are %+v, want %+v", got, want)
	}
}

func TestClean(t *testing.T) {
	keep := tokens.Default().KeepEnded
	w := usualWorld()
	kept := map[string]bool{}
	labels := map[tokens.ID]string{}
	put := func(name string, change func(*tokens.Token)) {
		k, _ := w.put(t, "ann", redA(), change)
		labels[k.ID] = name
	}
	put("live", expiring(stamped().Add(time.Hour)))
	put("without an end", expiring(time.Time{}))
	put("ended just now", expiring(stamped()))
	put("ended long enough ago to the millisecond", expiring(start().Add(-keep).Truncate(time.Millisecond).Add(time.Millisecond)))
	put("revoked lately", func(k *tokens.Token) { expiring(time.Time{})(k); revokedBy("root", stamped().Add(-time.Hour))(k) })
	put("-expired long ago", expiring(stamped().Add(-keep-time.Hour)))
	put("-revoked long ago", func(k *tokens.Token) { expiring(time.Time{})(k); revokedBy("root", stamped().Add(-keep-time.Hour))(k) })
	put("-revoked after it had expired long ago", func(k *tokens.Token) {
		expiring(stamped().Add(-keep - time.Hour))(k)
		revokedBy("root", stamped())(k)
	})
	n, err := w.Clean(t.Context())
	isVerdict(t, err, nil)
	for id, name := range labels {
		if _, err := w.store.ByID(t.Context(), id); err == nil {
			kept[name] = true
		}
	}
	if n != 3 || len(kept) != 5 || strings.Contains(fmt.Sprint(names(kept)), "-") {
		t.Errorf("removed %d, kept %q", n, names(kept))
	}
	if n, err := w.Clean(t.Context()); n != 0 || err != nil {
		t.Errorf("and then %d, %v", n, err)
	}
}

func TestCleanGoesOnUntilNothingIsLeft(t *testing.T) {
	w := usualWorld()
	long := stamped().Add(-tokens.Default().KeepEnded - time.Hour)
	const many = 2*tokens.MaxLimit + 1
	for range many {
		w.put(t, "ann", redA(), expiring(long))
	}
	w.store.calls = 0
	if n, err := w.Clean(t.Context()); n != many || err != nil || w.store.calls != 3 {
		t.Errorf("removed %d in %d calls, %v", n, w.store.calls, err)
	}
}

func TestCleanKeepsWhatTheConfigurationSays(t *testing.T) {
	w := usualWorld()
	w.put(t, "ann", redA(), expiring(stamped().Add(-time.Minute)))
	w.put(t, "ann", redA(), expiring(stamped()))
	config := tokens.Default()
	config.KeepEnded = 0
	w.Configure(config)
	// What ends in the very instant is not longer ago than nothing.
	w.time = stamped()
	if n, err := w.Clean(t.Context()); n != 1 || err != nil {
		t.Errorf("removed %d, %v", n, err)
	}
}
