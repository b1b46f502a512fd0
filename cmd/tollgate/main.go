// Command tollgate is an HTTP reverse proxy that issues and enforces access
// tokens in front of object storage and other HTTP services.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	hangUp := make(chan os.Signal, 1)
	signal.Notify(hangUp, syscall.SIGHUP)
	os.Exit(run(ctx, os.Args[1:], Process{
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Environ: os.Environ(), HangUp: hangUp,
	}))
}
