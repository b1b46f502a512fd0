// Package packagingtest proves what packages the program: the Dockerfile, by
// running its commands and what comes of them without a container engine, the
// systemd unit, and the script that installs what tests need. It is a module
// of its own because it needs root.
package packagingtest

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience bounds every wait.
const patience = 30 * time.Second

// testVersion is what the image is built as.
const testVersion = "v0.0.0-packagingtest"

// image is what the Dockerfile's last stage makes.
type image struct {
	root                         string // its files
	env                          []string
	user                         *syscall.Credential
	entrypoint, command, healthy []string
}

// repositoryRoot returns the directory of the module tollgate, the first above
// the working directory.
func repositoryRoot(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		data, err := os.ReadFile(filepath.Join(dir, "go.mod")) // #nosec G304 -- above the working directory
		if err == nil && strings.HasPrefix(string(data), "module tollgate\n") {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod of the module tollgate in a directory above")
		}
		dir = filepath.Dir(dir)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path) // #nosec G304 -- a file of the repository or of the test
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// buildImage does what the Dockerfile says, in the repository and in a
// temporary directory instead of a container.
func buildImage(t *testing.T) *image {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("this test runs the program in a root directory of its own and as another user: it must be run as root")
	}
	repository := repositoryRoot(t)
	stages, err := parseDockerfile(read(t, filepath.Join(repository, "Dockerfile")))
	if err != nil {
		t.Fatal(err)
	}
	if len(stages) != 2 || stages[1].base != "scratch" {
		t.Fatalf("want a stage to build and one from scratch, got %v", stages)
	}
	moved := runBuildStage(t, stages[0], repository)
	last := stages[1]
	i := &image{root: filepath.Join(t.TempDir(), "root")}
	if err := os.Mkdir(i.root, 0o755); err != nil { // #nosec G301 -- the root directory of an image
		t.Fatal(err)
	}
	for _, text := range last.all("COPY") {
		c, err := parseTransfer(text)
		if err != nil || c.stage != stages[0].name || moved[c.source] == "" {
			t.Fatalf("COPY %s: %v; can be copied: %v", text, err, moved)
		}
		copyTree(t, moved[c.source], filepath.Join(i.root, c.target), c.owner)
	}
	i.readSettings(t, last)
	return i
}

func (i *image) readSettings(t *testing.T, s stage) {
	t.Helper()
	var all [4]error
	i.env, all[0] = pairs(s.only(t, "ENV"))
	i.entrypoint, all[1] = execForm(s.only(t, "ENTRYPOINT"))
	i.command, all[2] = execForm(s.only(t, "CMD"))
	_, check, _ := strings.Cut(s.only(t, "HEALTHCHECK"), "CMD ")
	i.healthy, all[3] = execForm(check)
	if err := errors.Join(all[:]...); err != nil {
		t.Fatal(err)
	}
	uid, gid := owner(t, s.only(t, "USER"))
	i.user = &syscall.Credential{Uid: uid, Gid: gid}
}

// owner reads UID:GID.
func owner(t *testing.T, text string) (uid, gid uint32) {
	t.Helper()
	u, g, _ := strings.Cut(text, ":")
	user, err := strconv.ParseUint(u, 10, 32)
	if err != nil {
		t.Fatalf("%q is not UID:GID: %v", text, err)
	}
	group, err := strconv.ParseUint(g, 10, 32)
	if err != nil {
		t.Fatalf("%q is not UID:GID: %v", text, err)
	}
	return uint32(user), uint32(group)
}

// runBuildStage runs the commands of the build stage. Its arguments that are
// absolute paths are replaced by temporary directories; those are returned by
// the path with a slash at the end, as COPY names them.
func runBuildStage(t *testing.T, s stage, repository string) map[string]string {
	t.Helper()
	moved := map[string]string{}
	env := os.Environ()
	for _, step := range s.instructions {
		switch step.name {
		case "ARG":
			name, value, _ := strings.Cut(step.rest, "=")
			if strings.HasPrefix(value, "/") {
				moved[value+"/"] = filepath.Join(t.TempDir(), name)
				value = moved[value+"/"]
			}
			if name == "VERSION" {
				value = testVersion
			}
			if value != "" {
				env = append(env, name+"="+value)
			}
		case "RUN":
			shell(t, repository, env, step.rest)
		case "WORKDIR", "COPY": // the repository is there
		default:
			t.Fatalf("%s is not known to this test", step.name)
		}
	}
	return moved
}

func shell(t *testing.T, dir string, env []string, script string) {
	t.Helper()
	start := time.Now()
	command := exec.CommandContext(t.Context(), "sh", "-c", script) // #nosec G204 -- from our Dockerfile
	command.Dir, command.Env = dir, env
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%s\n%v\n%s", script, err, out)
	}
	t.Logf("%.1f s: %s", time.Since(start).Seconds(), script)
}

// copyTree copies what is in a directory, with modes.
func copyTree(t *testing.T, source, target, ownedBy string) {
	t.Helper()
	if err := os.MkdirAll(target, 0o755); err != nil { // #nosec G301 -- of an image
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), "cp", "-a", source+"/.", target) // #nosec G204 -- our paths
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("cp: %v\n%s", err, out)
	}
	if ownedBy == "" {
		return
	}
	uid, gid := owner(t, ownedBy)
	err := filepath.WalkDir(target, func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(path, int(uid), int(gid)))
	})
	if err != nil {
		t.Fatal(err)
	}
}

// fresh returns the image with files of its own, as another container has.
func (i *image) fresh(t *testing.T) *image {
	t.Helper()
	other := *i
	other.root = filepath.Join(t.TempDir(), "root")
	if err := os.Mkdir(other.root, 0o755); err != nil { // #nosec G301 -- the root directory of an image
		t.Fatal(err)
	}
	copyTree(t, i.root, other.root, "")
	return &other
}

// start returns a command that runs in the image, with variables beside its
// own, as a container engine runs it.
func (i *image) start(ctx context.Context, variables []string, words ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, words[0], words[1:]...) // #nosec G204 -- what the image names
	command.Dir = "/"
	command.Env = append(append([]string{}, i.env...), variables...)
	command.SysProcAttr = &syscall.SysProcAttr{Chroot: i.root, Credential: i.user}
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = patience
	return command
}
