package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"tollgate/tokens"
)

// terminalOf returns the file behind standard input if that is a terminal.
func terminalOf(p Process) (*os.File, bool) {
	f, ok := p.Stdin.(*os.File)
	return f, ok && term.IsTerminal(int(f.Fd()))
}

// confirm asks a question on the terminal and returns an error unless the
// answer is yes. Where nobody can be asked the flag --yes is needed.
func confirm(p Process, question string) error {
	if _, ok := terminalOf(p); !ok {
		return &usageError{"standard input is no terminal where could be asked whether to do it, accepted is --yes"}
	}
	fmt.Fprint(p.Stderr, question+" Type yes: ")
	line, err := readLine(p.Stdin)
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	if strings.TrimSpace(line) != "yes" {
		return errors.New("nothing was done")
	}
	return nil
}

// readPassword reads a line from standard input: from a terminal without echo
// and after a prompt on standard error.
func readPassword(p Process, prompt string) (tokens.Secret, error) {
	f, ok := terminalOf(p)
	if !ok {
		line, err := readLine(p.Stdin)
		if err != nil {
			return "", fmt.Errorf("read password: %w", err)
		}
		return tokens.Secret(line), nil
	}
	fmt.Fprint(p.Stderr, prompt)
	line, err := term.ReadPassword(int(f.Fd()))
	fmt.Fprintln(p.Stderr)
	if err != nil {
		return "", fmt.Errorf("read password: %w", err)
	}
	return tokens.Secret(line), nil
}

// readNewPassword reads a password that somebody is to have, on a terminal
// twice: a slip that nobody sees would lock him out.
func readNewPassword(p Process, prompt string) (tokens.Secret, error) {
	password, err := readPassword(p, prompt)
	switch {
	case err != nil:
		return "", err
	case password == "":
		return "", &usageError{"the password is empty"}
	}
	if _, ok := terminalOf(p); !ok {
		return password, nil
	}
	again, err := readPassword(p, "The same again: ")
	if err == nil && again != password {
		err = errors.New("the two passwords differ")
	}
	return password, err
}

// readLine reads a line without its end, and nothing behind it: a second
// password may follow. At the end of the input the line is what there is.
func readLine(r io.Reader) (string, error) {
	var line []byte
	var b [1]byte
	for b[0] != '\n' {
		_, err := io.ReadFull(r, b[:])
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return "", err
		}
		line = append(line, b[0])
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(line), "\n"), "\r"), nil
}
