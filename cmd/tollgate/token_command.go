package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"tollgate/tokens"
)

type tokenCommands struct {
	Create  tokenCreateCommand  `cmd:"" help:"Make a token and print it; its value is shown this once."`
	List    tokenListCommand    `cmd:"" help:"List tokens: everybody's to who may see them, else one's own."`
	Show    tokenShowCommand    `cmd:"" help:"Show a token, one that has ended too."`
	Disable tokenDisableCommand `cmd:"" help:"Disable tokens until they are enabled again."`
	Enable  tokenEnableCommand  `cmd:"" help:"Enable tokens that were disabled."`
	Extend  tokenExtendCommand  `cmd:"" help:"Give tokens another end."`
	Revoke  tokenRevokeCommand  `cmd:"" help:"End tokens at once and for good: the ones that are named, or all that the flags select."`
	Check   tokenCheckCommand   `cmd:"" help:"Say whether a token would let a request pass, without sending it. Exit code 0: allowed, 1: denied."`
}

// placeFlags say where the tokens hold that a command is about.
type placeFlags struct {
	Tenant string `help:"Tenant." placeholder:"NAME"`
	Domain string `help:"Domain." placeholder:"HOST"`
}

// given reports whether a place was named.
func (f placeFlags) given() bool { return f.Tenant != "" || f.Domain != "" }

// check refuses a token that is for another place than the one that was named.
func (f placeFlags) check(t tokenRecord) error {
	anywhere := t.Tenant == tokens.AnyTenant && (len(t.Tenants) == 0 || slices.Contains(t.Tenants, f.Tenant))
	switch {
	case f.Tenant != "" && t.Tenant != f.Tenant && !anywhere:
		return fmt.Errorf("token %s is not of tenant %s", printable(t.ID), printable(f.Tenant))
	case f.Domain != "" && t.Domain != f.Domain:
		return fmt.Errorf("token %s is not of domain %s", printable(t.ID), printable(f.Domain))
	}
	return nil
}

// tokenPathOf returns the path of a token, by public id or by value.
func tokenPathOf(ref string) string { return tokensPath + "/" + url.PathEscape(ref) }

type tokenShowCommand struct {
	clientFlags
	placeFlags
	ID string `arg:"" help:"Public id, or access key."`
}

// Run shows a token.
func (t *tokenShowCommand) Run(ctx context.Context, p Process) error {
	c, err := newClient(t.clientFlags, p)
	if err != nil {
		return err
	}
	record, raw, err := c.look(ctx, t.ID)
	if err != nil {
		return err
	}
	if err := t.check(record); err != nil {
		return err
	}
	if t.Output == "json" {
		return printJSON(p.Stdout, raw)
	}
	return printFields(p.Stdout, record.details())
}

// look returns a token, and what the gateway wrote about it.
func (c *client) look(ctx context.Context, ref string) (tokenRecord, json.RawMessage, error) {
	var record tokenRecord
	raw, err := c.ask(ctx, call{method: http.MethodGet, path: tokenPathOf(ref)}, &record)
	return record, raw, err
}

// idArgs are the tokens that a command is about.
type idArgs struct {
	IDs []string `arg:"" name:"id" help:"Public ids, or access keys."`
}

type tokenDisableCommand struct {
	clientFlags
	idArgs
}

// Run disables tokens.
func (t *tokenDisableCommand) Run(ctx context.Context, p Process) error {
	return changeTokens(ctx, p, t.clientFlags, t.IDs, change{
		verb: "disable", body: document{"enabled": false}, said: func(tokenRecord) string { return "disabled" },
	})
}

type tokenEnableCommand struct {
	clientFlags
	idArgs
}

// Run enables tokens.
func (t *tokenEnableCommand) Run(ctx context.Context, p Process) error {
	return changeTokens(ctx, p, t.clientFlags, t.IDs, change{
		verb: "enable", body: document{"enabled": true}, said: func(r tokenRecord) string { return "enabled, " + r.State },
	})
}

type tokenExtendCommand struct {
	clientFlags
	idArgs
	Expires string `required:"" help:"When they end: ${expiries}." placeholder:"TIME"`
}

// Run gives tokens another end.
func (t *tokenExtendCommand) Run(ctx context.Context, p Process) error {
	body := document{}
	if err := body.life(t.Expires); err != nil {
		return err
	}
	return changeTokens(ctx, p, t.clientFlags, t.IDs, change{
		verb: "extend", body: body, said: func(r tokenRecord) string { return "ends " + orNever(r.ExpiresAt) },
	})
}

// change is what becomes of each of several tokens.
type change struct {
	verb string // for errors
	body document
	said func(tokenRecord) string // what to say about one afterwards
}

// changeTokens changes one token after the other. Those that cannot be changed
// are told of in the end, and keep none of the others from it.
func changeTokens(ctx context.Context, p Process, f clientFlags, refs []string, what change) error {
	c, err := newClient(f, p)
	if err != nil {
		return err
	}
	all, failed := []json.RawMessage{}, []error{}
	for _, ref := range refs {
		var record tokenRecord
		raw, err := c.ask(ctx, call{method: http.MethodPatch, path: tokenPathOf(ref), body: what.body}, &record)
		if err != nil {
			failed = append(failed, fmt.Errorf("%s %s: %w", what.verb, nameOf(ref), err))
			continue
		}
		all = append(all, raw)
		if f.Output != "json" {
			fmt.Fprintf(p.Stdout, "%s %s\n", printable(record.ID), printable(what.said(record)))
		}
	}
	if f.Output == "json" {
		failed = append(failed, printJSON(p.Stdout, all))
	}
	return errors.Join(failed...)
}

// nameOf returns what somebody called a token, but for what can be its value:
// that is not repeated.
func nameOf(ref string) string {
	const shortest = 30 // of values
	if tokens.IsID(ref) || len(ref) < shortest {
		return printable(ref)
	}
	return tokens.Secret(ref).String()
}
