package s3test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// lacksOfAWS is what the aws command has no means for.
var lacksOfAWS = excuse(map[check]string{
	checkV2: "it is tried with boto3, which has the same signer",
}, "the command presigns GET alone", checkPresignedPut, checkPost)

// awsCLI is the aws command, version 1: botocore signs.
type awsCLI struct {
	*session
	program
}

func runAWS(s *session) {
	a := &awsCLI{session: s, program: s.aws(s.accessKey, s.secretKey, s.relay.url)}
	url := "s3://" + s.bucket
	s.check(checkBuckets, a.checkBuckets)
	s.folders(func(ctx context.Context, name string) error {
		_, err := a.run(ctx, "s3", "cp", "--recursive", "--no-progress", s.material.path(name), url+"/"+name)
		return err
	}, func(ctx context.Context, name, dir string) error {
		_, err := a.run(ctx, "s3", "cp", "--recursive", "--no-progress", url+"/"+name, dir)
		return err
	})
	s.check(checkKey(slashes), a.checkSlashes)
	s.check(checkMultipart, a.checkMultipart)
	s.check(checkAbort, a.checkAbort)
	s.check(checkRange, a.checkRange)
	s.check(checkCopy, a.checkCopy)
	if _, err := a.run(s.ctx, "s3", "cp", "--recursive", "--no-progress", s.pageFolder(), url); err != nil {
		s.t.Fatal(err)
	}
	s.check(checkListV1, func(ctx context.Context) error { return a.checkList(ctx, "list-objects") })
	s.check(checkListV2, func(ctx context.Context) error { return a.checkList(ctx, "list-objects-v2") })
	s.check(checkDelimiter, a.checkDelimiter)
	s.check(checkBatchDelete, a.checkBatchDelete)
	s.check(checkMetadata, a.checkMetadata)
	s.check(checkConditional, a.checkConditional)
	s.check(checkMissing, func(ctx context.Context) error {
		return a.fails(ctx, "(NoSuchKey)", a.object("get-object", "missing", filepath.Join(s.home, "none"))...)
	})
	s.check(checkPresignedGet, a.checkPresignedGet)
	s.check(checkTLS, a.checkTLS)
	s.check(checkSecret, func(ctx context.Context) error {
		return a.refused(ctx, "(SignatureDoesNotMatch)", s.accessKey, s.secretKey+"x")
	})
	s.check(checkAccessKey, func(ctx context.Context) error {
		return a.refused(ctx, "(InvalidAccessKeyId)", "0123456789abcdef0123456789abcdef", s.secretKey)
	})
}

// aws returns the command with a configuration of its own.
func (s *session) aws(accessKey, secretKey, endpoint string) program {
	config := s.file("aws-config", "[default]\nregion = "+region+"\ns3 =\n    addressing_style = path\n    signature_version = s3v4\n")
	return program{name: "aws", always: []string{"--endpoint-url", endpoint}, dir: s.home, env: environment(s.home,
		"AWS_ACCESS_KEY_ID="+accessKey, "AWS_SECRET_ACCESS_KEY="+secretKey, "AWS_CA_BUNDLE="+s.relay.rootFile, "AWS_CONFIG_FILE="+config,
		"AWS_SHARED_CREDENTIALS_FILE="+filepath.Join(s.home, "none"), "AWS_MAX_ATTEMPTS=1", "AWS_PAGER=")}
}

// object returns the arguments of an s3api command for a key.
func (a *awsCLI) object(command, key string, more ...string) []string {
	return append([]string{"s3api", command, "--bucket", a.bucket, "--key", key}, more...)
}

// query runs an s3api command and reads its JSON.
func (a *awsCLI) query(ctx context.Context, into any, args ...string) error {
	out, err := a.run(ctx, append(args, "--output", "json")...)
	if err != nil || strings.TrimSpace(out) == "" {
		return err
	}
	return json.Unmarshal([]byte(out), into)
}

func (a *awsCLI) checkBuckets(ctx context.Context) error {
	for _, bucket := range []string{a.bucket, a.spare} {
		if _, err := a.run(ctx, "s3", "mb", "s3://"+bucket); err != nil {
			return err
		}
	}
	before, err := a.run(ctx, "s3", "ls") // each start of the command takes most of a second
	if err := errors.Join(err, hasAll(before, a.bucket, a.spare)); err != nil {
		return err
	}
	if _, err := a.run(ctx, "s3", "rb", "s3://"+a.spare); err != nil {
		return err
	}
	after, err := a.run(ctx, "s3", "ls")
	if strings.Contains(after, a.spare) {
		return fmt.Errorf("a deleted bucket is listed: %s", after)
	}
	return errors.Join(err, hasAll(after, a.bucket))
}

