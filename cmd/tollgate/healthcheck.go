package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"
)

type healthcheckCommand struct{ configFlag }

// healthcheckTimeout is shorter than what containers give a health check.
const healthcheckTimeout = 3 * time.Second

// Run asks the internal listener and fails if it does not say that all is
// well.
func (h *healthcheckCommand) Run(ctx context.Context, p Process) error {
	c, _, err := loadConfig(h.Config, p.Environ)
	if err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(c.Internal.Listen)
	if err != nil {
		return err
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	ctx, done := context.WithTimeout(ctx, healthcheckTimeout)
	defer done()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/healthz", nil)
	if err != nil {
		return err
	}
	response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close() //nolint:errcheck // nothing is written
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the gateway answers %s", response.Status)
	}
	_, err = fmt.Fprintln(p.Stdout, "ok")
	return err
}
