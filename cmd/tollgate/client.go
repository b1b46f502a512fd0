package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"tollgate/tokens"
)

// clientFlags are the flags of every command that talks to a running gateway.
type clientFlags struct {
	Server    string `help:"Address of the gateway (${default})." env:"TOLLGATE_SERVER" default:"http://127.0.0.1:8080" placeholder:"URL"`
	User      string `help:"User to log in as; the password is taken from TOLLGATE_PASSWORD or asked for. Without a user the token in TOLLGATE_TOKEN counts." env:"TOLLGATE_USER" placeholder:"NAME"`
	TokenPath string `help:"Token path of the gateway." default:"/.TOKEN/" placeholder:"PATH"`
	Output    string `help:"Form of the output: table or json." short:"o" enum:"table,json" default:"table"`
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
		c.password, err = readPassword(p, "Password of "+c.user+": ")
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

// call sends a request. An answer other than 2xx is an error in the gateway's
// own words.
func (c *client) call(ctx context.Context, method, path string, query url.Values, header http.Header) (http.Header, []byte, error) {
	u := *c.server
	u.Path, u.RawQuery = path, query.Encode()
	request, err := http.NewRequestWithContext(ctx, method, u.String(), nil)
	if err != nil {
		return nil, nil, err
	}
	for name, values := range header {
		request.Header[name] = values
	}
	if c.user != "" {
		request.SetBasicAuth(c.user, c.password.Reveal())
	} else {
		request.Header.Set("Authorization", "Bearer "+c.token.Reveal())
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close() //nolint:errcheck // nothing is written
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, nil, err
	}
	if response.StatusCode/100 != 2 {
		return nil, nil, refused(response.Status, body)
	}
	return response.Header, body, nil
}

// refused puts an answer that is no success into words.
func refused(status string, body []byte) error {
	var problem struct {
		Detail string `json:"detail"`
		ID     string `json:"request_id"`
	}
	if json.Unmarshal(body, &problem) != nil || problem.Detail == "" {
		return errors.New("the gateway answers " + status)
	}
	return fmt.Errorf("the gateway answers %s: %s (request %s)", status, problem.Detail, problem.ID)
}

// next returns the query of the next page, or nil after the last.
func next(h http.Header) url.Values {
	link, found := strings.CutPrefix(h.Get("Link"), "<")
	target, _, closed := strings.Cut(link, ">")
	if !found || !closed {
		return nil
	}
	u, err := url.Parse(target)
	if err != nil {
		return nil
	}
	return u.Query()
}
