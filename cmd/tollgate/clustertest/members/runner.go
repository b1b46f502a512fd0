package members

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"

	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"

	"tollgate/cmd/tollgate/clustertest/process"
)

// runner is a member that runs.
type runner interface {
	// ready waits until the member takes part in a cluster that has a leader.
	ready(ctx context.Context) error
	// kill ends it and returns when it is gone.
	kill()
	// stop and resume halt it and let it go on.
	stop() error
	resume() error
	// output is what it has logged.
	output() string
}

// variable holds the spec of the member that a test binary is to be.
const variable = "TOLLGATE_TEST_MEMBER"

// readyLine is what a member's process writes when it is ready.
const readyLine = "member is ready"

// Main makes this process a member, and does not return, if it was started as
// one. TestMain of a package that uses Three calls it before all else.
func Main() {
	text, ok := os.LookupEnv(variable)
	if !ok {
		return
	}
	if err := runMember(text); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func runMember(text string) error {
	var s spec
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return fmt.Errorf("read %s: %w", variable, err)
	}
	e, err := embed.StartEtcd(s.config())
	if err != nil {
		return fmt.Errorf("start %s: %w", s.Name, err)
	}
	defer e.Close()
	select {
	case <-e.Server.ReadyNotify():
		fmt.Println(readyLine)
	case err := <-e.Err():
		return fmt.Errorf("run %s: %w", s.Name, err)
	}
	return <-e.Err() // it is killed: this is an end by itself
}

// separate is a member with a process of its own.
type separate struct{ *process.Process }

func startSeparate(s spec) (runner, error) {
	text, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	command := exec.Command(self) //nolint:gosec,noctx // this test binary, which Kill ends
	command.Env = append(os.Environ(), variable+"="+string(text))
	p, err := process.Start("member "+s.Name, command)
	if err != nil {
		return nil, err
	}
	return separate{p}, nil
}

func (r separate) ready(ctx context.Context) error {
	_, err := r.Await(ctx, func(line string) bool { return line == readyLine })
	return err
}

func (r separate) kill()          { r.Kill() }
func (r separate) stop() error    { return r.Stop() }
func (r separate) resume() error  { return r.Continue() }
func (r separate) output() string { return r.Output() }

// inside is a member in this process.
type inside struct{ *embed.Etcd }

func startInside(s spec) (runner, error) {
	c := s.config()
	c.ZapLoggerBuilder = embed.NewZapLoggerBuilder(zap.NewNop())
	e, err := embed.StartEtcd(c)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", s.Name, err)
	}
	return inside{e}, nil
}

func (r inside) ready(ctx context.Context) error {
	select {
	case <-r.Server.ReadyNotify():
		return nil
	case err := <-r.Err():
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r inside) kill() { r.Close() }

// errInside refuses what only a process of its own can do.
var errInside = errors.New("a member in the test's own process cannot be stopped: use Three")

func (inside) stop() error    { return errInside }
func (inside) resume() error  { return errInside }
func (inside) output() string { return "" }
