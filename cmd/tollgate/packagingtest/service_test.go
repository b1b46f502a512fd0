package packagingtest

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// installed is where the unit expects the program.
const installed = "/usr/local/bin/tollgate"

func unit(t *testing.T) string {
	t.Helper()
	return read(t, filepath.Join(repositoryRoot(t), "docs", "tollgate.service"))
}

// settings returns the settings of each section of a unit, all values of a
// key in their order. Faults are lines that are no setting.
func settings(text string) (all map[string][]string, faults []string) {
	all = map[string][]string{}
	section := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		key, value, pair := strings.Cut(line, "=")
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "[") && strings.HasSuffix(line, "]"):
			section = strings.Trim(line, "[]")
		case pair && section != "" && key == strings.TrimSpace(key):
			all[section+"."+key] = append(all[section+"."+key], value)
		default:
			faults = append(faults, line)
		}
	}
	return all, faults
}

func TestServiceConfinesTheProgramAndKeepsItRunning(t *testing.T) {
	all, faults := settings(unit(t))
	if len(faults) > 0 {
		t.Errorf("lines that are no settings: %q", faults)
	}
	for key, want := range map[string]string{
		"Service.ExecStart":                installed + " serve --config /etc/tollgate/config.yaml",
		"Service.ExecReload":               "/bin/kill -HUP $MAINPID",
		"Service.Environment":              "TOLLGATE_DATA_DIR=/var/lib/tollgate",
		"Service.StateDirectory":           "tollgate",
		"Service.DynamicUser":              "yes",
		"Service.NoNewPrivileges":          "yes",
		"Service.ProtectSystem":            "strict",
		"Service.ProtectHome":              "yes",
		"Service.PrivateTmp":               "yes",
		"Service.PrivateDevices":           "yes",
		"Service.MemoryDenyWriteExecute":   "yes",
		"Service.CapabilityBoundingSet":    "",
		"Service.RestrictAddressFamilies":  "AF_INET AF_INET6 AF_UNIX",
		"Service.LimitNOFILE":              "65536",
		"Service.Restart":                  "on-failure",
		"Service.RestartPreventExitStatus": "2 78",
		"Install.WantedBy":                 "multi-user.target",
	} {
		if !slices.Equal(all[key], []string{want}) {
			t.Errorf("%s is %q, want %q", key, all[key], want)
		}
	}
	if filters := all["Service.SystemCallFilter"]; len(filters) == 0 || filters[0] != "@system-service" {
		t.Errorf("the system calls are %q, want @system-service first", filters)
	}
}

func TestSettingsTellsWhatIsNoSetting(t *testing.T) {
	all, faults := settings("[A]\n# b\nc=d\nc=e=f\nnonsense\n g =h\n")
	if !slices.Equal(all["A.c"], []string{"d", "e=f"}) || !slices.Equal(faults, []string{"nonsense", "g =h"}) {
		t.Errorf("got %q and %q", all, faults)
	}
}

// TestSystemdUnderstandsTheService asks systemd itself where it is; elsewhere
// the other tests of this file have to do.
func TestSystemdUnderstandsTheService(t *testing.T) {
	if !has("systemd-analyze") {
		t.Log("there is no systemd-analyze here")
		return
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// systemd-analyze looks for the program, which is not installed here.
	file := filepath.Join(t.TempDir(), "tollgate.service")
	text := strings.ReplaceAll(unit(t), installed, program)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, arguments := range [][]string{{"verify", file}, {"security", "--offline=true", "--threshold=20", "--no-pager", file}} {
		out, err := exec.CommandContext(t.Context(), "systemd-analyze", arguments...).CombinedOutput() // #nosec G204 -- our arguments
		if err != nil || arguments[0] == "verify" && len(bytes.TrimSpace(out)) > 0 {
			t.Errorf("systemd-analyze %q: %v\n%s", arguments, err, out)
		}
	}
}

// TestInstallScriptSaysWhatIsMissing runs .ci/install where it cannot do
// anything: it must say so and not begin.
func TestInstallScriptSaysWhatIsMissing(t *testing.T) {
	script := read(t, filepath.Join(repositoryRoot(t), ".ci", "install"))
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		user uint32
		says string
	}{
		"another user": {65532, "only root can do that"},
		"no apt-get":   {0, "there is no apt-get here"},
	} {
		t.Run(name, func(t *testing.T) {
			command := exec.CommandContext(t.Context(), bash, "-s") // #nosec G204 -- the shell
			command.Dir = "/"
			command.Env = []string{"PATH=" + "/nonexistent"}
			command.Stdin = strings.NewReader(script)
			command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: test.user, Gid: test.user}}
			out, err := command.CombinedOutput()
			if code := command.ProcessState.ExitCode(); code != 1 || !strings.Contains(string(out), "chromium") || !strings.Contains(string(out), test.says) {
				t.Errorf("exit code %d (%v), %q", code, err, out)
			}
		})
	}
}

func TestInstallScriptDoesNothingWhereAllIsThere(t *testing.T) {
	dir := t.TempDir()
	for _, command := range []string{"chromium", "curl", "git", "gcc", "apt-get"} {
		if err := os.WriteFile(filepath.Join(dir, command), []byte("#!/bin/sh\necho called "+command+"\n"), 0o700); err != nil { // #nosec G306 -- a command
			t.Fatal(err)
		}
	}
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), bash, filepath.Join(repositoryRoot(t), ".ci", "install")) // #nosec G204 -- our script
	command.Env = []string{"PATH=" + dir}
	if out, err := command.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v, %q", err, out)
	}
}
