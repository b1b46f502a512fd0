package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// startNginx starts one nginx with a server for each row.
func (l *launcher) startNginx(ctx context.Context, at peerAddresses) (*process, error) {
	dir := filepath.Join(l.dir, "nginx")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, nginxConfiguration(dir, at), 0o600); err != nil {
		return nil, err
	}
	// Without -e it would first open the log of the machine's own nginx.
	return l.startPeer(ctx, "nginx", "-p", dir, "-e", filepath.Join(dir, "error.log"), "-c", file)
}

// nginxConfiguration is nginx as it is put before a storage: keep-alive both
// ways, no access log, and else its defaults. One process without a master,
// which does a worker's work, so that it ends with us and its time is read in
// one place. What the default makes anew each 1000 requests, connections, stays.
func nginxConfiguration(dir string, at peerAddresses) []byte {
	b := &bytes.Buffer{}
	fmt.Fprintf(b, `daemon off;
master_process off;
worker_processes 1;
pid %[1]s/nginx.pid;
error_log %[1]s/error.log error;
events { worker_connections %[2]d; }
http {
  access_log off;
  client_body_temp_path %[1]s/body;
  proxy_temp_path %[1]s/proxy;
  fastcgi_temp_path %[1]s/fastcgi;
  uwsgi_temp_path %[1]s/uwsgi;
  scgi_temp_path %[1]s/scgi;
  client_max_body_size 0;
  keepalive_requests 1000000000;
  keepalive_timeout 1h;
  map_hash_max_size 65536;
  map_hash_bucket_size 128;
  upstream backend {
    server %[3]s;
    keepalive 512;
    keepalive_requests 1000000000;
    keepalive_timeout 1h;
  }
  proxy_http_version 1.1;
  proxy_set_header Connection "";
  map $http_authorization $known {
    default 0;
`, dir, peerConns, at.backend)
	for n := range peerTokens {
		fmt.Fprintf(b, "    \"Bearer %s\" 1;\n", peerToken(n))
	}
	b.WriteString("  }\n")
	server := func(address, more string) {
		fmt.Fprintf(b, "  server {\n    listen %s;\n    location / { proxy_pass http://backend; %s}\n", address, more)
	}
	server(at.plain, "")
	b.WriteString("  }\n")
	server(at.big, "proxy_buffer_size 64k; proxy_buffers 16 64k; proxy_busy_buffers_size 128k; ")
	b.WriteString("  }\n")
	server(at.unbuffered, "proxy_request_buffering off; ")
	b.WriteString("  }\n")
	server(at.checking, "auth_request /auth; ")
	b.WriteString("    location = /auth { internal; if ($known) { return 204; } return 401; }\n  }\n}\n")
	return b.Bytes()
}

// peerConns is how many connections the peers may have, to both sides.
const peerConns = 20_000
