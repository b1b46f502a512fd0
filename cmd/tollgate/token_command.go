package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"text/tabwriter"

	"tollgate/tokens"
)

type tokenCommands struct {
	Create tokenCreateCommand `cmd:"" help:"Make a token and print it; its value is shown this once."`
	List   tokenListCommand   `cmd:"" help:"List live tokens."`
	Show   tokenShowCommand   `cmd:"" help:"Show a live token."`
	Revoke tokenRevokeCommand `cmd:"" help:"End tokens at once."`
}

// placeFlags say whose tokens a command is about.
type placeFlags struct {
	Tenant string `help:"Tenant. Without it the token path counts, for the domain of the server." placeholder:"NAME"`
	Domain string `help:"Domain." placeholder:"HOST"`
}

// path returns the collection of tokens, and the query that goes with it.
func (f placeFlags) path(c clientFlags) (string, url.Values) {
	query := url.Values{}
	switch {
	case f.Tenant == "" && f.Domain != "":
		query.Set("domain", f.Domain)
		fallthrough
	case f.Tenant == "":
		return c.TokenPath, query
	case f.Domain == "":
		return "/_admin/manage/tenants/" + f.Tenant + "/tokens/", query
	}
	return "/_admin/manage/tenants/" + f.Tenant + "/domains/" + f.Domain + "/tokens/", query
}

// row is a token as the gateway prints it, from all of its forms.
type row struct {
	Token      string `json:"token"`
	ID         string `json:"id"`
	Owner      string `json:"owner"`
	Scope      string `json:"scope"`
	Expiration string `json:"expiration"`
	Secret     string `json:"secret"`
	Source     string `json:"x_custom_meta_source"`

	// of the list of the token path
	Name        string `json:"name"`
	StoredOwner string `json:"x_owner_meta"`
	StoredScope string `json:"x_token_domain_meta"`
	Lifepoint   string `json:"lifepoint"`
}

// normal fills what every form has from what the token path's list has.
func (r row) normal() row {
	if r.Name == "" {
		return r
	}
	end, _, _ := strings.Cut(strings.TrimPrefix(r.Lifepoint, "["), "]")
	r.ID, r.Owner, r.Scope, r.Expiration = r.Name, r.StoredOwner, r.StoredScope, end
	return r
}

type tokenCreateCommand struct {
	clientFlags
	placeFlags
	Owner       string `help:"Owner, if not oneself; for admins." placeholder:"NAME"`
	Expires     string `help:"When it ends: +N days, YYYY-MM-DD, YYYY-MM-DDTHH:MM:SS.mmmZ and the like." placeholder:"TIME"`
	Description string `help:"What it is for." placeholder:"TEXT"`
	S3          bool   `name:"s3" help:"Make an S3 key pair: access key and secret key."`

	Permission []string `help:"Narrow it to rights like storage.read; can be given again." placeholder:"RIGHT"`
	Resource   []string `help:"Narrow it to a bucket or a path prefix; can be given again." placeholder:"BUCKET/PREFIX"`
}

// Run makes a token.
func (t *tokenCreateCommand) Run(ctx context.Context, p Process) error {
	c, err := newClient(t.clientFlags, p)
	if err != nil {
		return err
	}
	grants, err := t.grants()
	if err != nil {
		return err
	}
	secret := ""
	if t.S3 {
		secret = newSecretKey()
	}
	path, query := t.path(t.clientFlags)
	query.Set("setcookie", "false")
	answer, body, err := c.call(ctx, http.MethodPost, path, query, t.header(secret, grants))
	if err != nil {
		return err
	}
	made := map[string]any{}
	if json.Unmarshal(body, &made) != nil { // the token path answers with a sentence
		query.Del("setcookie")
		if made, err = shown(ctx, c, path+answer.Get("Gateway-Token-Id"), query); err != nil {
			// Not every right to make a token is one to see it, and what is
			// not printed now is never seen again.
			fmt.Fprintln(p.Stderr, "tollgate: the token was made and cannot be shown:", err)
			made = map[string]any{"id": answer.Get("Gateway-Token-Id")}
		}
	}
	made["token"] = answer.Get("Gateway-Token")
	if secret != "" {
		made["secret"] = secret
	}
	return t.print(p.Stdout, made)
}

// shown returns what the gateway says about a token.
func shown(ctx context.Context, c *client, path string, query url.Values) (map[string]any, error) {
	_, body, err := c.call(ctx, http.MethodGet, path, query, nil)
	if err != nil {
		return nil, err
	}
	var about map[string]any
	if err := json.Unmarshal(body, &about); err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	return about, nil
}

// grants returns what the token is narrowed to, as the gateway reads it;
// empty = it is not.
func (t *tokenCreateCommand) grants() (string, error) {
	if len(t.Permission) == 0 && len(t.Resource) == 0 {
		return "", nil
	}
	if len(t.Permission) == 0 {
		return "", &usageError{"--resource needs a --permission, for instance --permission storage.*"}
	}
	grant := map[string][]string{"permissions": t.Permission}
	if len(t.Resource) > 0 {
		grant["resources"] = t.Resource
	}
	text, err := json.Marshal([]any{grant})
	return string(text), err
}

