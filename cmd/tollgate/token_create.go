package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"

	"tollgate/tokens"
)

type tokenCreateCommand struct {
	clientFlags
	Name        string   `help:"Name, unique among the owner's tokens." placeholder:"NAME"`
	Description string   `help:"What it is for." placeholder:"TEXT"`
	Metadata    []string `help:"Anything else about it; can be given again." placeholder:"NAME=VALUE" sep:"none"`
	Owner       string   `help:"Owner, if not oneself; for admins." placeholder:"NAME"`

	Tenant     []string `help:"Tenant that it holds in; can be given again." placeholder:"NAME"`
	Domain     string   `help:"Domain that it holds in. Without it and without a tenant the domain of the server." placeholder:"HOST"`
	AllTenants bool     `help:"It holds in every tenant of its owner." xor:"place"`

	Expires   string `help:"When it ends: ${expiries}." placeholder:"TIME"`
	NotBefore string `help:"When it begins: ${times}." placeholder:"TIME"`

	S3            bool   `name:"s3" help:"Make an S3 key pair: access key and secret key."`
	SecretKeyFile string `help:"File with the secret key of the S3 key pair; without it the gateway makes one." placeholder:"FILE"`
	Format        string `help:"Form of the value: hex or prefixed. Without it the configured one." enum:",hex,prefixed" default:"" placeholder:"FORM"`

	rightFlags
	restrictionFlags

	IdempotencyKey string `help:"With the same key the same command makes no second token and prints the first again." placeholder:"KEY"`
}

// Run makes a token.
func (t *tokenCreateCommand) Run(ctx context.Context, p Process) error {
	body, err := t.body()
	if err != nil {
		return err
	}
	c, err := newClient(t.clientFlags, p)
	if err != nil {
		return err
	}
	unplaced := len(t.Tenant) == 0 && t.Domain == "" && !t.AllTenants
	if unplaced {
		body.text("domain", hostOf(c.server))
	}
	header := http.Header{}
	if t.IdempotencyKey != "" {
		header.Set("Idempotency-Key", t.IdempotencyKey)
	}
	var made tokenRecord
	raw, err := c.ask(ctx, call{method: http.MethodPost, path: tokensPath, header: header, body: body}, &made)
	var answer *answerError
	if unplaced && errors.As(err, &answer) && strings.HasPrefix(answer.Detail, "domain ") {
		return fmt.Errorf("%w; say where the token is to hold with --tenant, --domain or --all-tenants", err)
	}
	if err != nil {
		return err
	}
	if t.Output == "json" {
		return printJSON(p.Stdout, raw)
	}
	return printFields(p.Stdout, made.made())
}

// hostOf returns the host of a server as the Host header has it, without the
// port.
func hostOf(server *url.URL) string {
	if host, _, err := net.SplitHostPort(server.Host); err == nil && !strings.Contains(host, ":") {
		return host
	}
	return strings.TrimSuffix(server.Host, ":"+server.Port())
}

// body returns what is sent, but for the domain of the server.
func (t *tokenCreateCommand) body() (document, error) {
	body := document{}
	body.text("name", t.Name)
	body.text("description", t.Description)
	body.text("owner", t.Owner)
	body.text("format", t.Format)
	metadata, err := pairs("--metadata", t.Metadata, "=")
	if err != nil {
		return nil, err
	}
	if len(metadata) > 0 {
		body["metadata"] = metadata
	}
	if err := t.place(body); err != nil {
		return nil, err
	}
	if err := t.times(body); err != nil {
		return nil, err
	}
	if err := t.rightFlags.add(body); err != nil {
		return nil, err
	}
	if err := t.restrictionFlags.add(body); err != nil {
		return nil, err
	}
	return body, t.keyPair(body)
}

func (t *tokenCreateCommand) place(body document) error {
	switch {
	case t.AllTenants && (len(t.Tenant) > 0 || t.Domain != ""):
		return &usageError{"--all-tenants was given beside --tenant or --domain, accepted is one of them"}
	case len(t.Tenant) > 1 && t.Domain != "":
		return &usageError{"--domain was given with several tenants, accepted is one that the domain belongs to"}
	case len(t.Tenant) == 1:
		body["tenant"] = t.Tenant[0]
	default:
		body.list("tenants", t.Tenant)
	}
	body.text("domain", t.Domain)
	return nil
}

func (t *tokenCreateCommand) times(body document) error {
	if t.Expires != "" {
		if err := body.life(t.Expires); err != nil {
			return err
		}
	}
	if t.NotBefore == "" {
		return nil
	}
	begin, err := parseTime("--not-before", t.NotBefore)
	body["not_before"] = begin
	return err
}

// keyPair asks for an S3 key pair if one is wanted.
func (t *tokenCreateCommand) keyPair(body document) error {
	if t.S3 {
		body["s3"] = true
	}
	if t.SecretKeyFile == "" {
		return nil
	}
	key, err := readSecretFile(t.SecretKeyFile)
	body["secret_key"] = key.Reveal()
	return err
}

// readSecretFile reads a file that holds one line, a secret. The newline at its
// end does not belong to it.
func readSecretFile(name string) (tokens.Secret, error) {
	text, err := os.ReadFile(name) // #nosec G304 -- who calls the command names the file
	if err != nil {
		return "", fmt.Errorf("read secret: %w", err)
	}
	line := strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	if line == "" || strings.ContainsAny(line, "\r\n") {
		return "", fmt.Errorf("read secret: %s is empty or has several lines, accepted is one line", printable(name))
	}
	return tokens.Secret(line), nil
}
