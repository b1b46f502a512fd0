package main

import (
	"context"
	"fmt"
	"net/url"
)

// filterFlags select tokens.
type filterFlags struct {
	Owner       string `help:"Those of this owner." placeholder:"NAME"`
	API         string `name:"api" help:"Those made by this API: content_gateway, file_repository, user_tokens, access_tokens or management." enum:",content_gateway,file_repository,user_tokens,access_tokens,management" default:"" placeholder:"NAME"`
	Search      string `help:"Those with this text in name, description, metadata, owner or id." placeholder:"TEXT"`
	UnusedSince string `help:"Those neither made nor used since then: ${times}." placeholder:"TIME" xor:"stale"`
}

// given reports whether anything was selected.
func (f filterFlags) given() bool {
	return f.Owner != "" || f.API != "" || f.Search != "" || f.UnusedSince != ""
}

// selection returns the filter, with the place and how long a token must not
// have been used, as the members of a body.
func (f filterFlags) selection(place placeFlags, stale staleFlag) (document, error) {
	d := document{}
	d.text("owner", f.Owner)
	d.text("tenant", place.Tenant)
	d.text("domain", place.Domain)
	d.text("api", f.API)
	d.text("q", f.Search)
	if f.UnusedSince != "" {
		since, err := parseTime("--unused-since", f.UnusedSince)
		if err != nil {
			return nil, err
		}
		d["unused_since"] = since
	}
	if stale.span == "" {
		return d, nil
	}
	span, ok := parseSpan(stale.span)
	if !ok {
		return nil, unreadable(stale.flag, stale.span, "lengths of time like 90d, 2w or 12h")
	}
	d["stale_for"] = span.String()
	return d, nil
}

// staleFlag is how long tokens must not have been used; "" = it does not
// matter.
type staleFlag struct{ flag, span string }

type tokenListCommand struct {
	clientFlags
	filterFlags
	placeFlags
	Stale string   `help:"Those not used for so long, like 90d." placeholder:"SPAN" xor:"stale"`
	Name  string   `help:"The one with this name; of oneself without an owner." placeholder:"NAME"`
	State []string `help:"Those in this state: active, pending, disabled, used_up, expired, revoked or all. Without it those that have not ended; can be given again." enum:"active,pending,disabled,used_up,expired,revoked,all" placeholder:"STATE"`
	Limit int      `help:"At most that many; 0 = all." placeholder:"N"`
}

// Run lists tokens, all pages of them.
func (t *tokenListCommand) Run(ctx context.Context, p Process) error {
	if t.Limit < 0 {
		return &usageError{fmt.Sprintf("--limit was read as %d, accepted is a number from 0 on", t.Limit)}
	}
	if t.Name != "" && t.Owner == "" {
		t.Owner = t.User
	}
	if t.Name != "" && t.Owner == "" {
		return &usageError{"--name needs an --owner where a token says who asks: names are unique among the tokens of one owner"}
	}
	selected, err := t.selection(t.placeFlags, staleFlag{"--stale", t.Stale})
	if err != nil {
		return err
	}
	selected.text("name", t.Name)
	query := url.Values{}
	for name, value := range selected {
		query.Set(name, fmt.Sprint(value))
	}
	query["state"] = t.State
	c, err := newClient(t.clientFlags, p)
	if err != nil {
		return err
	}
	all, err := c.all(ctx, tokensPath, query, "tokens", t.Limit)
	if err != nil {
		return err
	}
	if t.Output == "json" {
		return printJSON(p.Stdout, all)
	}
	rows, err := tokenRows(all)
	if err != nil {
		return err
	}
	return printTable(p.Stdout, rows)
}