func (a *awsCLI) checkSlashes(ctx context.Context) error {
	body, back := a.file("slashes", slashes), filepath.Join(a.home, "slashes-back")
	if _, err := a.run(ctx, a.object("put-object", "odd/"+slashes, "--body", body)...); err != nil {
		return err
	}
	if _, err := a.run(ctx, a.object("get-object", "odd/"+slashes, back)...); err != nil {
		return err
	}
	if err := a.material.compareFile("odd/"+slashes, back); err != nil {
		return err
	}
	keys, _, err := a.list(ctx, "list-objects-v2", "--prefix", "odd/a/")
	return errors.Join(err, sameSet(keys, []string{"odd/" + slashes}))
}

func (a *awsCLI) checkMultipart(ctx context.Context) error {
	whole, err := a.material.read("size/5MiB+1")
	if err != nil {
		return err
	}
	const key = "multi part+"
	var made struct{ UploadID string }
	if err := a.query(ctx, &made, a.object("create-multipart-upload", key)...); err != nil {
		return err
	}
	type part struct {
		ETag       string
		PartNumber int
	}
	var done struct{ Parts []part }
	for i, content := range [][]byte{whole[:partSize], whole[partSize:]} {
		p := part{PartNumber: i + 1}
		if err := a.query(ctx, &p, a.object("upload-part", key, "--upload-id", made.UploadID, "--part-number", fmt.Sprint(i+1),
			"--body", a.file("part", string(content)))...); err != nil {
			return err
		}
		done.Parts = append(done.Parts, p)
	}
	parts, err := json.Marshal(done)
	if err != nil {
		return err
	}
	if _, err := a.run(ctx, a.object("complete-multipart-upload", key, "--upload-id", made.UploadID, "--multipart-upload", string(parts))...); err != nil {
		return err
	}
	back := filepath.Join(a.home, "multipart-back")
	if _, err := a.run(ctx, a.object("get-object", key, back)...); err != nil {
		return err
	}
	return a.material.compareFile("size/5MiB+1", back)
}

func (a *awsCLI) checkAbort(ctx context.Context) error {
	const key = "given up"
	var made struct{ UploadID string }
	if err := a.query(ctx, &made, a.object("create-multipart-upload", key)...); err != nil {
		return err
	}
	if _, err := a.run(ctx, a.object("abort-multipart-upload", key, "--upload-id", made.UploadID)...); err != nil {
		return err
	}
	var left struct{ Uploads []struct{ Key string } }
	if err := a.query(ctx, &left, "s3api", "list-multipart-uploads", "--bucket", a.bucket); err != nil || len(left.Uploads) != 0 {
		return fmt.Errorf("left: %+v, %v", left, err)
	}
	return nil
}

func (a *awsCLI) checkRange(ctx context.Context) error {
	back := filepath.Join(a.home, "range-back")
	if _, err := a.run(ctx, a.object("get-object", "size/5MiB", "--range", "bytes=1000-1999", back)...); err != nil {
		return err
	}
	whole, err := a.material.read("size/5MiB")
	if err != nil {
		return err
	}
	got, err := os.ReadFile(back)
	if err != nil || !slices.Equal(got, whole[1000:2000]) {
		return fmt.Errorf("got %d bytes, %v", len(got), err)
	}
	return nil
}

func (a *awsCLI) checkCopy(ctx context.Context) error {
	url, back := "s3://"+a.bucket, a.folder("copy-back")
	// The large one is copied in parts.
	copies := map[string]string{"odd/a b+c%20d": "copy/é a+b%2F d", "size/64MiB": "copy/64MiB"}
	for from, to := range copies {
		if _, err := a.run(ctx, "s3", "cp", "--no-progress", url+"/"+from, url+"/"+to); err != nil {
			return err
		}
	}
	if _, err := a.run(ctx, "s3", "cp", "--no-progress", "--recursive", url+"/copy", filepath.Join(back, "copy")); err != nil {
		return err
	}
	for from, to := range copies {
		if err := a.material.compareFile(from, filepath.Join(back, to)); err != nil {
			return err
		}
	}
	return nil
}

