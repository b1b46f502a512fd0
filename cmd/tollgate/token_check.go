package main

import (
	"context"
	"fmt"
	"net/http"
)

type tokenCheckCommand struct {
	clientFlags
	ID          string   `arg:"" help:"Public id, or access key."`
	Method      string   `help:"Method (${default})." default:"GET" placeholder:"METHOD"`
	Path        string   `required:"" help:"Path, with the query if there is one." placeholder:"PATH"`
	Host        string   `help:"Host that the request goes to. Without it the one of the server." placeholder:"HOST"`
	Address     string   `help:"Address of the client." placeholder:"IP"`
	UserAgent   string   `help:"User-Agent." placeholder:"TEXT"`
	Size        string   `help:"Size of what is uploaded: bytes, or with a unit like 10MiB or 10MB." placeholder:"SIZE"`
	ContentType string   `help:"Content-Type." placeholder:"TYPE"`
	Tag         []string `help:"Tag of the request; can be given again." placeholder:"KEY[=VALUE]" sep:"none"`
	Header      []string `help:"Another header; can be given again." placeholder:"NAME:VALUE" sep:"none"`
}

// Run says whether the token would let the request pass.
func (t *tokenCheckCommand) Run(ctx context.Context, p Process) error {
	body, err := t.body()
	if err != nil {
		return err
	}
	c, err := newClient(t.clientFlags, p)
	if err != nil {
		return err
	}
	var verdict struct {
		Allowed bool   `json:"allowed"`
		Rule    string `json:"rule"`
		Detail  string `json:"detail"`
	}
	raw, err := c.ask(ctx, call{method: http.MethodPost, path: tokenPathOf(t.ID) + "/check", body: body}, &verdict)
	if err != nil {
		return err
	}
	if t.Output == "json" {
		err = printJSON(p.Stdout, raw)
	} else {
		said := "allowed"
		if !verdict.Allowed {
			said = "denied by " + printable(verdict.Rule) + ": " + printable(verdict.Detail)
		}
		_, err = fmt.Fprintln(p.Stdout, said)
	}
	if err == nil && !verdict.Allowed {
		return &exitError{exitFailed}
	}
	return err
}

// body describes the request.
func (t *tokenCheckCommand) body() (document, error) {
	body := document{"method": t.Method, "path": t.Path}
	body.text("host", t.Host)
	body.text("address", t.Address)
	body.text("user_agent", t.UserAgent)
	body.text("content_type", t.ContentType)
	body.list("tags", t.Tag)
	if t.Size != "" {
		size, err := parseSize("--size", t.Size)
		if err != nil {
			return nil, err
		}
		body["size"] = size
	}
	headers, err := pairs("--header", t.Header, ":")
	if err != nil {
		return nil, err
	}
	if len(headers) > 0 {
		body["headers"] = headers
	}
	return body, nil
}
