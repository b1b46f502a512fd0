package main

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"tollgate/tokens"
	"tollgate/tokens/accounts"
)

type userCommands struct {
	HashPassword hashPasswordCommand `cmd:"" help:"Read a password and print a hash for password_hash."`
}

type hashPasswordCommand struct{}

// Run prints the hash of a password and nothing else.
func (hashPasswordCommand) Run(p Process) error {
	password, err := readPassword(p, "Password: ")
	if err != nil {
		return err
	}
	if password == "" {
		return &usageError{"the password is empty"}
	}
	hash, err := accounts.HashPassword(password, rand.Reader)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(p.Stdout, hash.Reveal())
	return err
}

// readPassword reads a line from standard input: from a terminal without echo
// and after a prompt on standard error.
func readPassword(p Process, prompt string) (tokens.Secret, error) {
	if f, ok := p.Stdin.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		fmt.Fprint(p.Stderr, prompt)
		line, err := term.ReadPassword(int(f.Fd()))
		fmt.Fprintln(p.Stderr)
		if err != nil {
			return "", fmt.Errorf("read password: %w", err)
		}
		return tokens.Secret(line), nil
	}
	line, err := bufio.NewReader(p.Stdin).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read password: %w", err)
	}
	return tokens.Secret(strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")), nil
}
