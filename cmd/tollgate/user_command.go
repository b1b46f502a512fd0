package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"tollgate/tokens/accounts"
)

type userCommands struct {
	List              userListCommand              `cmd:"" help:"List users."`
	Show              userShowCommand              `cmd:"" help:"Show a user."`
	Create            userCreateCommand            `cmd:"" help:"Make a user. The password comes from the terminal, from standard input or from a file."`
	SetPassword       userSetPasswordCommand       `cmd:"" help:"Give a user another password."`
	Update            userUpdateCommand            `cmd:"" help:"Change what a user has."`
	Disable           userDisableCommand           `cmd:"" help:"Disable a user until he is enabled again: he and his tokens are refused."`
	Enable            userEnableCommand            `cmd:"" help:"Enable a user."`
	Remove            userRemoveCommand            `cmd:"" help:"Remove a user and end his tokens."`
	RemoveCredentials userRemoveCredentialsCommand `cmd:"" help:"Remove the password of a user and end his tokens."`
	HashPassword      hashPasswordCommand          `cmd:"" help:"Read a password and print a hash for password_hash. Needs no gateway."`
}

type hashPasswordCommand struct{}

// Run prints the hash of a password and nothing else.
func (hashPasswordCommand) Run(p Process) error {
	password, err := readNewPassword(p, "Password: ")
	if err != nil {
		return err
	}
	hash, err := accounts.HashPassword(password, rand.Reader)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(p.Stdout, hash.Reveal())
	return err
}

// nameArg is the user that a command is about.
type nameArg struct {
	Name string `arg:"" help:"Name of the user."`
}

func (n nameArg) path() string { return usersPath + "/" + url.PathEscape(n.Name) }

type userListCommand struct {
	clientFlags
}

// Run lists users, all pages of them.
func (u *userListCommand) Run(ctx context.Context, p Process) error {
	c, err := newClient(u.clientFlags, p)
	if err != nil {
		return err
	}
	all, err := c.all(ctx, usersPath, url.Values{}, "users", 0)
	if err != nil {
		return err
	}
	if u.Output == "json" {
		return printJSON(p.Stdout, all)
	}
	rows, err := userRows(all)
	if err != nil {
		return err
	}
	return printTable(p.Stdout, rows)
}

type userShowCommand struct {
	clientFlags
	nameArg
}

// Run shows a user.
func (u *userShowCommand) Run(ctx context.Context, p Process) error {
	return sendUser(ctx, p, u.clientFlags, call{method: http.MethodGet, path: u.path()})
}

type userDisableCommand struct {
	clientFlags
	nameArg
}

// Run disables a user.
func (u *userDisableCommand) Run(ctx context.Context, p Process) error {
	return sendUser(ctx, p, u.clientFlags, call{method: http.MethodPatch, path: u.path(), body: document{"enabled": false}})
}

type userEnableCommand struct {
	clientFlags
	nameArg
}

// Run enables a user.
func (u *userEnableCommand) Run(ctx context.Context, p Process) error {
	return sendUser(ctx, p, u.clientFlags, call{method: http.MethodPatch, path: u.path(), body: document{"enabled": true}})
}

type userRemoveCommand struct {
	clientFlags
	nameArg
	Yes bool `help:"Do not ask before."`
}

// Run removes a user.
func (u *userRemoveCommand) Run(ctx context.Context, p Process) error {
	return removal{u.clientFlags, u.path(), "removed", u.Name, u.Yes}.run(ctx, p, "Remove user "+printable(u.Name)+" and end all his tokens?")
}

type userRemoveCredentialsCommand struct {
	clientFlags
	nameArg
	Yes bool `help:"Do not ask before."`
}

// Run removes the password of a user and ends his tokens.
func (u *userRemoveCredentialsCommand) Run(ctx context.Context, p Process) error {
	return removal{u.clientFlags, u.path() + "/credentials", "removed_credentials", u.Name, u.Yes}.run(ctx, p,
		"Remove the password of "+printable(u.Name)+" and end all his tokens?")
}

// removal takes something away of a user.
type removal struct {
	flags      clientFlags
	path, said string
	user       string
	unasked    bool
}

// run does it, after it was asked for again, and says so.
func (r removal) run(ctx context.Context, p Process, question string) error {
	if !r.unasked {
		if err := confirm(p, question); err != nil {
			return err
		}
	}
	c, err := newClient(r.flags, p)
	if err != nil {
		return err
	}
	if _, err := c.do(ctx, call{method: http.MethodDelete, path: r.path}); err != nil {
		return err
	}
	if r.flags.Output == "json" {
		return printJSON(p.Stdout, map[string]string{r.said: r.user})
	}
	_, err = fmt.Fprintln(p.Stdout, strings.ReplaceAll(r.said, "_", " "), printable(r.user))
	return err
}
