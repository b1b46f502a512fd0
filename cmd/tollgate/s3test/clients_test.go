package s3test

import (
	"context"
	"flag"
	"os/exec"
	"strings"
	"testing"
)

// client is a program or a library that speaks S3.
type client struct {
	name    string
	version []string         // command that prints its version; nil = it is in go.mod
	checks  []check          // nil = all
	lacks   map[check]string // those of the checks that it has no means for, and why
	run     func(*session)
}

// clients are all of them.
func clients() []client {
	return []client{
		{name: "aws-sdk-go-v2", lacks: lacksOfSDK, run: func(s *session) { libraryChecks(s, openSDK) }},
		{name: "minio-go", lacks: map[check]string{}, run: func(s *session) { libraryChecks(s, openMinio) }},
		{name: "minio-go-trailers", lacks: map[check]string{}, run: func(s *session) { libraryChecks(s, openMinioTrailers) }},
		{name: "boto3", version: []string{"python3", "-c", "import boto3, sys; print('boto3', boto3.__version__, 'python', sys.version)"}, lacks: map[check]string{}, run: runBoto3},
		{name: "aws-sdk-js", version: []string{"node", "--version"}, lacks: lacksOfJS, run: runNode},
		{name: "aws", version: []string{"aws", "--version"}, lacks: lacksOfAWS, run: runAWS},
		{name: "s3cmd", version: []string{"s3cmd", "--version"}, lacks: lacksOfS3cmd, run: runS3cmd},
		{name: "rclone", version: []string{"rclone", "version"}, lacks: lacksOfRclone, run: runRclone},
		{name: "restic", version: []string{"restic", "version"}, checks: resticChecks, run: runRestic},
	}
}

func TestClientsRoundTrip(t *testing.T) {
	server := startServer(t)
	target := server
	if given.target == targetGateway {
		target = startGateway(t, server)
	}
	front := startRelay(t, hostOf(t, target))
	sent := makeMaterial(t)
	t.Run("of", func(t *testing.T) { // returns when all have ended
		for _, c := range clients() {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				printVersion(t, c.version)
				ctx, cancel := context.WithTimeout(t.Context(), clientTime)
				defer cancel()
				s := &session{
					t: t, ctx: ctx, client: c.name, relay: front, server: server, accessKey: rootKey, secretKey: rootSecret,
					bucket: "bucket-of-" + c.name, spare: "spare-of-" + c.name, home: t.TempDir(), material: sent, reported: map[check]bool{},
				}
				if given.target == targetGateway {
					s.secretKey = "secret+of/the=client " + c.name
					s.accessKey = issueKeyPair(t, front.url, s.secretKey)
				}
				c.run(s)
				if c.checks == nil {
					c.checks = allChecks()
					s.check(checkStored, s.compareStored)
				}
				s.settle(c.checks, c.lacks)
			})
		}
	})
	checkModes(t, front.modes.count())
}

// checkModes wants every way to sign a body to have been used, when no client
// was left out.
func checkModes(t *testing.T, seen map[string]int) {
	t.Helper()
	t.Logf("X-Amz-Content-Sha256: %v", seen)
	if t.Failed() || flag.Lookup("test.run").Value.String() != "" {
		return
	}
	for _, mode := range []string{
		"digest", "UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
	} {
		if seen[mode] == 0 {
			t.Errorf("no client sends %s", mode)
		}
	}
}

func printVersion(t *testing.T, command []string) {
	t.Helper()
	if command == nil {
		return
	}
	out, err := exec.CommandContext(t.Context(), command[0], command[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", command, err, out)
	}
	t.Logf("%s", strings.TrimSpace(string(out)))
}
