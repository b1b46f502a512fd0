package tokens_test

import (
	"encoding"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"tollgate/tokens"
)

const hidden = "hunter2-correct-horse"

// leaks reports whether anything of the hidden text can be read in s, as
// text, in hex or as numbers.
func leaks(s string) bool {
	lower := strings.ToLower(s)
	for _, trace := range []string{hidden, "hunter", "68756e", "68 75", "0x68", "104 117", "104, 117", "aHVudGVy", "[117"} {
		if strings.Contains(lower, strings.ToLower(trace)) {
			return true
		}
	}
	return false
}

// holders are the ways to carry a secret about.
func holders() map[string]any {
	s, sealed := tokens.Secret(hidden), tokens.Sealed(hidden)
	return map[string]any{
		"secret":          s,
		"pointer":         &s,
		"slice":           []tokens.Secret{s},
		"map":             map[string]tokens.Secret{"k": s},
		"struct":          struct{ Password tokens.Secret }{s},
		"issued":          tokens.Issued{Token: &tokens.Token{Secret: sealed}, Value: s},
		"order":           tokens.Order{SecretKey: &s},
		"sealed":          sealed,
		"sealed pointer":  &sealed,
		"slice of sealed": []tokens.Sealed{sealed},
		"token":           tokens.Token{Secret: sealed},
		"pointer to one":  &tokens.Token{Secret: sealed},
		"any":             []any{s, sealed},
	}
}

func TestNoVerbPrintsASecret(t *testing.T) {
	verbs := []string{
		"%v", "%+v", "%#v", "%s", "%q", "%+q", "%#q", "%x", "%X", "% x", "%#x", "%d", "%b", "%o", "%c", "%U",
		"%e", "%g", "%t", "%60v", "%-60s", "%.60s", "%.3s", "%060d", "%T", "%z", "%!",
	}
	for name, holder := range holders() {
		fit := verbs
		if name == "issued" { // it holds a pointer to a struct, which has no other verbs
			fit = []string{"%v", "%+v", "%#v", "%60v", "%d", "%x"}
		}
		for _, verb := range fit {
			if got := fmt.Sprintf(verb, holder); leaks(got) {
				t.Errorf("%s under %s prints %s", name, verb, got)
			}
		}
		for _, got := range []string{fmt.Sprint(holder), fmt.Sprintln("x", holder), fmt.Errorf("broken: %v", holder).Error()} {
			if leaks(got) {
				t.Errorf("%s prints %s", name, got)
			}
		}
	}
	if got := fmt.Sprintf("<%v|%s|%q|%x>", tokens.Secret(hidden), tokens.Secret(""), tokens.Sealed(hidden), tokens.Sealed(nil)); got != "<***|***|***|***>" {
		t.Errorf("prints %s, which tells something", got)
	}
}

func TestNoEncodingWritesASecret(t *testing.T) {
	for name, holder := range holders() {
		t.Run(name, func(t *testing.T) {
			text, err := json.Marshal(holder)
			if err != nil {
				t.Fatal(err)
			}
			if leaks(string(text)) || !strings.Contains(string(text), `***`) {
				t.Errorf("JSON is %s", text)
			}
		})
	}
	type element struct {
		Password tokens.Secret
		Key      tokens.Secret `xml:",attr"`
	}
	text, err := xml.Marshal(element{hidden, hidden})
	if err != nil || leaks(string(text)) {
		t.Errorf("XML is %s, %v", text, err)
	}
	for _, m := range []encoding.TextMarshaler{tokens.Secret(hidden), tokens.Sealed(hidden)} {
		if text, err := m.MarshalText(); string(text) != "***" || err != nil {
			t.Errorf("%T marshals as %s, %v", m, text, err)
		}
	}
}

func TestNoLogWritesASecret(t *testing.T) {
	for _, handler := range []func(*strings.Builder) slog.Handler{
		func(b *strings.Builder) slog.Handler { return slog.NewTextHandler(b, nil) },
		func(b *strings.Builder) slog.Handler { return slog.NewJSONHandler(b, nil) },
	} {
		var out strings.Builder
		log := slog.New(handler(&out))
		for name, holder := range holders() {
			log.Info("m", name, holder)
		}
		if leaks(out.String()) || !strings.Contains(out.String(), "***") {
			t.Errorf("the log says %s", out.String())
		}
	}
}

func TestRevealGivesTheText(t *testing.T) {
	s := tokens.Secret(hidden)
	if s.Reveal() != hidden || s.String() != "***" {
		t.Errorf("reveals %q, prints %q", s.Reveal(), s.String())
	}
}

func TestLeaksFindsWhatItLooksFor(t *testing.T) {
	for _, s := range []string{hidden, fmt.Sprintf("%x", hidden), fmt.Sprintf("% x", hidden), fmt.Sprintf("%d", []byte(hidden)), "HUNTER2", "aHVudGVyMi1j"} {
		if !leaks(s) {
			t.Errorf("%q is not found", s)
		}
	}
	if leaks("***") {
		t.Error("*** is found")
	}
}

func TestErrorsDoNotRepeatSecrets(t *testing.T) {
	w := usualWorld()
	for _, text := range []string{hidden + "\x07", "\x00" + hidden, hidden + "é", hidden[:7]} {
		c := tokens.Default()
		c.MinSecretLength = 30
		w.Configure(c)
		key := tokens.Secret(text)
		_, err := w.Issue(t.Context(), tokens.Order{By: w.as("ann"), Scope: tokens.Scope{Tenant: "red"}, SecretKey: &key})
		if err == nil || leaks(err.Error()) {
			t.Errorf("%v", err)
		}
	}
	if _, err := w.Verify(t.Context(), hidden); err == nil || leaks(err.Error()) {
		t.Errorf("%v", err)
	}
	if _, err := w.Show(t.Context(), via(w.as("ann")), hidden); err == nil || leaks(err.Error()) {
		t.Errorf("%v", err)
	}
	w.store.broken = errBroken
	if _, err := w.Revoke(t.Context(), via(w.as("ann")), hidden, nil); !errors.Is(err, errBroken) || leaks(err.Error()) {
		t.Errorf("%v", err)
	}
}
