package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"tollgate/metrics"
)

// version is set by the linker in a release; otherwise the module's version
// counts, as the Go tool stamps it.
var version string

// build says what this binary was made of.
func build() metrics.Build {
	b := metrics.Build{Version: version, GoVersion: runtime.Version()}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if b.Version == "" {
		b.Version = info.Main.Version
	}
	modified := false
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.modified":
			modified = s.Value == "true"
		}
	}
	if modified {
		b.Revision += "-modified"
	}
	return b
}

type versionCommand struct{}

// Run prints version, commit and Go version.
func (versionCommand) Run(p Process) error {
	b := build()
	if b.Version == "" {
		b.Version = "unknown"
	}
	if b.Revision == "" {
		b.Revision = "unknown"
	}
	_, err := fmt.Fprintf(p.Stdout, "tollgate %s, commit %s, %s\n", b.Version, b.Revision, b.GoVersion)
	return err
}
