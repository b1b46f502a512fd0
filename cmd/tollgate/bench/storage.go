package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"

	"tollgate/proxy/sigv4"
	"tollgate/tokens"
)

// The storage of the S3 part.
const (
	storageProgram = "versitygw"
	storageVersion = "v1.8.0"
	storageModule  = "github.com/versity/versitygw/cmd/versitygw@" + storageVersion
)

// The storage's own key pair, and the secret of the gateway's client.
const (
	region       = "us-east-1"
	storageKey   = "BENCHSTORAGE00000001"
	storageToken = tokens.Secret("storage secret of this benchmark")
	clientToken  = tokens.Secret("client+secret/of=this benchmark")
)

// storageBinary is where the storage's program is, or will be once it is
// installed. The tests with S3 clients keep theirs in the same place.
func storageBinary() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the cache: %w", err)
	}
	return filepath.Join(cache, "tollgate-tests", storageProgram+"-"+storageVersion, storageProgram), nil
}

// installStorage builds the storage unless it is there.
func (l *launcher) installStorage(ctx context.Context) (string, error) {
	binary, err := storageBinary()
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(binary); !errors.Is(err, fs.ErrNotExist) {
		return binary, err
	}
	cmd := l.command(ctx, nil, "go", "install", storageModule)
	cmd.Dir = l.dir // outside this module, whose versions are not the storage's
	cmd.Env = append(cmd.Env, "GOBIN="+l.dir, "GOWORK=off")
	if _, err := output("install "+storageModule, cmd, nil); err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(binary), 0o700); err != nil {
		return "", err
	}
	// Into place in one step, whoever else is at it; the directories may be on
	// different disks.
	part := fmt.Sprintf("%s.%d", binary, os.Getpid())
	if err := copyProgram(part, filepath.Join(l.dir, storageProgram)); err != nil {
		return "", err
	}
	return binary, os.Rename(part, binary)
}

func copyProgram(to, from string) error {
	text, err := os.ReadFile(from) // #nosec G304 -- in our own directory
	if err != nil {
		return err
	}
	return os.WriteFile(to, text, 0o700) // #nosec G306 -- a program
}

// startStorage starts the storage with an empty bucket and waits until it
// answers.
func (l *launcher) startStorage(ctx context.Context) (site, error) {
	binary, err := l.installStorage(ctx)
	if err != nil {
		return site{}, err
	}
	data := filepath.Join(l.dir, "objects")
	if err := os.MkdirAll(filepath.Join(data, bucket), 0o700); err != nil {
		return site{}, err
	}
	address, err := freeAddress(ctx)
	if err != nil {
		return site{}, err
	}
	cmd := l.command(ctx, l.plan.others, binary, "--keep-alive", "--quiet", "--region", region, "--port", address, "posix", data)
	cmd.Env = append(cmd.Env, "ROOT_ACCESS_KEY="+storageKey, "ROOT_SECRET_KEY="+storageToken.Reveal())
	if _, err := l.start(storageProgram, cmd); err != nil {
		return site{}, err
	}
	s := site{name: rowStorage, address: address, signer: signerOf(storageKey, storageToken)}
	return s, s.await(ctx)
}

func signerOf(accessKey string, secret tokens.Secret) *sigv4.Signer {
	return &sigv4.Signer{AccessKey: accessKey, Secret: secret, Region: region}
}

// freeAddress returns an address on loopback that nobody listens on now.
func freeAddress(ctx context.Context) (string, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// await waits until the storage takes an object.
func (s site) await(ctx context.Context) error {
	ctx, done := context.WithTimeout(ctx, readyLimit)
	defer done()
	return await(ctx, s.name, func() error {
		return s.expect(ctx, object{method: http.MethodPut, key: "ready", size: 1})
	})
}
