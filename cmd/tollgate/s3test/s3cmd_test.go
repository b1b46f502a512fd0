package s3test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
)

// lacksOfS3cmd is what s3cmd has no means for.
var lacksOfS3cmd = excuse(excuse(map[check]string{
	checkKey(slashes): noFile,
	checkPresignedGet: "its signurl signs with version 2 alone, which is checked there",
}, "it has no command for that", checkAbort, checkRange, checkConditional, checkPresignedPut, checkPost, checkListV2),
	"it does it by itself for large files, and has no command", checkMultipart)

// s3cmd is the program of that name.
type s3cmd struct {
	*session
	program
}

// s3cmd returns the program with a configuration of its own.
func (s *session) s3cmd(accessKey, secretKey, more string) program {
	host := strings.TrimPrefix(s.relay.url, "http://")
	config := "[default]\naccess_key = " + accessKey + "\nsecret_key = " + secretKey + "\nhost_base = " + host + "\nhost_bucket = " + host + "\n" +
		"bucket_location = " + region + "\nuse_https = False\nmax_retries = 1\n" + more
	path := s.file("s3cfg-"+sum([]byte(config))[:8], config)
	return program{name: "s3cmd", always: []string{"--config", path, "--no-progress"}, dir: s.home, env: environment(s.home)}
}

func runS3cmd(s *session) {
	c := &s3cmd{session: s, program: s.s3cmd(s.accessKey, s.secretKey, "")}
	url := "s3://" + s.bucket
	s.check(checkBuckets, c.checkBuckets)
	s.folders(func(ctx context.Context, name string) error {
		_, err := c.run(ctx, "put", "--recursive", s.material.path(name)+"/", url+"/"+name+"/")
		return err
	}, func(ctx context.Context, name, dir string) error {
		_, err := c.run(ctx, "get", "--recursive", url+"/"+name+"/", dir+"/")
		return err
	})
	s.check(checkCopy, c.checkCopy)
	if _, err := c.run(s.ctx, "sync", s.pageFolder()+"/", url+"/"); err != nil {
		s.t.Fatal(err)
	}
	s.check(checkListV1, func(ctx context.Context) error { return c.list(ctx, pageKeys, nil, "--recursive") })
	s.check(checkDelimiter, func(ctx context.Context) error {
		return c.list(ctx, pageKeys[:11], []string{"page/sub/", "page/sub two/"})
	})
	s.check(checkBatchDelete, func(ctx context.Context) error {
		if _, err := c.run(ctx, "del", "--recursive", "--force", url+"/page/sub"); err != nil { // a prefix of two "folders"
			return err
		}
		return c.list(ctx, pageKeys[:11], nil, "--recursive")
	})
	s.check(checkMetadata, c.checkMetadata)
	s.check(checkMissing, func(ctx context.Context) error { // of HEAD, which has no code
		return c.fails(ctx, "404", "info", url+"/missing")
	})
	s.check(checkTLS, c.checkTLS)
	s.check(checkV2, c.checkV2)
	s.check(checkSecret, func(ctx context.Context) error {
		return c.refused(ctx, "SignatureDoesNotMatch", s.accessKey, s.secretKey+"x")
	})
	s.check(checkAccessKey, func(ctx context.Context) error {
		return c.refused(ctx, "InvalidAccessKeyId", "0123456789abcdef0123456789abcdef", s.secretKey)
	})
}

func (c *s3cmd) checkBuckets(ctx context.Context) error {
	if _, err := c.run(ctx, "mb", "s3://"+c.bucket, "s3://"+c.spare); err != nil {
		return err
	}
	before, err := c.run(ctx, "ls")
	if err := errors.Join(err, hasAll(before, c.bucket, c.spare)); err != nil {
		return err
	}
	if _, err := c.run(ctx, "rb", "s3://"+c.spare); err != nil {
		return err
	}
	after, err := c.run(ctx, "ls")
	if strings.Contains(after, c.spare) {
		return fmt.Errorf("a deleted bucket is listed: %s", after)
	}
	return errors.Join(err, hasAll(after, c.bucket))
}

