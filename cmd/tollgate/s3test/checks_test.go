package s3test

import (
	"context"
	"fmt"
	"slices"
	"testing"
)

// check is one thing that a client must be able to do. Each client reports each
// check of the list or says in its row why it has none.
type check string

// The checks beside those of sizes and of keys.
const (
	checkBuckets      check = "buckets are made, found, listed and deleted"
	checkMultipart    check = "a multipart upload that the program steers"
	checkAbort        check = "a multipart upload that is given up leaves nothing"
	checkRange        check = "a range"
	checkCopy         check = "a copy inside the storage"
	checkListV1       check = "list, version 1, in pages"
	checkListV2       check = "list, version 2, in pages"
	checkDelimiter    check = "list below a prefix with a delimiter"
	checkBatchDelete  check = "a batch is deleted, and nothing else"
	checkMetadata     check = "content type and metadata"
	checkConditional  check = "a conditional GET"
	checkMissing      check = "a missing key is NoSuchKey"
	checkPresignedGet check = "a presigned GET"
	checkPresignedPut check = "a presigned PUT"
	checkPost         check = "a form upload with a signed policy"
	checkTLS          check = "large and small objects over TLS"
	checkV2           check = "Signature Version 2"
	checkSecret       check = "a wrong secret key is SignatureDoesNotMatch"
	checkAccessKey    check = "an unknown access key is InvalidAccessKeyId"
	checkStored       check = "the server has the keys and bytes that were sent"
)

// The checks of restic, which has a repository of its own and no objects.
const (
	checkResticInit    check = "init"
	checkResticBackup  check = "two backups"
	checkResticCheck   check = "check --read-data"
	checkResticRestore check = "restore of both"
	checkResticPrune   check = "forget --prune, then check"
)

func checkSize(name string) check { return check("put and get " + name) }
func checkKey(name string) check  { return check("key " + name) }

// allChecks returns what is checked with every client that can do it.
func allChecks() []check {
	all := []check{
		checkBuckets, checkMultipart, checkAbort, checkRange, checkCopy, checkListV1, checkListV2, checkDelimiter, checkBatchDelete, checkMetadata,
		checkConditional, checkMissing, checkPresignedGet, checkPresignedPut, checkPost, checkTLS, checkV2, checkSecret, checkAccessKey, checkStored,
	}
	for _, s := range sizes {
		all = append(all, checkSize(s.name))
	}
	for _, key := range oddKeys {
		all = append(all, checkKey(key))
	}
	return all
}

// limit says that a check must fail and why: something that the storage cannot
// do, with or without a gateway. Empty fields stand for all. A limit that no
// longer holds fails the test, unless it is one that shows itself by chance.
type limit struct {
	server, target, client string
	check                  check
	byChance               bool
	reason                 string
}

// limits is what was seen when the programs spoke to the servers directly.
var limits = []limit{
	{server: "versitygw", check: checkKey(slashes), reason: "keys are paths below a directory: it is stored as a/b"},
	{server: "minio", check: checkKey(slashes), reason: "it refuses such a name: XMinioInvalidObjectName"},
	{server: "versitygw", target: targetDirect, check: checkV2, reason: "it knows Signature Version 4 alone"},
	{server: "versitygw", target: targetDirect, client: "minio-go-trailers", check: checkSize("64MiB"), byChance: true,
		reason: "its reader of signed chunks with a trailer finds another CRC32C than the client, whose sum is right; it depends on where reads end"},
}

// find returns the limit that a check of a client meets, or nil.
func find(client string, c check) *limit {
	meets := func(own, is string) bool { return own == "" || own == is }
	i := slices.IndexFunc(limits, func(l limit) bool {
		return l.check == c && meets(l.server, given.server) && meets(l.target, given.target) && meets(l.client, client)
	})
	if i < 0 {
		return nil
	}
	return &limits[i]
}

// session is one client's use of the target.
type session struct {
	t         *testing.T
	ctx       context.Context // bounds all of it
	client    string          // name of the client
	relay     *relay          // in front of the target
	server    string          // http URL of the server behind, the same where there is no gateway
	accessKey string
	secretKey string
	bucket    string // made by the client
	spare     string // another, which it makes and deletes
	home      string // a directory of its own
	material  *material
	reported  map[check]bool
}

// check runs one check as a test of its own and reports it.
func (s *session) check(c check, run func(context.Context) error) {
	s.reported[c] = true
	s.t.Run(string(c), func(t *testing.T) {
		err := run(s.ctx)
		switch met := find(s.client, c); {
		case met != nil && err == nil && !met.byChance:
			t.Errorf("works now; the limit can go: %s", met.reason)
		case met != nil && err != nil:
			t.Logf("does not work, as is known: %s: %v", met.reason, err)
		case err != nil:
			t.Error(err)
		}
	})
}

// settle wants each check to be either reported or excused.
func (s *session) settle(checks []check, lacks map[check]string) {
	s.t.Helper()
	for _, c := range checks {
		if reason := lacks[c]; s.reported[c] == (reason != "") {
			s.t.Errorf("%s: reported: %t, excused: %q; want one of both", c, s.reported[c], reason)
		}
	}
	for c := range s.reported {
		if !slices.Contains(checks, c) {
			s.t.Errorf("%q is no check of %s", c, s.client)
		}
	}
	for c := range lacks {
		if !slices.Contains(checks, c) {
			s.t.Errorf("%q is excused but no check of %s", c, s.client)
		}
	}
}

// excuse gives several checks one reason.
func excuse(lacks map[check]string, reason string, checks ...check) map[check]string {
	for _, c := range checks {
		if lacks[c] != "" {
			panic(fmt.Sprintf("%s has two excuses", c))
		}
		lacks[c] = reason
	}
	return lacks
}
