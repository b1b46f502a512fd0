package s3test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
)

// lacksOfRclone is what rclone has no means for.
var lacksOfRclone = excuse(excuse(excuse(map[check]string{
	checkKey(slashes): noFile,
	checkMissing:      "it says that a file is not found, whatever the server's code",
}, "it has no command for that", checkAbort, checkRange, checkConditional, checkPresignedPut, checkPost, checkBatchDelete, checkMetadata),
	"it does it by itself for large files, and has no command", checkMultipart),
	"the remote has no option for it", checkV2)

// rclone is the program of that name. Its remote is configured by variables.
type rclone struct {
	*session
	program
}

// rclone returns the program; the remote is called s3.
func (s *session) rclone(accessKey, secretKey, endpoint string, more ...string) program {
	env := environment(s.home, append([]string{
		"RCLONE_CONFIG=" + filepath.Join(s.home, "none"), "RCLONE_CA_CERT=" + s.relay.rootFile, "RCLONE_RETRIES=1", "RCLONE_LOW_LEVEL_RETRIES=1",
		"RCLONE_CONFIG_S3_TYPE=s3", "RCLONE_CONFIG_S3_PROVIDER=Other", "RCLONE_CONFIG_S3_ENDPOINT=" + endpoint, "RCLONE_CONFIG_S3_REGION=" + region,
		"RCLONE_CONFIG_S3_ACCESS_KEY_ID=" + accessKey, "RCLONE_CONFIG_S3_SECRET_ACCESS_KEY=" + secretKey,
		"RCLONE_CONFIG_S3_FORCE_PATH_STYLE=true", "RCLONE_CONFIG_S3_UPLOAD_CUTOFF=16Mi", "RCLONE_CONFIG_S3_CHUNK_SIZE=8Mi",
		"RCLONE_CONFIG_S3_LIST_CHUNK=" + fmt.Sprint(pageSize),
	}, more...)...)
	return program{name: "rclone", env: env, dir: s.home}
}

func runRclone(s *session) {
	r := &rclone{session: s, program: s.rclone(s.accessKey, s.secretKey, s.relay.url)}
	at := "s3:" + s.bucket
	s.check(checkBuckets, r.checkBuckets)
	s.folders(func(ctx context.Context, name string) error {
		_, err := r.run(ctx, "copy", s.material.path(name), at+"/"+name)
		return err
	}, func(ctx context.Context, name, dir string) error {
		if _, err := r.run(ctx, "check", "--download", s.material.path(name), at+"/"+name); err != nil {
			return err
		}
		_, err := r.run(ctx, "copy", at+"/"+name, dir)
		return err
	})
	s.check(checkCopy, r.checkCopy)
	if _, err := r.run(s.ctx, "copy", s.pageFolder(), at); err != nil {
		s.t.Fatal(err)
	}
	s.check(checkListV1, func(ctx context.Context) error { return r.checkList(ctx, "1") })
	s.check(checkListV2, func(ctx context.Context) error { return r.checkList(ctx, "2") })
	s.check(checkDelimiter, func(ctx context.Context) error {
		return r.list(ctx, r.program, append([]string{"page/sub/", "page/sub two/"}, pageKeys[:11]...), "--max-depth", "1")
	})
	s.check(checkPresignedGet, r.checkPresignedGet)
	s.check(checkTLS, r.checkTLS)
	s.check(checkSecret, func(ctx context.Context) error {
		return r.refused(ctx, "SignatureDoesNotMatch", s.accessKey, s.secretKey+"x")
	})
	s.check(checkAccessKey, func(ctx context.Context) error {
		return r.refused(ctx, "InvalidAccessKeyId", "0123456789abcdef0123456789abcdef", s.secretKey)
	})
}

func (r *rclone) checkBuckets(ctx context.Context) error {
	for _, bucket := range []string{r.bucket, r.spare} {
		if _, err := r.run(ctx, "mkdir", "s3:"+bucket); err != nil {
			return err
		}
	}
	before, err := r.run(ctx, "lsd", "s3:")
	if err := errors.Join(err, hasAll(before, r.bucket, r.spare)); err != nil {
		return err
	}
	if _, err := r.run(ctx, "rmdir", "s3:"+r.spare); err != nil {
		return err
	}
	after, err := r.run(ctx, "lsd", "s3:")
	if strings.Contains(after, r.spare) {
		return fmt.Errorf("a deleted bucket is listed: %s", after)
	}
	return errors.Join(err, hasAll(after, r.bucket))
}

func (r *rclone) checkCopy(ctx context.Context) error {
	at, back := "s3:"+r.bucket, filepath.Join(r.home, "copy-back")
	for from, to := range map[string]string{"odd/a b+c%20d": "copy/é a+b%2F d", "size/64MiB": "copy/64MiB"} {
		if _, err := r.run(ctx, "copyto", at+"/"+from, at+"/"+to); err != nil {
			return err
		}
		if _, err := r.run(ctx, "copyto", "--ignore-times", at+"/"+to, back); err != nil {
			return err
		}
		if err := r.material.compareFile(from, back); err != nil {
			return err
		}
	}
	return nil
}

// list wants the list below page/ to have names; those of directories end in /.
func (r *rclone) list(ctx context.Context, by program, want []string, more ...string) error {
	out, err := by.run(ctx, append([]string{"lsjson", "s3:" + r.bucket + "/page"}, more...)...)
	if err != nil {
		return err
	}
	var found []struct {
		Path  string
		IsDir bool
	}
	if err := json.Unmarshal([]byte(out), &found); err != nil {
		return err
	}
	var got []string
	for _, f := range found {
		name := "page/" + f.Path
		if f.IsDir {
			name += "/"
		}
		got = append(got, name)
	}
	return sameSet(got, want)
}

func (r *rclone) checkList(ctx context.Context, version string) error {
	by := r.rclone(r.accessKey, r.secretKey, r.relay.url, "RCLONE_CONFIG_S3_LIST_VERSION="+version)
	return r.list(ctx, by, pageKeys, "--recursive", "--fast-list", "--files-only")
}

func (r *rclone) checkPresignedGet(ctx context.Context) error {
	url, err := r.run(ctx, "link", "--expire", "10m", "s3:"+r.bucket+"/odd/a b+c%20d")
	if err != nil {
		return err
	}
	return getPresigned(ctx, r.plainClient(), strings.TrimSpace(url), "a b+c%20d")
}

func (r *rclone) checkTLS(ctx context.Context) error {
	over, dir := r.rclone(r.accessKey, r.secretKey, r.relay.secure), r.folder("over TLS")
	if _, err := over.run(ctx, "sync", r.material.path("size"), "s3:"+r.bucket+"/tls"); err != nil {
		return err
	}
	if _, err := over.run(ctx, "sync", "s3:"+r.bucket+"/tls", dir); err != nil {
		return err
	}
	return r.sameSizes(dir)
}

func (r *rclone) refused(ctx context.Context, code, accessKey, secretKey string) error {
	other, at := r.rclone(accessKey, secretKey, r.relay.url), "s3:"+r.bucket
	if err := errors.Join(
		other.fails(ctx, code, "lsjson", at),
		other.fails(ctx, "403", "copyto", r.material.path("size/1B"), at+"/refused"), // of HEAD, which has no code
	); err != nil {
		return err
	}
	out, err := r.run(ctx, "lsf", at)
	if strings.Contains(out, "refused") {
		return fmt.Errorf("what was refused is stored: %s", out)
	}
	return err
}
