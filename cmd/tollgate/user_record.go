package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// userRecord is a user as the gateway shows him. What is null there is empty.
type userRecord struct {
	Name           string     `json:"name"`
	Locator        string     `json:"locator"`
	Roles          []string   `json:"roles"`
	Permissions    []string   `json:"permissions"`
	Tenants        []string   `json:"tenants"`
	Effective      []string   `json:"effective_permissions"`
	ServiceAccount bool       `json:"service_account"`
	HasPassword    bool       `json:"has_password"`
	Configured     bool       `json:"configured"`
	Enabled        bool       `json:"enabled"`
	Disabled       markRecord `json:"disabled"`
	CreatedAt      string     `json:"created_at"`
}

func (u *userRecord) state() string {
	if u.Enabled {
		return "enabled"
	}
	return "disabled"
}

// notes says what else there is to know.
func (u *userRecord) notes() string {
	var notes []string
	if u.Configured {
		notes = append(notes, "configured in the file")
	}
	if u.ServiceAccount {
		notes = append(notes, "service account")
	}
	if !u.HasPassword {
		notes = append(notes, "no password")
	}
	return strings.Join(notes, ", ")
}

// details returns everything about the user.
func (u *userRecord) details() []field {
	fields := []field{
		{"name", u.Name}, {"state", u.state()}, {"disabled", u.Disabled.String()}, {"roles", strings.Join(u.Roles, " ")},
		{"permissions", strings.Join(u.Permissions, " ")}, {"effective", strings.Join(u.Effective, " ")},
		{"tenants", strings.Join(u.Tenants, " ")}, {"locator", u.Locator}, {"created", u.CreatedAt}, {"notes", u.notes()},
	}
	return slices.DeleteFunc(fields, func(f field) bool { return f.value == "" })
}

// userRows returns the table of a list of users.
func userRows(all []json.RawMessage) ([][]string, error) {
	rows := [][]string{{"NAME", "STATE", "ROLES", "PERMISSIONS", "TENANTS", "LOCATOR", "NOTES"}}
	for _, raw := range all {
		var u userRecord
		if err := json.Unmarshal(raw, &u); err != nil {
			return nil, fmt.Errorf("read the answer: %w", err)
		}
		rows = append(rows, []string{
			u.Name, u.state(), strings.Join(u.Roles, ","), strings.Join(u.Permissions, ","), strings.Join(u.Tenants, ","), u.Locator, u.notes(),
		})
	}
	return rows, nil
}

// sendUser sends a request and prints the user that is answered with.
func sendUser(ctx context.Context, p Process, f clientFlags, a call) error {
	c, err := newClient(f, p)
	if err != nil {
		return err
	}
	return c.printUser(ctx, p, f, a)
}

func (c *client) printUser(ctx context.Context, p Process, f clientFlags, a call) error {
	var record userRecord
	raw, err := c.ask(ctx, a, &record)
	if err != nil {
		return err
	}
	if f.Output == "json" {
		return printJSON(p.Stdout, raw)
	}
	return printFields(p.Stdout, record.details())
}
