package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"tollgate/tokens"
)

// Where the gateway's own API is.
const (
	tokensPath = "/_admin/api/v1/tokens" // #nosec G101 -- a path
	usersPath  = "/_admin/api/v1/users"
)

// clientFlags are the flags of every command that talks to a running gateway.
type clientFlags struct {
	Server    string `help:"Address of the gateway (${default})." env:"TOLLGATE_SERVER" default:"http://127.0.0.1:8080" placeholder:"URL"`
	User      string `help:"User to log in as; the password is taken from TOLLGATE_PASSWORD or asked for. Without a user the token in TOLLGATE_TOKEN counts." env:"TOLLGATE_USER" placeholder:"NAME"`
	TokenPath string `help:"Not needed any more." hidden:"" default:"/.TOKEN/"`
	Output    string `help:"Form of the output: table or json." short:"o" enum:"table,json" default:"table"`
}

// AfterApply refuses arguments that are there and empty. A script whose
// variable is not set must not get more than it wanted.
func (clientFlags) AfterApply(c *kong.Context) error {
	for _, part := range c.Path {
		switch {
		case part.Flag != nil && isEmpty(part.Flag.Target):
			return &usageError{"--" + part.Flag.Name + " is empty; leave it out to mean none"}
		case part.Positional != nil && isEmpty(part.Positional.Target):
			return &usageError{"<" + part.Positional.Name + "> is empty"}
		}
	}
	return nil
}

// isEmpty reports whether a text is empty, or one of a list. The parser makes
// an empty list of a text that it would have split at commas.
func isEmpty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.String:
		return v.Len() == 0
	case reflect.Slice:
		for i := range v.Len() {
			if isEmpty(v.Index(i)) {
				return true
			}
		}
		return v.Len() == 0
	default:
		return false
	}
}

// clientTimeout bounds one call.
const clientTimeout = 30 * time.Second

// maxAnswer bounds what is read of one answer.
const maxAnswer = 16 << 20

// client talks to the management API of a running gateway.
type client struct {
	server   *url.URL
	user     string
	password tokens.Secret
	token    tokens.Secret
	http     *http.Client
}

// newClient finds out how to log in.
func newClient(f clientFlags, p Process) (*client, error) {
	server, err := url.Parse(f.Server)
	if err != nil || server.Host == "" || server.Scheme != "http" && server.Scheme != "https" {
		return nil, &usageError{fmt.Sprintf("--server was read as %q, accepted is http://host:port or https://host:port", f.Server)}
	}
	c := &client{server: server, user: f.User, http: &http.Client{
		Timeout:       clientTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	if c.user == "" {
		c.token = tokens.Secret(variable(p.Environ, "TOLLGATE_TOKEN"))
		if c.token == "" {
			return nil, &usageError{"who are you? Give --user NAME, or a token in TOLLGATE_TOKEN"}
		}
		return c, nil
	}
	if c.password = tokens.Secret(variable(p.Environ, "TOLLGATE_PASSWORD")); c.password == "" {
		c.password, err = readPassword(p, "Password of "+printable(c.user)+": ")
	}
	if err == nil && c.password == "" {
		err = &usageError{"the password is empty: give it on standard input or in TOLLGATE_PASSWORD"}
	}
	return c, err
}

// variable returns the value of an environment variable.
func variable(environ []string, name string) string {
	for _, e := range environ {
		if value, ok := strings.CutPrefix(e, name+"="); ok {
			return value
		}
	}
	return ""
}

// call is a request to the API.
type call struct {
	method string
	path   string // escaped
	query  url.Values
	header http.Header
	body   any // sent as JSON; nil = there is none
}

// do sends a request and returns the body of the answer. An answer other than
// 2xx is an *answerError.
func (c *client) do(ctx context.Context, a call) ([]byte, error) {
	request, err := c.request(ctx, a)
	if err != nil {
		return nil, err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close() //nolint:errcheck // nothing is written
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, err
	case len(body) > maxAnswer:
		return nil, fmt.Errorf("the answer is longer than %d bytes", maxAnswer)
	case response.StatusCode/100 != 2:
		return nil, refused(response, body)
	}
	return body, nil
}

func (c *client) request(ctx context.Context, a call) (*http.Request, error) {
	var body io.Reader
	if a.body != nil {
		text, err := json.Marshal(a.body)
		if err != nil {
			return nil, fmt.Errorf("write request: %w", err)
		}
		body = bytes.NewReader(text)
	}
	target := c.server.Scheme + "://" + c.server.Host + a.path
	if len(a.query) > 0 {
		target += "?" + a.query.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, a.method, target, body)
	if err != nil {
		return nil, err
	}
	for name, values := range a.header {
		request.Header[name] = values
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if c.user != "" {
		request.SetBasicAuth(c.user, c.password.Reveal())
	} else {
		request.Header.Set("Authorization", "Bearer "+c.token.Reveal())
	}
	return request, nil
}

// ask sends a request and reads the JSON object of the answer into a pointer.
// It returns the body, too.
func (c *client) ask(ctx context.Context, a call, into any) (json.RawMessage, error) {
	body, err := c.do(ctx, a)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(body, into); err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	return body, nil
}

// answerError is an answer that is no success, in the gateway's own words.
type answerError struct {
	status int
	line   string // the status as the gateway wrote it
	Detail string `json:"detail"`
	ID     string `json:"request_id"`
}

// Error says what the gateway answered.
func (e *answerError) Error() string {
	text := "the gateway answers " + printable(e.line)
	if e.Detail != "" {
		text += ": " + printable(e.Detail)
	}
	if e.ID != "" {
		text += " (request " + printable(e.ID) + ")"
	}
	return text
}

func refused(r *http.Response, body []byte) error {
	e := &answerError{}
	if json.Unmarshal(body, e) != nil {
		e = &answerError{}
	}
	if e.status, e.line = r.StatusCode, r.Status; e.ID == "" {
		e.ID = r.Header.Get("Gateway-Request-Id")
	}
	return e
}

// pageSize is how many entries of a list are asked for at once.
const pageSize = tokens.MaxLimit

// all returns the entries of a list from all of its pages, at most that many;
// 0 = any number. Member is where they are in the answer.
func (c *client) all(ctx context.Context, path string, query url.Values, member string, most int) ([]json.RawMessage, error) {
	list := []json.RawMessage{}
	for {
		ask := pageSize
		if most > 0 {
			ask = min(ask, most-len(list))
		}
		query.Set("limit", fmt.Sprint(ask))
		page := map[string]json.RawMessage{}
		if _, err := c.ask(ctx, call{method: http.MethodGet, path: path, query: query}, &page); err != nil {
			return nil, err
		}
		var entries []json.RawMessage
		var next *string
		if err := json.Unmarshal(page[member], &entries); err != nil {
			return nil, fmt.Errorf("read the %s of the answer: %w", member, err)
		}
		if err := json.Unmarshal(page["next"], &next); err != nil {
			return nil, fmt.Errorf("read next of the answer: %w", err)
		}
		list = append(list, entries...)
		if next == nil || most > 0 && len(list) >= most {
			return list, nil
		}
		query.Set("after", *next)
	}
}