func (c *s3cmd) checkCopy(ctx context.Context) error {
	url, back := "s3://"+c.bucket, filepath.Join(c.home, "copy-back")
	for from, to := range map[string]string{"odd/a b+c%20d": "copy/é a+b%2F d", "size/64MiB": "copy/64MiB"} {
		if _, err := c.run(ctx, "cp", url+"/"+from, url+"/"+to); err != nil {
			return err
		}
		if _, err := c.run(ctx, "get", "--force", url+"/"+to, back); err != nil {
			return err
		}
		if err := c.material.compareFile(from, back); err != nil {
			return err
		}
	}
	return nil
}

// list wants the list below page/ to have keys and common prefixes.
func (c *s3cmd) list(ctx context.Context, keys, prefixes []string, more ...string) error {
	out, err := c.run(ctx, append([]string{"ls", "s3://" + c.bucket + "/page/"}, more...)...)
	var gotKeys, gotPrefixes []string
	for line := range strings.Lines(out) {
		about, key, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "s3://"+c.bucket+"/")
		if strings.HasSuffix(strings.TrimSpace(about), "DIR") {
			gotPrefixes = append(gotPrefixes, key)
		} else {
			gotKeys = append(gotKeys, key)
		}
	}
	return errors.Join(err, sameSet(gotKeys, keys), sameSet(gotPrefixes, prefixes))
}

func (c *s3cmd) checkMetadata(ctx context.Context) error {
	if _, err := c.run(ctx, "put", "--mime-type", "text/x-odd", "--add-header", "x-amz-meta-note: a comma, a=b; c",
		c.material.path("size/1B"), "s3://"+c.bucket+"/metadata"); err != nil {
		return err
	}
	out, err := c.run(ctx, "info", "s3://"+c.bucket+"/metadata")
	return errors.Join(err, hasAll(out, "text/x-odd", "a comma, a=b; c"))
}

func (c *s3cmd) checkTLS(ctx context.Context) error {
	host := strings.TrimPrefix(c.relay.secure, "https://")
	over := c.s3cmd(c.accessKey, c.secretKey, "")
	over.always = append(over.always, "--ssl", "--ca-certs", c.relay.rootFile, "--host", host, "--host-bucket", host)
	dir := c.folder("over TLS")
	if _, err := over.run(ctx, "sync", c.material.path("size")+"/", "s3://"+c.bucket+"/tls/"); err != nil {
		return err
	}
	if _, err := over.run(ctx, "sync", "s3://"+c.bucket+"/tls/", dir+"/"); err != nil {
		return err
	}
	return c.sameSizes(dir)
}

func (c *s3cmd) checkV2(ctx context.Context) error {
	old, back := c.s3cmd(c.accessKey, c.secretKey, "signature_v2 = True\n"), filepath.Join(c.home, "v2-back")
	url := "s3://" + c.bucket + "/version 2+"
	if _, err := old.run(ctx, "put", c.material.path("odd/a b+c%20d"), url); err != nil {
		return err
	}
	if _, err := old.run(ctx, "get", "--force", url, back); err != nil {
		return err
	}
	if err := c.material.compareFile("odd/a b+c%20d", back); err != nil {
		return err
	}
	signed, err := old.run(ctx, "signurl", url, "+600")
	if err != nil {
		return err
	}
	return getPresigned(ctx, c.plainClient(), strings.TrimSpace(signed), "a b+c%20d")
}

func (c *s3cmd) refused(ctx context.Context, code, accessKey, secretKey string) error {
	other, url := c.s3cmd(accessKey, secretKey, ""), "s3://"+c.bucket
	return errors.Join(
		other.fails(ctx, code, "ls", url),
		other.fails(ctx, code, "put", c.material.path("size/1B"), url+"/refused"),
		c.fails(ctx, "404", "info", url+"/refused"))
}