// list returns keys and common prefixes of all pages.
func (a *awsCLI) list(ctx context.Context, command string, more ...string) (keys, prefixes []string, err error) {
	var found struct {
		Contents       []struct{ Key string }
		CommonPrefixes []struct{ Prefix string }
	}
	err = a.query(ctx, &found, append([]string{"s3api", command, "--bucket", a.bucket, "--page-size", fmt.Sprint(pageSize)}, more...)...)
	for _, o := range found.Contents {
		keys = append(keys, o.Key)
	}
	for _, p := range found.CommonPrefixes {
		prefixes = append(prefixes, p.Prefix)
	}
	return keys, prefixes, err
}

func (a *awsCLI) checkList(ctx context.Context, command string) error {
	keys, prefixes, err := a.list(ctx, command, "--prefix", "page/")
	return errors.Join(err, sameSet(keys, pageKeys), sameSet(prefixes, nil))
}

func (a *awsCLI) checkDelimiter(ctx context.Context) error {
	keys, prefixes, err := a.list(ctx, "list-objects-v2", "--prefix", "page/", "--delimiter", "/")
	return errors.Join(err, sameSet(keys, pageKeys[:11]), sameSet(prefixes, []string{"page/sub/", "page/sub two/"}))
}

func (a *awsCLI) checkBatchDelete(ctx context.Context) error {
	type object struct{ Key string }
	var all struct{ Objects []object }
	for _, key := range pageKeys[5:] {
		all.Objects = append(all.Objects, object{key})
	}
	keys, err := json.Marshal(all)
	if err != nil {
		return err
	}
	if _, err := a.run(ctx, "s3api", "delete-objects", "--bucket", a.bucket, "--delete", string(keys)); err != nil {
		return err
	}
	left, _, err := a.list(ctx, "list-objects-v2", "--prefix", "page/")
	return errors.Join(err, sameSet(left, pageKeys[:5]))
}

func (a *awsCLI) checkMetadata(ctx context.Context) error {
	if _, err := a.run(ctx, "s3", "cp", "--no-progress", a.material.path("size/1B"), "s3://"+a.bucket+"/metadata",
		"--content-type", "text/x-odd; charset=utf-8", "--metadata", `{"note": "two  spaces, a comma; a=b"}`); err != nil {
		return err
	}
	var got struct {
		ContentType string
		Metadata    map[string]string
	}
	err := a.query(ctx, &got, a.object("head-object", "metadata")...)
	if got.ContentType != "text/x-odd; charset=utf-8" || got.Metadata["note"] != "two  spaces, a comma; a=b" {
		return fmt.Errorf("got %+v, %v", got, err)
	}
	return err
}

func (a *awsCLI) checkConditional(ctx context.Context) error {
	var got struct{ ETag string }
	if err := a.query(ctx, &got, a.object("head-object", "size/1B")...); err != nil || got.ETag == "" {
		return fmt.Errorf("ETag %q, %v", got.ETag, err)
	}
	return a.fails(ctx, "(304)", a.object("get-object", "size/1B", "--if-none-match", got.ETag, filepath.Join(a.home, "none"))...)
}

func (a *awsCLI) checkPresignedGet(ctx context.Context) error {
	url, err := a.run(ctx, "s3", "presign", "--expires-in", "600", "s3://"+a.bucket+"/odd/a b+c%20d")
	if err != nil {
		return err
	}
	return getPresigned(ctx, a.plainClient(), strings.TrimSpace(url), "a b+c%20d")
}

func (a *awsCLI) checkTLS(ctx context.Context) error {
	over, dir := a.aws(a.accessKey, a.secretKey, a.relay.secure), a.folder("over TLS")
	if _, err := over.run(ctx, "s3", "sync", "--no-progress", a.material.path("size"), "s3://"+a.bucket+"/tls"); err != nil {
		return err
	}
	if _, err := over.run(ctx, "s3", "sync", "--no-progress", "s3://"+a.bucket+"/tls", dir); err != nil {
		return err
	}
	return a.sameSizes(dir)
}

// sameSizes wants a folder to have the files of all sizes.
func (s *session) sameSizes(dir string) error {
	for _, size := range sizes {
		if err := s.material.compareFile("size/"+size.name, filepath.Join(dir, size.name)); err != nil {
			return err
		}
	}
	return nil
}

func (a *awsCLI) refused(ctx context.Context, code, accessKey, secretKey string) error {
	other := a.aws(accessKey, secretKey, a.relay.url)
	return errors.Join(
		other.fails(ctx, code, a.object("put-object", "refused", "--body", a.material.path("size/1B"))...),
		a.fails(ctx, "(404)", a.object("head-object", "refused")...))
}
