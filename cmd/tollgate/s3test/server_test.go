package s3test

import (
	"net"
	"os"
	"path/filepath"
	"testing"
)

// The key pair of the S3 server, which only the gateway has, and its region.
const (
	rootKey    = "ROOTACCESSKEY0000001"
	rootSecret = "root+secret/of=the server"
	region     = "us-east-1"
)

// startServer runs the chosen S3 server on an empty directory until the test
// ends and returns its URL.
func startServer(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	data, side := filepath.Join(dir, "data"), filepath.Join(dir, "side")
	for _, d := range []string{data, side} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	address := freeAddress(t)
	env := environment(dir)
	switch given.server {
	case "versitygw":
		serve(t, address, env, given.serverPath, "--access", rootKey, "--secret", rootSecret, "--region", region,
			"--port", address, "--iam-dir", side, "posix", data)
	case "minio":
		_, port, err := net.SplitHostPort(freeAddress(t))
		if err != nil {
			t.Fatal(err)
		}
		serve(t, address, append(env, "MINIO_ROOT_USER="+rootKey, "MINIO_ROOT_PASSWORD="+rootSecret, "MINIO_REGION="+region, "MINIO_BROWSER=off"),
			given.serverPath, "server", "--quiet", "--address", address, "--console-address", "127.0.0.1:"+port, data)
	case "rclone":
		serve(t, address, env, given.serverPath, "serve", "s3", "--addr", address, "--auth-key", rootKey+","+rootSecret, data)
	default:
		t.Fatalf("there is no server %q", given.server)
	}
	return "http://" + address
}
