package s3test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

var resticChecks = []check{checkResticInit, checkResticBackup, checkResticCheck, checkResticRestore, checkResticPrune, checkSecret, checkAccessKey}

// restic is the program of that name, whose repository is a bucket.
type restic struct {
	*session
	program
}

// restic returns the program with a cache of its own.
func (s *session) restic(accessKey, secretKey string) program {
	return program{name: "restic", always: []string{"-o", "s3.bucket-lookup=path", "-r", "s3:" + s.relay.url + "/" + s.bucket + "/repository"}, dir: s.home,
		env: environment(s.home, "AWS_ACCESS_KEY_ID="+accessKey, "AWS_SECRET_ACCESS_KEY="+secretKey, "RESTIC_PASSWORD=test",
			"RESTIC_CACHE_DIR="+filepath.Join(s.home, "cache"))}
}

func runRestic(s *session) {
	r := &restic{session: s, program: s.restic(s.accessKey, s.secretKey)}
	run := func(args ...string) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := r.run(ctx, args...)
			return err
		}
	}
	s.check(checkResticInit, run("init")) // makes the bucket too
	s.check(checkResticBackup, func(ctx context.Context) error {
		return errors.Join(run("backup", "--tag", "first", s.material.dir)(ctx), run("backup", "--tag", "second", s.material.path("odd"))(ctx))
	})
	s.check(checkResticCheck, run("check", "--read-data"))
	s.check(checkResticRestore, func(ctx context.Context) error {
		return errors.Join(r.restore(ctx, "first", "size", "odd"), r.restore(ctx, "second", "odd"))
	})
	s.check(checkResticPrune, func(ctx context.Context) error {
		if err := run("forget", "--prune", "--group-by", "", "--keep-last", "1")(ctx); err != nil {
			return err
		}
		left, err := r.run(ctx, "snapshots", "--json")
		if err != nil || strings.Contains(left, `"first"`) || !strings.Contains(left, `"second"`) {
			return fmt.Errorf("left: %s, %v", left, err)
		}
		return errors.Join(run("check", "--read-data")(ctx), r.restore(ctx, "second", "odd"))
	})
	for c, keys := range map[check][2]string{
		checkSecret:    {s.accessKey, s.secretKey + "x"},
		checkAccessKey: {"0123456789abcdef0123456789abcdef", s.secretKey},
	} {
		s.check(c, func(ctx context.Context) error {
			// It says only what the server's message says, and tries again for long.
			bounded, cancel := context.WithTimeout(ctx, patience)
			defer cancel()
			other := s.restic(keys[0], keys[1])
			if out, err := other.run(bounded, "snapshots", "--no-lock"); err == nil {
				return fmt.Errorf("it succeeds: %s", out)
			}
			return nil
		})
	}
}

// restore wants a snapshot to have the files of folders of the material, and no
// others.
func (r *restic) restore(ctx context.Context, tag string, folders ...string) error {
	target := filepath.Join(r.home, "restored", tag)
	if err := os.RemoveAll(target); err != nil {
		return err
	}
	if _, err := r.run(ctx, "restore", "latest", "--tag", tag, "--target", target); err != nil {
		return err
	}
	restored := filepath.Join(target, r.material.dir)
	var problems []error
	for key := range r.material.sums {
		top, rest, _ := strings.Cut(key, "/")
		wanted := strings.Join(folders, " ")
		if strings.Contains(rest, "//") || !strings.Contains(wanted, top) {
			continue
		}
		problems = append(problems, r.material.compareFile(key, filepath.Join(restored, key)))
	}
	entries, err := os.ReadDir(restored)
	if err != nil || len(entries) != len(folders) {
		problems = append(problems, fmt.Errorf("restored are %v, %v; want %q", entries, err, folders))
	}
	return errors.Join(problems...)
}
