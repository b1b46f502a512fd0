package upstream

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// watch checks the server at once and then at every interval, until ctx ends.
func (s *server) watch(ctx context.Context) {
	cfg := s.up.cfg.Health
	ticker := time.NewTicker(cfg.Interval)
	defer ticker.Stop()
	good, bad := 0, 0
	for {
		err := s.check(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			good, bad = good+1, 0
		} else {
			good, bad = 0, bad+1
		}
		if good == cfg.HealthyAfter {
			s.judged(true)
		}
		if bad == cfg.UnhealthyAfter {
			s.judged(false)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (s *server) check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.up.cfg.Health.Timeout)
	defer cancel()
	if s.up.cfg.Health.Path == "" {
		return s.checkConnect(ctx)
	}
	return s.checkPath(ctx)
}

func (s *server) checkConnect(ctx context.Context) error {
	port := s.url.Port()
	if port == "" {
		port = s.url.Scheme // net knows http and https as names of ports
	}
	c, err := s.dial(ctx, "tcp", net.JoinHostPort(s.url.Hostname(), port))
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	return c.Close()
}

func (s *server) checkPath(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.name, nil)
	if err != nil {
		return fmt.Errorf("health request: %w", err)
	}
	if err := setTarget(req.URL, s.url, s.up.cfg.Health.Path, ""); err != nil {
		return err
	}
	req.Header.Set("User-Agent", "tollgate health check")
	resp, err := s.transport.RoundTrip(req)
	if err != nil {
		return fmt.Errorf("health request: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	if _, err := io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)); err != nil {
		return fmt.Errorf("health answer: %w", err)
	}
	if resp.StatusCode < 200 || resp.StatusCode > 399 {
		return fmt.Errorf("health answer: status %d", resp.StatusCode)
	}
	return nil
}
