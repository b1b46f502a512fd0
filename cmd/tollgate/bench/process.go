package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// The processes that the benchmark makes of itself.
const (
	roleBackend = "backend"
	roleProxy   = "reverseproxy"
	roleLoad    = "load"
	roleFill    = "fill"
	rolePinned  = "pinned"
)

// corePlan says which process runs where.
type corePlan struct {
	gateway []int // nil = anywhere
	others  []int
	note    string // what was done
}

// planCores gives the first core to the gateways and the rest to load and
// backend.
func planCores() corePlan {
	cores, err := allowedCores()
	if err != nil {
		return corePlan{note: "not pinned: " + err.Error()}
	}
	if len(cores) < 2 {
		return corePlan{note: "not pinned: there is one core only"}
	}
	if err := tryPin(cores[:1]); err != nil {
		return corePlan{note: "not pinned: " + err.Error()}
	}
	return corePlan{
		gateway: cores[:1], others: cores[1:],
		note: fmt.Sprintf("pinned: gateways to core %d with GOMAXPROCS=1, load and backend to the other %d", cores[0], len(cores)-1),
	}
}

// launcher starts processes. They end with the context that they are started
// with, or by stop.
type launcher struct {
	self  string // this program
	dir   string // for what processes write
	plan  corePlan
	procs []*process
}

// process is a child.
type process struct {
	cmd  *exec.Cmd
	name string
}

// command prepares a program to run on cores.
func (l *launcher) command(ctx context.Context, cores []int, program string, args ...string) *exec.Cmd {
	line := append([]string{program}, args...)
	if len(cores) > 0 {
		list := strings.Trim(strings.ReplaceAll(fmt.Sprint(cores), " ", ","), "[]")
		line = append([]string{l.self, rolePinned, list}, line...)
	}
	cmd := exec.CommandContext(ctx, line[0], line[1:]...) // #nosec G204 -- this program and what it built
	cmd.SysProcAttr = childAttributes()
	cmd.WaitDelay = 2 * time.Second
	cmd.Env = environment()
	return cmd
}

// environment is ours but for what would change the processes under test.
func environment() []string {
	var kept []string
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "TOLLGATE_") && !strings.HasPrefix(e, "GOMAXPROCS=") {
			kept = append(kept, e)
		}
	}
	return kept
}

// gateway prepares a program to run as the processes under test do.
func (l *launcher) gateway(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := l.command(ctx, l.plan.gateway, program, args...)
	cmd.Env = append(cmd.Env, "GOMAXPROCS=1")
	return cmd
}

// start starts a prepared process, which stop ends.
func (l *launcher) start(name string, cmd *exec.Cmd) (*process, error) {
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	p := &process{cmd: cmd, name: name}
	l.procs = append(l.procs, p)
	return p, nil
}

// startAnnounced starts a process of ours and returns the address that it
// listens on.
func (l *launcher) startAnnounced(name string, cmd *exec.Cmd) (*process, string, error) {
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, "", fmt.Errorf("start %s: %w", name, err)
	}
	p, err := l.start(name, cmd)
	if err != nil {
		return nil, "", err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, "", fmt.Errorf("%s did not start: %w", name, err)
	}
	address, ok := strings.CutPrefix(strings.TrimSpace(line), announcement)
	if !ok {
		return nil, "", fmt.Errorf("%s says %q instead of its address", name, line)
	}
	return p, address, nil
}

// stop ends all processes that were started.
func (l *launcher) stop() {
	for _, p := range l.procs {
		_ = p.cmd.Process.Kill() // it may have ended
		_ = p.cmd.Wait()         // the kill
	}
	l.procs = nil
}

// cpu returns the processor time that the process has used so far.
func (p *process) cpu() (time.Duration, error) {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(p.cmd.Process.Pid) + "/stat")
	if err != nil {
		return 0, fmt.Errorf("processor time of %s: %w", p.name, err)
	}
	return parseStat(stat)
}

var errBadStat = errors.New("no times in /proc/PID/stat")

// parseStat adds up user and system time, proc_pid_stat(5). They are counted
// in 1/100 s on all architectures, whatever the kernel's own clock.
func parseStat(stat []byte) (time.Duration, error) {
	const tick = 10 * time.Millisecond
	// The name in parentheses may itself hold spaces and parentheses.
	rest := stat[bytes.LastIndexByte(stat, ')')+1:]
	fields := bytes.Fields(rest)
	if len(fields) < 13 {
		return 0, errBadStat
	}
	user, err := strconv.ParseInt(string(fields[11]), 10, 64)
	if err != nil {
		return 0, errBadStat
	}
	system, err := strconv.ParseInt(string(fields[12]), 10, 64)
	if err != nil {
		return 0, errBadStat
	}
	return time.Duration(user+system) * tick, nil
}

// output runs a prepared process to its end and returns what it prints.
func output(name string, cmd *exec.Cmd, in io.Reader) ([]byte, error) {
	var complaint bytes.Buffer
	cmd.Stdin, cmd.Stderr = in, &complaint
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %s", name, err, bytes.TrimSpace(complaint.Bytes()))
	}
	return out, nil
}
