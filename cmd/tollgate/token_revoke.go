package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

type tokenRevokeCommand struct {
	clientFlags
	filterFlags
	placeFlags
	AllStale string   `help:"Those not used for so long, like 90d." placeholder:"SPAN" xor:"stale" aliases:"stale"`
	All      bool     `help:"All that one may revoke."`
	Wait     bool     `help:"Return when every gateway that is alive has it, where several share the tokens."`
	Yes      bool     `help:"Do not ask before tokens are revoked that were not named."`
	IDs      []string `arg:"" optional:"" name:"id" help:"Public ids, or access keys."`
}

// Run ends tokens: those that were named, or those that the flags select.
func (t *tokenRevokeCommand) Run(ctx context.Context, p Process) error {
	selects := t.filterFlags.given() || t.AllStale != "" || t.All
	switch {
	case len(t.IDs) > 0 && selects:
		return &usageError{"<id> was given beside flags that select tokens, accepted is one of them"}
	case len(t.IDs) > 0:
		return t.each(ctx, p)
	case t.All && (t.filterFlags.given() || t.AllStale != "" || t.placeFlags.given()):
		return &usageError{"--all was given beside flags that select tokens, accepted is one of them"}
	case selects || t.placeFlags.given():
		return t.selected(ctx, p)
	}
	return &usageError{"nothing says what to revoke: give each <id>, or --owner, --tenant, --all-stale, --search or another flag that selects"}
}

// revocation is how many tokens were revoked.
type revocation struct {
	Revoked int `json:"revoked"`
}

// each ends the tokens that were named, one after the other. Those that cannot
// be ended are told of in the end, and keep none of the others from it.
func (t *tokenRevokeCommand) each(ctx context.Context, p Process) error {
	c, err := newClient(t.clientFlags, p)
	if err != nil {
		return err
	}
	var done revocation
	var failed []error
	for _, id := range t.IDs {
		if err := t.one(ctx, c, id); err != nil {
			failed = append(failed, fmt.Errorf("revoke %s: %w", nameOf(id), err))
			continue
		}
		done.Revoked++
		if t.Output != "json" {
			fmt.Fprintf(p.Stdout, "revoked %s\n", nameOf(id))
		}
	}
	if t.Output == "json" {
		failed = append(failed, printJSON(p.Stdout, done))
	}
	return errors.Join(failed...)
}

// one ends a token, if it is where it was said to be.
func (t *tokenRevokeCommand) one(ctx context.Context, c *client, id string) error {
	if t.placeFlags.given() {
		record, _, err := c.look(ctx, id)
		if err != nil {
			return err
		}
		if err := t.check(record); err != nil {
			return err
		}
	}
	_, err := c.do(ctx, call{method: http.MethodDelete, path: tokenPathOf(id) + t.waiting()})
	return err
}

// waiting returns the query of a request that is answered when it holds
// everywhere.
func (t *tokenRevokeCommand) waiting() string {
	if t.Wait {
		return "?wait=true"
	}
	return ""
}

// selected ends what the flags select, after it was asked for again.
func (t *tokenRevokeCommand) selected(ctx context.Context, p Process) error {
	body, err := t.selection(t.placeFlags, staleFlag{"--all-stale", t.AllStale})
	if err != nil {
		return err
	}
	if t.All {
		body["all"] = true
	}
	if !t.Yes {
		if err := confirm(p, "Revoke "+t.described()+"?"); err != nil {
			return err
		}
	}
	c, err := newClient(t.clientFlags, p)
	if err != nil {
		return err
	}
	var done revocation
	raw, err := c.ask(ctx, call{method: http.MethodPost, path: tokensPath + "/revoke" + t.waiting(), body: body}, &done)
	if err != nil {
		return err
	}
	if t.Output == "json" {
		return printJSON(p.Stdout, raw)
	}
	_, err = fmt.Fprintf(p.Stdout, "revoked %d tokens\n", done.Revoked)
	return err
}

// described says what is selected.
func (t *tokenRevokeCommand) described() string {
	if t.All {
		return "ALL tokens that you may revoke"
	}
	var parts []string
	for _, f := range []field{
		{"of owner ", t.Owner}, {"in tenant ", t.Tenant}, {"in domain ", t.Domain}, {"made by ", t.API}, {"with the text ", t.Search},
		{"unused since ", t.UnusedSince}, {"unused for ", t.AllStale},
	} {
		if f.value != "" {
			parts = append(parts, f.name+printable(f.value))
		}
	}
	return "all tokens that you may revoke, " + strings.Join(parts, ", ")
}
