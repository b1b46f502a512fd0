package management

import (
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"tollgate/admin/api"
	"tollgate/proxy/caller"
	"tollgate/tokens"
)

// create makes a token. With an Idempotency-Key the same request gets the same
// answer again:
// https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
func (a *API) create(c echo.Context) error {
	who, _, err := a.identify(c)
	if err != nil {
		return err
	}
	key, err := idempotencyKey(c.Request().Header)
	if err != nil {
		return err
	}
	var b creation
	text, err := body(c, &b)
	if err != nil {
		return err
	}
	order, err := a.order(who, &b)
	if err != nil {
		return err
	}
	if key != "" {
		order.Again = "management\x00" + key
		if order.Request, err = a.request(who, text); err != nil {
			return err
		}
	}
	if order.SecretKey, err = a.secretKey(who, &b, key); err != nil {
		return err
	}
	issued, err := a.Tokens.Issue(c.Request().Context(), order)
	if err != nil {
		return err
	}
	return a.handOver(c, issued, order.SecretKey)
}

// handOver answers with a new token, or with one that the same request made
// before.
func (a *API) handOver(c echo.Context, issued tokens.Issued, secret *tokens.Secret) error {
	t, status := issued.Token, http.StatusOK
	if !issued.Repeated {
		status = http.StatusCreated
		a.Issued(c, t)
	}
	shown, err := a.shown(c, t)
	if err != nil {
		return err
	}
	shown[0].Token = issued.Value.Reveal()
	if secret != nil {
		shown[0].SecretKey = secret.Reveal()
	}
	h := c.Response().Header()
	h.Set(echo.HeaderLocation, tokensPath+"/"+string(t.ID))
	h.Set(headerTokenID, string(t.ID))
	h.Set("ETag", etag(t))
	return c.JSON(status, shown[0])
}

// maxKey bounds an Idempotency-Key, in bytes.
const maxKey = 255

// idempotencyKey returns the key of a request that can be sent again; "" = it
// has none.
func idempotencyKey(h http.Header) (string, error) {
	values := h.Values("Idempotency-Key")
	if len(values) == 0 {
		return "", nil
	}
	key := values[0]
	plain := !strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r > '~' })
	if len(values) > 1 || key == "" || len(key) > maxKey || !plain {
		return "", api.Invalid("Idempotency-Key cannot be taken, accepted is one of 1 to %d printable ASCII characters", maxKey)
	}
	return key, nil
}

// request returns the hash of what is asked for. It is keyed because the body
// can hold a secret key.
func (a *API) request(who caller.Caller, text []byte) (tokens.Hash, error) {
	var whole map[string]json.RawMessage
	if err := json.Unmarshal(text, &whole); err != nil {
		return tokens.Hash{}, api.Invalid("the body is no JSON object, accepted is one")
	}
	canonical, err := json.Marshal(whole) // members in order, blanks off
	if err != nil {
		return tokens.Hash{}, fmt.Errorf("write request: %w", err)
	}
	return tokens.Hash(a.derive("request", who, string(canonical))), nil
}

// derive returns bytes of their own for each purpose, caller and text. The
// token that somebody comes by is a part of who he is: a narrower one must not
// get what a wider one made.
func (a *API) derive(purpose string, who caller.Caller, text string) [32]byte {
	by := ""
	if who.Token != nil {
		by = string(who.Token.ID)
	}
	return a.Derive(fmt.Sprintf("management %s of %q by %q: %s", purpose, who.User.Name, by, text))
}

// secretKey returns the secret key of an S3 key pair; nil = none is wanted.
func (a *API) secretKey(who caller.Caller, b *creation, key string) (*tokens.Secret, error) {
	wanted := b.S3 != nil && *b.S3
	switch {
	case b.SecretKey != nil && b.S3 != nil && !wanted:
		return nil, api.Invalid("secret_key was given and s3 is false, accepted is a secret key for an S3 key pair alone")
	case b.SecretKey != nil:
		secret := tokens.Secret(*b.SecretKey)
		return &secret, nil
	case !wanted:
		return nil, nil //nolint:nilnil // no secret key is no error, and the caller asks for nil
	}
	var seed [32]byte
	if key != "" {
		seed = a.derive("secret key", who, key)
	} else if _, err := io.ReadFull(a.Random, seed[:]); err != nil {
		return nil, fmt.Errorf("make secret key: %w", err)
	}
	secret := secretOf(seed)
	return &secret, nil
}

// A secret key that is made here has letters and digits alone, so that it can
// be copied by a double click and needs no quoting: 238 bits.
const (
	secretDigits = 40
	alphabet     = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

func secretOf(seed [32]byte) tokens.Secret {
	rest, base, digit := new(big.Int).SetBytes(seed[:]), big.NewInt(int64(len(alphabet))), new(big.Int)
	text := make([]byte, secretDigits)
	for i := range text {
		rest.QuoRem(rest, base, digit)
		text[i] = alphabet[digit.Int64()]
	}
	return tokens.Secret(text)
}
