package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"sync"
	"testing"
	"time"

	"tollgate/tokens"
)

// A hash goes on from any state as if it had been given all, and what it did
// before does not count.
func TestHasherGoesOn(t *testing.T) {
	text := make([]byte, 300)
	for i := range text {
		text[i] = byte(i)
	}
	var h hasher
	for cut := range text {
		state := hashedAfter(text[:cut/2], text[cut/2:cut])
		h.after(hashedAfter(text[cut:]), []byte("something else"))
		if got := h.after(state, text[cut:]); got != sha256.Sum256(text) {
			t.Fatalf("cut at %d", cut)
		}
	}
}

// From what is no state no sum is made, not even one of zeros.
func TestHasherWithoutState(t *testing.T) {
	for name, state := range map[string]hashed{"none": nil, "short": hashedAfter(nil)[:20], "another hash": append(hashed("sha\x02"), hashedAfter(nil)[4:]...)} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: a sum was made", name)
				}
			}()
			var h hasher
			h.after(state, nil)
		}()
	}
}

// A scratch that was given back holds no sum, and its hash no state of a key.
func TestScratchForgets(t *testing.T) {
	key := deriveKey(keyName{"secret", "20130524", "r", service})
	c := &scratch{}
	c.hasher.hmac(key, key.inner, []byte("text"))
	c.hasher.forget()
	if c.hasher.sum != [sha256.Size]byte{} || string(c.hasher.hash.Sum(nil)) != string(sha256.New().Sum(nil)) {
		t.Errorf("left: %x", c.hasher.sum)
	}
}

// Keys that sign at once do not disturb each other, whatever memory they are
// lent.
func TestSumsAtOnce(t *testing.T) {
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			key := deriveKey(keyName{tokens.Secret(rune('a' + i)), "20130524", "r", service})
			message := []byte{byte(i)}
			want := key.sum(message)
			for range 300 {
				if key.sum(message) != want {
					t.Errorf("key %d: another sum", i)
					return
				}
			}
		})
	}
	group.Wait()
}

// What a signer keeps for a second is used in that second alone, and for that
// key pair and region alone.
func TestMoment(t *testing.T) {
	at := time.Date(2013, 5, 24, 23, 59, 59, 0, time.UTC)
	base := Signer{AccessKey: "AKID", Secret: "secret", Region: "r", Keys: NewKeys(32)}
	first := base.moment(at)
	for name, c := range map[string]struct {
		signer Signer
		now    time.Time
		same   bool
	}{
		"the same second":          {base, at.Add(999 * time.Millisecond), true},
		"the same in another zone": {base, at.In(time.FixedZone("east", 3600)), true},
		"the next second":          {base, at.Add(time.Second), false},
		"the second before":        {base, at.Add(-1), false},
		"another access key":       {Signer{"OTHER", base.Secret, base.Region, base.Keys}, at, false},
		"another secret":           {Signer{base.AccessKey, "secreT", base.Region, base.Keys}, at, false},
		"another region":           {Signer{base.AccessKey, base.Secret, "s", base.Keys}, at, false},
		"no keys":                  {Signer{base.AccessKey, base.Secret, base.Region, nil}, at, false},
		"other keys":               {Signer{base.AccessKey, base.Secret, base.Region, NewKeys(32)}, at, false},
	} {
		base.Keys.moment.Store(first)
		m := c.signer.moment(c.now)
		if (m == first) != c.same {
			t.Errorf("%s: the same is %v", name, !c.same)
		}
		date := c.now.UTC().Format(isoBasic)
		scope := date[:8] + "/" + c.signer.Region + "/s3/aws4_request"
		if m.date != date || m.scope != scope || m.credential != "AWS4-HMAC-SHA256 Credential="+c.signer.AccessKey+"/"+scope {
			t.Errorf("%s: %+v", name, m)
		}
		digest := sha256.Sum256([]byte(name))
		var c1, c2 scratch
		key := deriveKey(keyName{c.signer.Secret, date[:8], c.signer.Region, service})
		want := key.sum(c2.stringToSign(digest, date, scope))
		if got := m.sign(&c1, digest); !hmac.Equal(got[:], want[:]) {
			t.Errorf("%s: another signature", name)
		}
	}
}

// Signers with keys in common, of which each finds the other's moment, sign
// as if alone.
func TestMomentsAtOnce(t *testing.T) {
	keys := NewKeys(1)
	var group sync.WaitGroup
	for i := range 4 {
		group.Go(func() {
			name := string(rune('a' + i%2))
			s, alone := Signer{name, tokens.Secret(name), name, keys}, Signer{name, tokens.Secret(name), name, nil}
			for j := range 100 {
				now := time.Unix(int64(j%3), 0)
				v, w := View{Method: "GET", Host: "h", Path: "/"}, View{Method: "GET", Host: "h", Path: "/"}
				if s.Sign(now, &v, EmptyDigest).Value != alone.Sign(now, &w, EmptyDigest).Value {
					t.Errorf("signer %s at %v", name, now)
					return
				}
			}
		})
	}
	group.Wait()
}
