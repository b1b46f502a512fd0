package clustertest

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"tollgate/cmd/tollgate/clustertest/model"
)

// How the machine is watched: a little is written to the disk at a pace. What
// takes longer than that by so much that members and gateways miss their times
// too is noted.
const (
	machinePace  = 100 * time.Millisecond
	machineLimit = 500 * time.Millisecond
)

// watchMachine notes in the history, until the test ends, when the machine had
// no time for the tests themselves, or its disk did not write: then nothing that
// is late says anything about the gateways.
func watchMachine(t testing.TB, h *model.History) {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "pulse"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		last := h.Now()
		every(ctx, machinePace, func() {
			_, err := f.WriteAt([]byte("."), 0)
			if err == nil {
				err = f.Sync()
			}
			now := h.Now()
			if err != nil || now-last > machineLimit {
				h.Starved(last)
			}
			last = now
		})
	})
	t.Cleanup(func() {
		end()
		running.Wait()
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
}
