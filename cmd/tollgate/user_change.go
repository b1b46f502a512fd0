package main

import (
	"context"
	"net/http"

	"tollgate/tokens"
)

// passwordFlag says where a new password comes from. It is never an argument
// itself: others on the machine could read that.
type passwordFlag struct {
	PasswordFile string `help:"File with the password, one line. Without it the terminal is asked, or standard input read." placeholder:"FILE"`
}

// read returns the new password. Whoever logs in by a password from standard
// input has been asked for it before.
func (f passwordFlag) read(p Process, name string) (tokens.Secret, error) {
	if f.PasswordFile != "" {
		return readSecretFile(f.PasswordFile)
	}
	return readNewPassword(p, "New password of "+printable(name)+": ")
}

// accountFlags are what a user can have.
type accountFlags struct {
	Role       []string `help:"Role; can be given again." placeholder:"NAME"`
	Permission []string `help:"Right like storage.read; can be given again. Neither roles nor permissions: storage.*." placeholder:"RIGHT"`
	Tenant     []string `help:"Tenant; can be given again. any = every tenant." placeholder:"NAME"`
	Locator    string   `help:"Locator, a UUID. Without it one is made from the name." placeholder:"UUID"`
}

func (f *accountFlags) add(body document) {
	body.list("roles", f.Role)
	body.list("permissions", f.Permission)
	body.list("tenants", f.Tenant)
	body.text("locator", f.Locator)
}

type userCreateCommand struct {
	clientFlags
	nameArg
	accountFlags
	passwordFlag
	ServiceAccount bool `help:"He authenticates by tokens alone and needs no password."`
	NoPassword     bool `help:"He gets no password."`
	Disabled       bool `help:"He is disabled until he is enabled."`
}

// Run makes a user.
func (u *userCreateCommand) Run(ctx context.Context, p Process) error {
	if u.NoPassword && u.PasswordFile != "" {
		return &usageError{"--no-password and --password-file were both given, accepted is one of them"}
	}
	c, err := newClient(u.clientFlags, p)
	if err != nil {
		return err
	}
	body := document{"name": u.Name}
	u.add(body)
	if u.ServiceAccount {
		body["service_account"] = true
	}
	if u.Disabled {
		body["enabled"] = false
	}
	if u.PasswordFile != "" || !u.NoPassword && !u.ServiceAccount {
		password, err := u.read(p, u.Name)
		if err != nil {
			return err
		}
		body["password"] = password.Reveal()
	}
	return c.printUser(ctx, p, u.clientFlags, call{method: http.MethodPost, path: usersPath, body: body})
}

type userSetPasswordCommand struct {
	clientFlags
	nameArg
	passwordFlag
}

// Run gives a user another password.
func (u *userSetPasswordCommand) Run(ctx context.Context, p Process) error {
	c, err := newClient(u.clientFlags, p)
	if err != nil {
		return err
	}
	password, err := u.read(p, u.Name)
	if err != nil {
		return err
	}
	return c.printUser(ctx, p, u.clientFlags, call{method: http.MethodPatch, path: u.path(), body: document{"password": password.Reveal()}})
}

type userUpdateCommand struct {
	clientFlags
	nameArg
	accountFlags
	NoRoles        bool  `help:"Take all roles away."`
	NoPermissions  bool  `help:"Take all permissions away."`
	NoTenants      bool  `help:"Take all tenants away."`
	ServiceAccount *bool `help:"He authenticates by tokens alone, or not." negatable:""`
}

// Run changes a user. What is given takes the place of all that was there.
func (u *userUpdateCommand) Run(ctx context.Context, p Process) error {
	body := document{}
	u.add(body)
	for name, gone := range map[string]bool{"roles": u.NoRoles, "permissions": u.NoPermissions, "tenants": u.NoTenants} {
		if _, given := body[name]; gone && given {
			return &usageError{name + " were given and taken away, accepted is one of them"}
		}
		if gone {
			body[name] = []string{}
		}
	}
	if u.ServiceAccount != nil {
		body["service_account"] = *u.ServiceAccount
	}
	if len(body) == 0 {
		return &usageError{"nothing is to be changed: give --role, --permission, --tenant, --locator or another flag"}
	}
	return sendUser(ctx, p, u.clientFlags, call{method: http.MethodPatch, path: u.path(), body: body})
}
