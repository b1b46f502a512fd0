package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
)

// footprint is the memory of a process in bytes.
type footprint struct {
	Resident int64 `json:"resident"`
	Files    int64 `json:"files"` // that of files among it, which the system can take back
}

// memory is how a gateway's memory grows.
type memory struct {
	Name   string    `json:"name"`
	What   string    `json:"what"` // that it grows with
	Count  int       `json:"count"`
	Before footprint `json:"before"`
	After  footprint `json:"after"`
}

// measureMemory measures gateways with idle connections, each of which has
// made one request.
func (l *launcher) measureMemory(ctx context.Context, s settings, result *report, progress io.Writer) error {
	g, err := startGateways(ctx, l)
	if err != nil {
		return err
	}
	for _, w := range []way{g.peers.plain, g.bearer, g.slow} {
		if _, err := fmt.Fprintf(progress, "memory of %s\n", w.name); err != nil {
			return err
		}
		m, err := w.withIdle(ctx, s.idle)
		if err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
		result.Memory = append(result.Memory, m)
	}
	return nil
}

// withIdle opens connections and measures before and after.
func (w way) withIdle(ctx context.Context, count int) (m memory, err error) {
	m = memory{Name: w.name, What: "idle connections", Count: count}
	r := w.get(1024)
	want := answer{http.StatusOK, r.size}
	if err := expect(ctx, r, want); err != nil {
		return m, err
	}
	if m.Before, err = w.gateway.footprint(); err != nil {
		return m, err
	}
	conns := make([]net.Conn, 0, count)
	defer func() {
		for _, c := range conns {
			err = errors.Join(err, c.Close())
		}
	}()
	for range count {
		c, err := ask(ctx, r, want)
		if err != nil {
			return m, fmt.Errorf("connection %d (each takes a descriptor here and there: ulimit -n): %w", len(conns)+1, err)
		}
		conns = append(conns, c)
	}
	m.After, err = w.gateway.footprint()
	return m, err
}

// footprint returns the memory that the process has now.
func (p *process) footprint() (footprint, error) {
	status, err := os.ReadFile("/proc/" + strconv.Itoa(p.cmd.Process.Pid) + "/status")
	if err != nil {
		return footprint{}, fmt.Errorf("memory of %s: %w", p.name, err)
	}
	return parseStatus(status)
}

var errBadStatus = errors.New("no memory in /proc/PID/status")

// parseStatus reads the lines of proc_pid_status(5), which are in KiB. Files
// and shared memory are counted as one.
func parseStatus(status []byte) (footprint, error) {
	var f footprint
	lines := map[string]*int64{"VmRSS": &f.Resident, "RssFile": &f.Files}
	for line := range bytes.Lines(status) {
		key, value, _ := bytes.Cut(line, []byte(":"))
		to := lines[string(key)]
		if to == nil {
			continue
		}
		kib, err := strconv.ParseInt(string(bytes.TrimSuffix(bytes.TrimSpace(value), []byte(" kB"))), 10, 53)
		if err != nil {
			return footprint{}, errBadStatus
		}
		*to = kib << 10
		delete(lines, string(key))
	}
	if len(lines) > 0 {
		return footprint{}, errBadStatus
	}
	return f, nil
}
