package badgerstore_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"tollgate/tokens"
	"tollgate/tokens/badgerstore"
	"tollgate/tokens/feed"
)

// The replica of these tests is fed a history that its revision says all of:
// at each revision, three tokens get it as their revision and as their note,
// one is gone and one user's account is the number.
const historyTokens = 40

func historyAt(revision uint64) feed.Position {
	return feed.Position{Cluster: 1, Revision: revision, Mark: fmt.Sprint("m", revision)}
}

// touched says what one revision does.
func touched(revision uint64) (came [3]int, gone int) {
	n := int(revision % historyTokens)
	return [3]int{n, (n + 7) % historyTokens, (n + 19) % historyTokens}, (n + 3) % historyTokens
}

func historyToken(n int, revision uint64) *tokens.Token {
	t := numbered(n)
	t.Name = fmt.Sprint("name ", n)
	t.Revision = revision
	t.Meta = []tokens.Meta{{Name: "at", Value: fmt.Sprint(revision)}}
	if revision%5 == 0 {
		t.Revoked = tokens.Mark{At: revokedAt(), By: "grace"}
	}
	return t
}

func historyChanges(revision uint64) []feed.Change {
	came, gone := touched(revision)
	var changes []feed.Change
	for _, n := range came {
		changes = append(changes, feed.Change{Token: historyToken(n, revision)})
	}
	return append(changes, feed.Change{Gone: numbered(gone).ID},
		feed.Change{User: &feed.User{Name: "ada", Account: []byte(fmt.Sprint(revision))}})
}

// historyState returns the revision of each token that there is after one.
func historyState(revision uint64) map[int]uint64 {
	state := make(map[int]uint64)
	for r := uint64(max(1, int64(revision)-historyTokens)); r <= revision; r++ {
		came, gone := touched(r)
		for _, n := range came {
			state[n] = r
		}
		delete(state, gone)
	}
	return state
}

// historyChecked compares what a replica holds with its position. It says
// what is wrong with it.
func historyChecked(t *testing.T, r *badgerstore.Replica) error {
	t.Helper()
	revision := r.Position().Revision
	want := historyState(revision)
	held, err := r.Each(t.Context(), "", historyTokens+1)
	if err != nil || len(held) != len(want) {
		return fmt.Errorf("%d tokens at revision %d, %w, want %d", len(held), revision, err, len(want))
	}
	for n, at := range want {
		tok := historyToken(n, at)
		got, err := r.ByHash(t.Context(), tok.Hash)
		if err != nil || got.Revision != at || got.Meta[0].Value != fmt.Sprint(at) || got.StateAt(revokedAt()) != tok.StateAt(revokedAt()) {
			return fmt.Errorf("token %d at revision %d is %+v, %w, want it of %d", n, revision, got, err, at)
		}
		page, err := r.List(t.Context(), tokens.Query{Owner: tok.Owner, Name: tok.Name})
		if err != nil || len(page.Tokens) != 1 || page.Tokens[0].ID != tok.ID {
			return fmt.Errorf("%d tokens have the name of %d at revision %d, %w", len(page.Tokens), n, revision, err)
		}
	}
	page, err := r.List(t.Context(), tokens.Query{Owner: "ada"})
	if err != nil || len(page.Tokens) != len(want) {
		return fmt.Errorf("%d tokens are listed at revision %d, %w, want %d", len(page.Tokens), revision, err, len(want))
	}
	accounts, err := r.Accounts(t.Context())
	if err != nil || revision > 0 && string(accounts["ada"]) != fmt.Sprint(revision) {
		return fmt.Errorf("accounts at revision %d are %q, %w", revision, accounts, err)
	}
	return nil
}

// TestAKilledReplicaHasWhatItsPositionSays kills a process that feeds and loads
// a replica at an arbitrary moment, many times over the same directory.
func TestAKilledReplicaHasWhatItsPositionSays(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/proc/sys/kernel/random/boot_id"); err != nil {
		t.Skip("this system cannot tell one start of the machine from another: a killed replica begins empty")
	}
	rounds := 12
	if n, err := strconv.Atoi(os.Getenv("TOLLGATE_CRASH_ROUNDS")); err == nil {
		rounds = n
	}
	dir := t.TempDir()
	last := uint64(0)
	for round := range rounds {
		delay := time.Duration(1+rand.IntN(300)) * time.Millisecond
		acks := killedAfter(t, delay, "TestChildFeedsUntilItIsKilled", "feed", "STORE_DIR="+dir)
		if len(acks) > 0 {
			n, err := strconv.ParseUint(strings.TrimPrefix(acks[len(acks)-1], "at "), 10, 64)
			if err != nil {
				t.Fatalf("acknowledgement %q", acks[len(acks)-1])
			}
			last = n
		}
		r := openReplica(t, badgerstore.ReplicaConfig{Dir: dir, Log: func(line string) { t.Log(line) }})
		if got := r.Position().Revision; got < last {
			t.Errorf("position is %d, but %d was acknowledged", got, last)
		}
		if err := historyChecked(t, r); err != nil {
			t.Error(err)
		}
		closeReplica(t, r)
		if t.Failed() {
			t.Fatalf("round %d, killed after %v", round, delay)
		}
	}
	t.Logf("%d rounds, revision %d", rounds, last)
	if last == 0 {
		t.Error("nothing was ever acknowledged: the test has tested nothing")
	}
}

