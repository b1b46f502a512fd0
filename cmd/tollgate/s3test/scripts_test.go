package s3test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
)

// lacksOfJS is what the AWS SDK for JavaScript has no means for.
var lacksOfJS = map[check]string{checkV2: "it signs with version 4 alone"}

// The scripts of clients/ get the names of checks by these.
var scriptChecks = map[string]check{
	"buckets": checkBuckets, "multipart": checkMultipart, "abort": checkAbort, "range": checkRange, "copy": checkCopy, "list_v1": checkListV1,
	"list_v2": checkListV2, "delimiter": checkDelimiter, "batch_delete": checkBatchDelete, "metadata": checkMetadata, "conditional": checkConditional,
	"missing": checkMissing, "presigned_get": checkPresignedGet, "presigned_put": checkPresignedPut, "post": checkPost, "tls": checkTLS, "v2": checkV2,
	"secret": checkSecret, "access_key": checkAccessKey,
}

func runBoto3(s *session) { s.script("python3", nil, "clients/boto3_client.py") }

func runNode(s *session) {
	s.script("node", []string{"NODE_PATH=" + given.nodeModules, "NODE_EXTRA_CA_CERTS=" + s.relay.rootFile}, "clients/client.cjs")
}

// script runs a script that does all checks and reports them by itself.
func (s *session) script(interpreter string, env []string, path string) {
	s.t.Helper()
	absolute, err := filepath.Abs(path)
	if err != nil {
		s.t.Fatal(err)
	}
	names := make([]string, len(sizes))
	for i, size := range sizes {
		names[i] = size.name
	}
	described, err := json.Marshal(map[string]any{
		"endpoint": s.relay.url, "secure": s.relay.secure, "root_file": s.relay.rootFile, "region": region,
		"access_key": s.accessKey, "secret_key": s.secretKey, "bucket": s.bucket, "spare": s.spare,
		"home": s.home, "dir": s.material.dir, "sums": s.material.sums, "sizes": names, "odd_keys": oddKeys,
		"page_keys": pageKeys, "page_size": pageSize, "presigned_key": presignedKey, "checks": scriptChecks,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	run := program{name: interpreter, env: environment(s.home, append(env, "S3TEST="+string(described))...), dir: s.home}
	out, failed := run.run(s.ctx, absolute)
	for line := range strings.Lines(out) {
		var report struct{ Check, Error string }
		if err := json.Unmarshal([]byte(line), &report); err != nil {
			s.t.Errorf("not a report: %s", line)
			continue
		}
		s.check(check(report.Check), func(context.Context) error {
			if report.Error != "" {
				return errors.New(report.Error)
			}
			return nil
		})
	}
	if failed != nil {
		s.t.Errorf("the script broke off: %s", strings.ReplaceAll(failed.Error(), string(described), "..."))
	}
}

// file writes a file into the directory of the session.
func (s *session) file(name, content string) string {
	s.t.Helper()
	path := filepath.Join(s.home, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return path
}
