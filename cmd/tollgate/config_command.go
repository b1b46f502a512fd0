package main

import (
	"errors"
	"fmt"

	"tollgate/cmd/tollgate/conf"
)

type configCommands struct {
	Check configCheckCommand `cmd:"" help:"Report all faults, one a line, and exit with 78 if there are any."`
	Print configPrintCommand `cmd:"" help:"Print the effective configuration, secrets redacted."`
}

type configCheckCommand struct{ configFlag }

// Run reports the faults.
func (c *configCheckCommand) Run(p Process) error {
	_, file, err := loadConfig(c.Config, p.Environ)
	var faults conf.Faults
	if errors.As(err, &faults) { // the report is what was asked for, and no error of the command
		fmt.Fprintln(p.Stdout, faults.Error())
		return &exitError{code: exitConfig}
	}
	if err != nil {
		return err
	}
	if file == "" {
		file = "the built-in configuration"
	}
	fmt.Fprintf(p.Stdout, "%s: no faults\n", file)
	return nil
}

type configPrintCommand struct{ configFlag }

// Run prints the configuration.
func (c *configPrintCommand) Run(p Process) error {
	config, _, err := loadConfig(c.Config, p.Environ)
	if err != nil {
		return err
	}
	return conf.Print(p.Stdout, config)
}