// TestChildFeedsUntilItIsKilled is the process that gets killed. Each hundredth
// revision it loads a generation, and in between some that it discards.
func TestChildFeedsUntilItIsKilled(t *testing.T) {
	if os.Getenv(childEnv) != "feed" {
		t.Skip("not a test of its own: TestAKilledReplicaHasWhatItsPositionSays runs it as a process")
	}
	r := openReplica(t, badgerstore.ReplicaConfig{Dir: os.Getenv("STORE_DIR")})
	_, _ = os.Stdout.WriteString("open\n")
	for revision := r.Position().Revision + 1; !t.Failed(); revision++ {
		switch revision % 100 {
		case 0:
			loadHistory(t, r, revision, func(g *badgerstore.Generation) error { return g.Flip(t.Context(), historyAt(revision)) })
		case 50:
			loadHistory(t, r, revision, (*badgerstore.Generation).Discard)
			fallthrough
		default:
			if err := r.Apply(t.Context(), historyAt(revision), historyChanges(revision)); err != nil {
				t.Fatal(err)
			}
		}
		_, _ = fmt.Fprintf(os.Stdout, "at %d\n", revision)
	}
}

func loadHistory(t *testing.T, r *badgerstore.Replica, revision uint64, end func(*badgerstore.Generation) error) {
	t.Helper()
	g, err := r.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	changes := []feed.Change{{User: &feed.User{Name: "ada", Account: []byte(fmt.Sprint(revision))}}}
	for n, at := range historyState(revision) {
		changes = append(changes, feed.Change{Token: historyToken(n, at)})
	}
	if err := errors.Join(g.Add(t.Context(), changes), end(g)); err != nil {
		t.Fatal(err)
	}
}

// TestADamagedReplicaNeverGivesWrongTokens damages every file of a replica in
// many places. Each time, at the latest when it is opened for the second time,
// for some damage makes Badger end the process, it must have begun empty or
// hold what its position says, or refuse to read.
func TestADamagedReplicaNeverGivesWrongTokens(t *testing.T) {
	t.Parallel()
	for name, closed := range map[string]string{"after a clean end": "yes", "after a crash": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			image := t.TempDir()
			out, err := child(t, "TestChildOfADamagedReplica", "build", "STORE_DIR="+image, "STORE_CLOSE="+closed).CombinedOutput()
			if !strings.Contains(string(out), "built") {
				t.Fatalf("%v: %s", err, out)
			}
			verdicts := map[string]int{}
			for _, file := range replicaFiles(t, image) {
				for _, d := range damages(t, filepath.Join(image, file)) {
					verdicts[judgedReplica(t, image, file, d)]++
				}
			}
			t.Log(verdicts)
			if verdicts["empty"] == 0 || verdicts["whole"] == 0 {
				t.Errorf("verdicts are %v: the damage has not met what it should", verdicts)
			}
		})
	}
}

func replicaFiles(t *testing.T, dir string) (files []string) {
	t.Helper()
	for _, pattern := range []string{"current", "generation-*/db/*"} {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range found {
			file, err := filepath.Rel(dir, path)
			if err != nil {
				t.Fatal(err)
			}
			if filepath.Base(file) != "LOCK" {
				files = append(files, file)
			}
		}
	}
	if len(files) < 4 {
		t.Fatalf("a replica of only %v", files)
	}
	return files
}

func judgedReplica(t *testing.T, image, file string, d damage) string {
	t.Helper()
	dir := t.TempDir()
	copySparse(t, image, dir)
	spoil(t, filepath.Join(dir, file), d)
	for range 2 {
		out, _ := child(t, "TestChildOfADamagedReplica", "check", "STORE_DIR="+dir).CombinedOutput()
		text := string(out)
		for _, verdict := range []string{"WRONG", "empty", "whole", "refused to read"} {
			i := strings.Index(text, verdict)
			if i >= 0 && verdict == "WRONG" {
				t.Errorf("%s, %+v: %.300s", file, d, text[i:])
			}
			if i >= 0 {
				_ = os.RemoveAll(dir)
				return verdict
			}
		}
		t.Logf("%s, %+v: the process was ended: %.200s", file, d, text)
	}
	t.Errorf("%s, %+v: the process was ended twice", file, d)
	return "ended"
}

// TestChildOfADamagedReplica is the process that makes the replica or opens the
// damaged one.
func TestChildOfADamagedReplica(t *testing.T) {
	dir := os.Getenv("STORE_DIR")
	switch os.Getenv(childEnv) {
	case "build":
		live := t.TempDir()
		r := openReplica(t, badgerstore.ReplicaConfig{Dir: live})
		loadHistory(t, r, 100, func(g *badgerstore.Generation) error { return g.Flip(t.Context(), historyAt(100)) })
		for revision := uint64(101); revision < 400; revision++ {
			if err := r.Apply(t.Context(), historyAt(revision), historyChanges(revision)); err != nil {
				t.Fatal(err)
			}
		}
		if os.Getenv("STORE_CLOSE") != "" {
			closeReplica(t, r)
		}
		copySparse(t, live, dir)
		fmt.Println("built")
	case "check":
		r, err := badgerstore.OpenReplica(badgerstore.ReplicaConfig{Dir: dir})
		if err != nil {
			fmt.Println("WRONG: it does not open:", err)
			return
		}
		fmt.Println(checkedReplica(t, r))
		_ = r.Close()
	default:
		t.Skip("not a test of its own: TestADamagedReplicaNeverGivesWrongTokens runs it as a process")
	}
}

func checkedReplica(t *testing.T, r *badgerstore.Replica) string {
	t.Helper()
	before := r.Position()
	err := historyChecked(t, r)
	switch {
	case err != nil && errors.Is(r.Healthy(), badgerstore.ErrReplicaDamaged):
		return "refused to read: " + err.Error()
	case err != nil:
		return "WRONG: " + err.Error()
	case before == feed.Position{}:
		return "empty"
	}
	return fmt.Sprintf("whole at %d", before.Revision)
}
