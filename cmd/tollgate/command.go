package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"github.com/alecthomas/kong"

	"tollgate/cmd/tollgate/conf"
)

// The exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
	exitConfig = 78 // EX_CONFIG of sysexits.h
)

// Process is what a command has of its surroundings.
type Process struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Environ        []string
	HangUp         <-chan os.Signal // asks to read the configuration again; nil = never
	// Started is told the addresses that serve listens on, once it is ready;
	// nil = nobody is told.
	Started func(public, internal net.Addr)
}

// commands is the command line.
type commands struct {
	Serve       serveCommand       `cmd:"" help:"Run the gateway."`
	Config      configCommands     `cmd:"" help:"Check or print the configuration."`
	User        userCommands       `cmd:"" help:"Manage the users of a running gateway, and hash passwords."`
	Token       tokenCommands      `cmd:"" help:"Manage the tokens of a running gateway."`
	Completion  completionCommand  `cmd:"" help:"Print a script that completes commands and flags in a shell."`
	Store       storeCommands      `cmd:"" help:"Maintain the store of a stopped gateway."`
	Healthcheck healthcheckCommand `cmd:"" help:"Ask the internal listener whether the gateway is alive."`
	Version     versionCommand     `cmd:"" help:"Print the version."`
}

// run executes a command line and returns the exit code.
func run(ctx context.Context, args []string, p Process) int {
	exit := -1
	parser, err := kong.New(&commands{},
		kong.Name("tollgate"),
		kong.Description("An HTTP reverse proxy that issues and enforces access tokens."),
		kong.UsageOnError(),
		kong.Writers(p.Stdout, p.Stderr),
		kong.Exit(func(code int) { exit = code }),
		kong.Vars{"times": acceptedTimes, "expiries": acceptedExpiries},
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(p),
	)
	if err != nil {
		fmt.Fprintln(p.Stderr, "tollgate:", err)
		return exitFailed
	}
	command, err := parser.Parse(args)
	if exit >= 0 { // --help
		return exit
	}
	if err != nil {
		fmt.Fprintf(p.Stderr, "tollgate: %v\nTry: tollgate --help\n", err)
		return exitUsage
	}
	return exitCode(command.Run(), p.Stderr)
}

// exitCode reports an error and returns what the process ends with.
func exitCode(err error, stderr io.Writer) int {
	var faults conf.Faults
	var usage *usageError
	var exit *exitError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &exit):
		return exit.code
	case errors.As(err, &faults):
		fmt.Fprintln(stderr, faults.Error())
		return exitConfig
	case errors.As(err, &usage):
		fmt.Fprintln(stderr, "tollgate:", err)
		return exitUsage
	}
	fmt.Fprintln(stderr, "tollgate:", err)
	return exitFailed
}

// usageError is an error in how a command was called.
type usageError struct{ message string }

func (e *usageError) Error() string { return e.message }

// exitError ends a command that has said everything already.
type exitError struct{ code int }

func (e *exitError) Error() string { return fmt.Sprintf("exit code %d", e.code) }

// configFlag is the flag of every command that reads the configuration.
type configFlag struct {
	Config string `help:"Configuration file. Without it config.yaml of the working directory, if there is one, else the defaults." placeholder:"FILE"`
}
