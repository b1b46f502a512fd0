package badgerstore_test

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"tollgate/tokens"
	"tollgate/tokens/badgerstore"
)

// numbered returns the token of a number, which is all that differs.
func numbered(n int) *tokens.Token {
	return &tokens.Token{
		ID:      tokens.ID(fmt.Sprintf("%022d", n)),
		Hash:    tokens.HashOf(strconv.Itoa(n)),
		API:     tokens.UserTokens,
		Owner:   "ada",
		Creator: "ada",
		Scope:   tokens.Scope{Tenant: "acme"},
		Created: time.UnixMilli(1_900_000_000_000).UTC(),
		Expires: time.UnixMilli(1_900_003_600_000).UTC(),
	}
}

func revokedAt() time.Time { return time.UnixMilli(1_900_000_060_000).UTC() }

// TestCrashLosesNothingAcknowledged kills a process that creates and revokes
// tokens at an arbitrary moment, many times over the same directory, and looks
// for every write that it had reported.
func TestCrashLosesNothingAcknowledged(t *testing.T) {
	t.Parallel()
	rounds := 20
	if n, err := strconv.Atoi(os.Getenv("TOLLGATE_CRASH_ROUNDS")); err == nil {
		rounds = n
	}
	dir := t.TempDir()
	created, ended := map[int]bool{}, map[int]bool{}
	total := 0
	for round := range rounds {
		delay := time.Duration(1+rand.IntN(500)) * time.Millisecond
		acks := crashWriter(t, dir, round, delay)
		total += len(acks)
		for _, ack := range acks {
			verb, number, _ := strings.Cut(ack, " ")
			n, err := strconv.Atoi(number)
			if err != nil || verb != "created" && verb != "revoked" {
				t.Fatalf("acknowledgement %q", ack)
			}
			created[n] = true
			if verb == "revoked" {
				ended[n] = true
			}
		}
		// The whole history at the end, and this round's writes each time.
		check := acks
		if round == rounds-1 {
			check = nil
		}
		verifyAcks(t, dir, check, created, ended)
		if t.Failed() {
			t.Fatalf("round %d, killed after %v", round, delay)
		}
	}
	t.Logf("%d rounds, %d acknowledged writes", rounds, total)
	if total == 0 {
		t.Error("no write was ever acknowledged: the test has tested nothing")
	}
}

// crashWriter runs the child and returns what it acknowledged.
func crashWriter(t *testing.T, dir string, round int, delay time.Duration) []string {
	t.Helper()
	return killedAfter(t, delay, "TestChildWritesUntilItIsKilled", "write", "STORE_DIR="+dir, "STORE_ROUND="+strconv.Itoa(round))
}

// killedAfter runs a test of this binary as a process, kills it some time after
// it has said that it is open, and returns the lines that it wrote in full
// since.
func killedAfter(t *testing.T, delay time.Duration, test, what string, env ...string) []string {
	t.Helper()
	cmd := child(t, test, what, env...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var acks []string
	lines := bufio.NewReader(out)
	var timer *time.Timer
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			break // a line without its end was not acknowledged
		}
		if line == "open\n" {
			acks = nil // what the test says of itself
			timer = time.AfterFunc(delay, func() { _ = cmd.Process.Kill() })
			continue
		}
		acks = append(acks, strings.TrimSpace(line))
	}
	if err := cmd.Wait(); timer == nil || err == nil || err.Error() != "signal: killed" {
		t.Fatalf("the writer ended by itself: %v, %q", err, acks)
	}
	timer.Stop()
	return acks
}

func verifyAcks(t *testing.T, dir string, acks []string, created, ended map[int]bool) {
	t.Helper()
	s, err := badgerstore.Open(badgerstore.Config{Dir: dir})
	if err != nil {
		t.Fatalf("Open after the crash = %v", err)
	}
	defer closeStore(t, s)
	numbers := created
	if acks != nil {
		numbers = make(map[int]bool, len(acks))
		for _, ack := range acks {
			n, _ := strconv.Atoi(ack[strings.IndexByte(ack, ' ')+1:])
			numbers[n] = true
		}
	}
	for n := range numbers {
		tok, err := s.ByHash(t.Context(), numbered(n).Hash)
		switch {
		case err != nil:
			t.Errorf("token %d was acknowledged and is lost: %v", n, err)
		case ended[n] && tok.StateAt(revokedAt()) != tokens.Revoked:
			t.Errorf("token %d was revoked and is back", n)
		}
	}
}

// TestChildWritesUntilItIsKilled is the process that gets killed.
func TestChildWritesUntilItIsKilled(t *testing.T) {
	if os.Getenv(childEnv) != "write" {
		t.Skip("not a test of its own: TestCrashLosesNothingAcknowledged runs it as a process")
	}
	round, err := strconv.Atoi(os.Getenv("STORE_ROUND"))
	if err != nil {
		t.Fatal(err)
	}
	s := openStore(t, badgerstore.Config{Dir: os.Getenv("STORE_DIR")})
	var mu sync.Mutex // guards stdout
	report := func(line string) {
		mu.Lock()
		defer mu.Unlock()
		_, _ = os.Stdout.WriteString(line + "\n")
	}
	report("open")
	var wait sync.WaitGroup
	for worker := range 8 {
		wait.Go(func() {
			for n := 0; !t.Failed(); n++ {
				createAndRevoke(t, s, (round*8+worker)*1_000_000+n, report)
			}
		})
	}
	wait.Wait()
}

func createAndRevoke(t *testing.T, s *badgerstore.Store, n int, report func(string)) {
	tok := numbered(n)
	var err error
	if tok.Revision, err = s.Put(t.Context(), tok); err != nil {
		t.Error(err)
		return
	}
	report(fmt.Sprint("created ", n))
	if n%2 == 0 {
		return
	}
	tok.Revoked = tokens.Mark{At: revokedAt(), By: "grace"}
	if _, err = s.Put(t.Context(), tok); err != nil {
		t.Error(err)
		return
	}
	report(fmt.Sprint("revoked ", n))
}
