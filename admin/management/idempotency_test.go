package management

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// createWith makes a token with an Idempotency-Key.
func (w *world) createWith(who, body string, keys ...string) answer {
	w.t.Helper()
	return w.send(request{caller: who, method: "POST", path: "tokens", body: body, header: http.Header{"Idempotency-Key": keys}})
}

func TestSameKeyGivesTheSameAnswer(t *testing.T) {
	for _, body := range []string{
		`{"name":"n","permissions":["storage.read"],"lifetime":"1h"}`, `{"s3":true}`, `{"secret_key":"of my own"}`, `{"format":"prefixed"}`, `{"not_before":"2031-05-17T09:00:00Z"}`,
	} {
		t.Run(body, func(t *testing.T) {
			w := newWorld(t)
			first := w.createWith("ann", body, "k 1").is(t, 201)
			w.later(time.Second)
			again := w.createWith("ann", strings.ReplaceAll(body, `":`, `" : `), "k 1").is(t, 200)
			if again.body != first.body || again.header.Get("Location") != first.header.Get("Location") || again.header.Get("ETag") != first.header.Get("ETag") {
				t.Errorf("first %s\nagain %s", first.body, again.body)
			}
			if w.counts() != [3]int{1, 0, 0} {
				t.Errorf("told of %v", w.counts())
			}
		})
	}
}

func TestKeysThatMakeAnother(t *testing.T) {
	w := newWorld(t)
	first := w.createWith("ann", `{"s3":true}`, "key").is(t, 201).object(t)
	for name, a := range map[string]answer{
		"another key":   w.createWith("ann", `{"s3":true}`, "key2"),
		"another user":  w.createWith("bob", `{"s3":true}`, "key"),
		"no key at all": w.call("ann", "POST", "tokens", `{"s3":true}`),
	} {
		o := a.is(t, 201).object(t)
		if o["id"] == first["id"] || o["token"] == first["token"] || o["secret_key"] == first["secret_key"] {
			t.Errorf("%s makes the same", name)
		}
	}
}

// TestKeyMakesAnotherKeyPairForAnotherCaller: two access keys never share a
// secret key, not even those of one user.
func TestKeyMakesAnotherKeyPairForAnotherCaller(t *testing.T) {
	w := newWorld(t)
	login := w.make("ann", `{}`)
	first := w.createWith("ann", `{"s3":true}`, "key").is(t, 201).object(t)
	second := w.createWith("token "+login.value, `{"s3":true}`, "key").is(t, 201).object(t)
	if first["id"] == second["id"] || first["secret_key"] == second["secret_key"] {
		t.Error("two callers get the same")
	}
}

func TestKeyOfAnotherRequestIsRefused(t *testing.T) {
	w := newWorld(t)
	w.createWith("ann", `{"name":"a"}`, "key").is(t, 201)
	w.createWith("ann", `{"name":"b"}`, "key").is(t, 422, "idempotency_key_reused")
	w.createWith("ann", `{}`, "key").is(t, 422, "idempotency_key_reused")

	other := w.createWith("redadmin", `{"owner":"ann"}`, "key").is(t, 201).object(t)
	w.createWith("redadmin", `{"owner":"reader"}`, "key").is(t, 422)
	w.call("ann", "DELETE", "tokens/"+other["id"].(string), "").is(t, 204)
	w.createWith("redadmin", `{"owner":"ann"}`, "key").is(t, 422)
}

// TestKeyIsNoWayToAWiderToken: who knows the key and the body of a request, but
// comes by a narrowed token of the same user, does not get what it made.
func TestKeyIsNoWayToAWiderToken(t *testing.T) {
	w := newWorld(t)
	narrowed := w.make("redadmin", `{"permissions":["tokens.create","storage.read"]}`)
	wide := w.createWith("redadmin", `{}`, "key").is(t, 201).object(t)
	a := w.createWith("token "+narrowed.value, `{}`, "key")
	if a.status == 200 || strings.Contains(a.body, wide["token"].(string)) {
		t.Fatal("the wide token was handed to the narrowed one")
	}
	w.createWith("token "+narrowed.value, `{"name":"m"}`, "key 2").is(t, 201)
	w.createWith("token "+narrowed.value, `{"name":"m"}`, "key 2").is(t, 200)
}

func TestBadKeys(t *testing.T) {
	w := newWorld(t)
	for name, keys := range map[string][]string{
		"empty": {""}, "256 bytes": {strings.Repeat("k", 256)}, "beyond ASCII": {"größe"}, "two of them": {"a", "b"}, "a tab": {"a\tb"},
	} {
		if a := w.createWith("ann", `{}`, keys...); a.status != 400 || !strings.Contains(a.body, "Idempotency-Key") {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	w.createWith("ann", `{}`, strings.Repeat("k", 255)).is(t, 201)
	w.createWith("ann", `{}`, `"8e03978e-40d5-43dd-bc93-6894a57f9324"`).is(t, 201)
}