func (t *tokenCreateCommand) header(secret, grants string) http.Header {
	h := http.Header{}
	for name, value := range map[string]string{
		"X-Owner-Meta": t.Owner, "X-User-Token-Expires-Meta": t.Expires,
		"X-Custom-Meta-Source": t.Description, "X-User-Secret-Key-Meta": secret, "X-User-Token-Grants-Meta": grants,
	} {
		if value != "" {
			h.Set(name, value)
		}
	}
	return h
}

func (t *tokenCreateCommand) print(w io.Writer, made map[string]any) error {
	if t.Output == "json" {
		return printJSON(w, made)
	}
	name := "token"
	if t.S3 {
		name = "access key"
	}
	fmt.Fprintf(w, "%-11s %v\n", name, made["token"])
	if t.S3 {
		fmt.Fprintf(w, "%-11s %v\n", "secret key", made["secret"])
	}
	for _, key := range []string{"id", "owner", "scope", "expiration"} {
		value, known := made[key]
		if value == nil {
			value = "never"
		}
		if known {
			fmt.Fprintf(w, "%-11s %v\n", key, value)
		}
	}
	return nil
}

// secretAlphabet and secretLength suit every S3 client: 238 bits, and nothing
// that needs quoting.
const (
	secretAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	secretLength   = 40
)

// newSecretKey returns a random S3 secret key.
func newSecretKey() string {
	key := make([]byte, 0, secretLength)
	var random [64]byte
	for len(key) < secretLength {
		_, _ = rand.Read(random[:]) // never fails: crypto/rand
		for _, c := range random {
			even := int(c) < 256-256%len(secretAlphabet)
			if even && len(key) < secretLength {
				key = append(key, secretAlphabet[int(c)%len(secretAlphabet)])
			}
		}
	}
	return string(key)
}

type tokenListCommand struct {
	clientFlags
	placeFlags
	Owner string `help:"Another owner; for admins." placeholder:"NAME"`
}

// Run lists tokens, all pages of them.
func (t *tokenListCommand) Run(ctx context.Context, p Process) error {
	c, err := newClient(t.clientFlags, p)
	if err != nil {
		return err
	}
	path, query := t.path(t.clientFlags)
	query.Set("format", "json")
	if t.Owner != "" {
		query.Set("x-owner-meta", t.Owner)
	}
	all := []json.RawMessage{}
	for query != nil {
		answer, body, err := c.call(ctx, http.MethodGet, path, query, nil)
		if err != nil {
			return err
		}
		var page []json.RawMessage
		if err := json.Unmarshal(body, &page); err != nil {
			return fmt.Errorf("read the answer: %w", err)
		}
		all = append(all, page...)
		query = next(answer)
	}
	if t.Output == "json" {
		return printJSON(p.Stdout, all)
	}
	return printTable(p.Stdout, all)
}

func printTable(w io.Writer, all []json.RawMessage) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tOWNER\tSCOPE\tEXPIRES\tDESCRIPTION")
	for _, raw := range all {
		var r row
		if err := json.Unmarshal(raw, &r); err != nil {
			return fmt.Errorf("read the answer: %w", err)
		}
		r = r.normal()
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", r.ID, r.Owner, r.Scope, r.Expiration, printable(r.Source))
	}
	return table.Flush()
}

// printable keeps metadata from moving the cursor of a terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return '?'
		}
		return r
	}, s)
}

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

type tokenShowCommand struct {
	clientFlags
	placeFlags
	ID string `arg:"" help:"Public id, or access key."`
}

// Run shows a token.
func (t *tokenShowCommand) Run(ctx context.Context, p Process) error {
	if err := checkRefs(t.ID); err != nil {
		return err
	}
	c, err := newClient(t.clientFlags, p)
	if err != nil {
		return err
	}
	path, query := t.path(t.clientFlags)
	_, body, err := c.call(ctx, http.MethodGet, path+t.ID, query, nil)
	if err != nil {
		return err
	}
	raw := json.RawMessage(body)
	if t.Output == "json" {
		return printJSON(p.Stdout, raw)
	}
	return printTable(p.Stdout, []json.RawMessage{raw})
}

type tokenRevokeCommand struct {
	clientFlags
	placeFlags
	IDs []string `arg:"" name:"id" help:"Public ids, or access keys."`
}

// Run ends tokens.
func (t *tokenRevokeCommand) Run(ctx context.Context, p Process) error {
	if err := checkRefs(t.IDs...); err != nil {
		return err
	}
	c, err := newClient(t.clientFlags, p)
	if err != nil {
		return err
	}
	path, query := t.path(t.clientFlags)
	for _, id := range t.IDs {
		if _, _, err := c.call(ctx, http.MethodDelete, path+id, query, nil); err != nil {
			return fmt.Errorf("revoke %s: %w", nameOf(id), err)
		}
		fmt.Fprintf(p.Stdout, "revoked %s\n", nameOf(id))
	}
	return nil
}

// checkRefs refuses the empty name: that would be the collection.
func checkRefs(refs ...string) error {
	if slices.Contains(refs, "") {
		return &usageError{"the id of a token is empty"}
	}
	return nil
}

// nameOf returns a public id as it is and does not repeat a value.
func nameOf(ref string) string {
	if tokens.IsID(ref) {
		return ref
	}
	return tokens.Secret(ref).String()
}
