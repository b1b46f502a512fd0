package badgerstore

import (
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
)

// currentName is the file that says which generation of a replica is in force.
const currentName = "current"

// replicaLayout is another one whenever a key or a value of a replica gets
// another form.
const replicaLayout = 1

var errStanding = errors.New("the file that names what is in force is damaged or of another version")

// trust says when the files of a generation can be believed. A replica does
// not wait for the disk: what a process leaves behind when it is killed is all
// there, what a machine leaves behind is not.
type trust string

const (
	// trustNever: they are being opened, or were found to be damaged. What
	// makes Badger end the process is not opened twice.
	trustNever trust = "never"
	// trustBoot: as long as the machine was not started again.
	trustBoot trust = "boot"
	// trustAlways: they were closed, and all of them are on the disk.
	trustAlways trust = "always"
)

// standing is what the file says. The zero standing trusts nothing.
type standing struct {
	generation uint64 // zero = none
	trust      trust
	boot       string // with trustBoot: the id of the start of the machine
}

// text returns the one form of a standing.
func (s standing) text() string {
	line := fmt.Sprintf("tollgate replica %d %d %s %s", replicaLayout, s.generation, s.trust, s.boot)
	return fmt.Sprintf("%s %08x\n", line, crc32.Checksum([]byte(line), castagnoli()))
}

// parseStanding reads what text wrote and nothing else.
func parseStanding(text string) (standing, error) {
	var s standing
	words := strings.Split(text, " ")
	if len(words) != 7 {
		return s, errStanding
	}
	if _, err := fmt.Sscanf(words[3], "%d", &s.generation); err != nil || s.generation == 0 {
		return standing{}, errStanding
	}
	switch s.trust, s.boot = trust(words[4]), words[5]; s.trust {
	case trustNever, trustBoot, trustAlways:
	default:
		return standing{}, errStanding
	}
	if s.text() != text {
		return standing{}, errStanding
	}
	return s, nil
}

// believes reports whether the files of the generation can be believed by who
// runs under a start of the machine. An empty id is that of no start.
func (s standing) believes(boot string) bool {
	switch s.trust {
	case trustAlways:
		return true
	case trustBoot:
		return boot != "" && s.boot == boot
	case trustNever:
		return false
	default:
		return false
	}
}

func loadStanding(dir string) (standing, error) {
	data, err := os.ReadFile(filepath.Join(dir, currentName)) //nolint:gosec // in the replica's own directory
	if err != nil {
		return standing{}, err
	}
	return parseStanding(string(data))
}

// save makes the standing durable, in place of the one before.
func (s standing) save(dir string) error {
	if err := replaceFile(filepath.Join(dir, currentName), s.text()); err != nil {
		return fmt.Errorf("save what is in force: %w", err)
	}
	return nil
}

// bootID returns what Linux calls this start of the machine, and nothing where
// that cannot be learnt. See proc_sys_kernel(5).
func bootID() string {
	data, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	id := strings.TrimSpace(string(data))
	if err != nil || strings.ContainsAny(id, " \n") {
		return ""
	}
	return id
}
