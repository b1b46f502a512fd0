package engine

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"tollgate/tokens"
	"tollgate/tokens/feed"
	"tollgate/tokens/record"
)

// valid0 is a position that some engine may have had.
func valid0() feed.Position { return feed.Position{Cluster: 7, Revision: 5, Mark: "five"} }

// unconnected returns an engine that nothing is asked of, and what it says.
func unconnected(t *testing.T) (*Engine, *[]string) {
	t.Helper()
	c := valid()
	c.Prefix = "/p/"
	said := &[]string{}
	c.Log = func(line string) { *said = append(*said, line) }
	c.Observe = func(op string, _ time.Duration, _ error) { *said = append(*said, op) }
	e, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e, said
}

func kept(id tokens.ID) *tokens.Token {
	return &tokens.Token{ID: id, Hash: tokens.HashOf(string(id)), Owner: "ada", Revision: 1}
}

func putEvent(key, value string, revision int64) *clientv3.Event {
	return &clientv3.Event{Type: mvccpb.Event_PUT, Kv: &mvccpb.KeyValue{Key: []byte(key), Value: []byte(value), ModRevision: revision}}
}

func deleteEvent(key string, revision int64) *clientv3.Event {
	return &clientv3.Event{Type: mvccpb.Event_DELETE, Kv: &mvccpb.KeyValue{Key: []byte(key), ModRevision: revision}}
}

func response(events ...*clientv3.Event) clientv3.WatchResponse {
	return clientv3.WatchResponse{Header: &etcdserverpb.ResponseHeader{ClusterId: 7}, Events: events}
}

func TestResponsesBecomeBatches(t *testing.T) {
	t.Parallel()
	one, two := string(record.Encode(kept("1"))), string(record.Encode(kept("2")))
	used := string(record.EncodeUsage(tokens.Usage{Count: 3}))
	at := func(revision uint64, mark string) feed.Position {
		return feed.Position{Cluster: 7, Revision: revision, Mark: mark}
	}
	tok := func(id tokens.ID, revision uint64) feed.Change {
		t := kept(id)
		t.Revision = revision
		return feed.Change{Token: t}
	}
	rows := map[string]struct {
		events []*clientv3.Event
		want   *Batch
	}{
		"nothing":   {nil, nil},
		"one write": {[]*clientv3.Event{putEvent("/p/d/h", "six", 6), putEvent("/p/d/t/1", one, 6)}, &Batch{At: at(6, "six"), Changes: []feed.Change{tok("1", 6)}}},
		"the head comes last": {
			[]*clientv3.Event{putEvent("/p/d/t/1", one, 6), putEvent("/p/d/h", "six", 6)}, &Batch{At: at(6, "six"), Changes: []feed.Change{tok("1", 6)}},
		},
		"several writes keep their order": {
			[]*clientv3.Event{
				putEvent("/p/d/h", "six", 6), putEvent("/p/d/t/1", one, 6),
				putEvent("/p/d/h", "seven", 7), deleteEvent("/p/d/t/1", 7), deleteEvent("/p/d/l/1", 7),
				putEvent("/p/d/h", "eight", 8), putEvent("/p/d/t/1", one, 8), putEvent("/p/d/t/2", two, 8),
			},
			&Batch{At: at(8, "eight"), Changes: []feed.Change{tok("1", 6), {Gone: "1"}, tok("1", 8), tok("2", 8)}},
		},
		"what is known already is left out": {
			[]*clientv3.Event{putEvent("/p/d/h", "four", 4), putEvent("/p/d/t/1", one, 4), putEvent("/p/d/h", "five", 5), deleteEvent("/p/d/t/2", 5)}, nil,
		},
		"known and new": {
			[]*clientv3.Event{putEvent("/p/d/h", "five", 5), deleteEvent("/p/d/t/2", 5), putEvent("/p/d/h", "six", 6), putEvent("/p/d/t/2", two, 6)},
			&Batch{At: at(6, "six"), Changes: []feed.Change{tok("2", 6)}},
		},
		"users and usages": {
			[]*clientv3.Event{
				putEvent("/p/d/h", "six", 6), putEvent("/p/d/u/a/b", "account", 6), putEvent("/p/d/u/none", "", 6), deleteEvent("/p/d/u/gone", 6), putEvent("/p/d/l/1", used, 6),
			},
			&Batch{At: at(6, "six"), Changes: []feed.Change{
				{User: &feed.User{Name: "a/b", Account: []byte("account")}}, {User: &feed.User{Name: "none", Account: []byte{}}},
				{User: &feed.User{Name: "gone"}}, {Usage: &tokens.Usage{ID: "1", Count: 3}},
			}},
		},
		"a barrier":              {[]*clientv3.Event{putEvent("/p/d/h", "six", 6), putEvent("/p/d/b/ff", "", 6)}, &Batch{At: at(6, "six"), Barriers: []string{"ff"}}},
		"a barrier that is over": {[]*clientv3.Event{deleteEvent("/p/d/b/ff", 6)}, nil},
		"somebody else's write":  {[]*clientv3.Event{deleteEvent("/p/d/t/1", 6)}, &Batch{At: valid0(), Changes: []feed.Change{{Gone: "1"}}}},
		"the head is deleted":    {[]*clientv3.Event{deleteEvent("/p/d/h", 6)}, nil},
		"an unknown key":         {[]*clientv3.Event{putEvent("/p/d/h", "six", 6), putEvent("/p/d/x/1", "?", 6)}, &Batch{At: at(6, "six")}},
		"a damaged record is that of no token": {
			[]*clientv3.Event{putEvent("/p/d/h", "six", 6), putEvent("/p/d/t/1", one[:len(one)-1], 6), putEvent("/p/d/t/2", two, 6)},
			&Batch{At: at(6, "six"), Changes: []feed.Change{{Gone: "1"}, tok("2", 6)}},
		},
		"so is one under another id": {
			[]*clientv3.Event{putEvent("/p/d/h", "six", 6), putEvent("/p/d/t/1", two, 6)}, &Batch{At: at(6, "six"), Changes: []feed.Change{{Gone: "1"}}},
		},
		"a damaged usage is none": {[]*clientv3.Event{putEvent("/p/d/h", "six", 6), putEvent("/p/d/l/1", "?", 6)}, &Batch{At: at(6, "six")}},
	}
	for name, row := range rows {
		e, said := unconnected(t)
		f := follower{engine: e, at: valid0(), last: 5}
		got, err := f.take(response(row.events...))
		if err != nil || !reflect.DeepEqual(got, row.want) {
			t.Errorf("%s: %+v, %v, want %+v", name, got, err, row.want)
		}
		if damaged := strings.Contains(name, "damaged") || strings.Contains(name, "another id"); damaged != (len(*said) == 2 && (*said)[1] == "damaged") {
			t.Errorf("%s: it says %q", name, *said)
		}
		if again, err := f.take(response(row.events...)); again != nil || err != nil {
			t.Errorf("%s, sent again: %+v, %v, want nothing", name, again, err)
		}
	}
}

func TestWatchesBreak(t *testing.T) {
	t.Parallel()
	head := putEvent("/p/d/h", "six", 6)
	other := response(head)
	other.Header.ClusterId = 8
	compacted := response(head)
	compacted.CompactRevision, compacted.Canceled = 6, true
	cancelled := response(head)
	cancelled.Canceled, cancelled.CancelReason = true, "etcdserver: permission denied"
	rows := map[string]struct {
		response clientv3.WatchResponse
		want     error
	}{
		"another cluster": {other, tokens.ErrEngine},
		"compacted":       {compacted, ErrCompacted},
		"cancelled":       {cancelled, tokens.ErrEngine},
	}
	for name, row := range rows {
		e, _ := unconnected(t)
		f := follower{engine: e, at: valid0(), last: 5}
		if b, err := f.take(row.response); b != nil || !errors.Is(engineError(err), row.want) {
			t.Errorf("%s: %+v, %v, want %v", name, b, err, row.want)
		}
	}
}

func TestHistories(t *testing.T) {
	t.Parallel()
	head := feed.Position{Cluster: 7, Revision: 5, Mark: "five"}
	none := feed.Position{Cluster: 7}
	rows := map[string]struct {
		have  feed.Position
		head  feed.Position
		known bool
		want  History
	}{
		"nothing":                             {feed.Position{}, head, true, Foreign},
		"nothing, of an empty engine":         {feed.Position{}, none, true, Foreign},
		"the head itself":                     {head, head, true, Same},
		"another mark":                        {feed.Position{Cluster: 7, Revision: 5, Mark: "V"}, head, true, Foreign},
		"another cluster":                     {feed.Position{Cluster: 8, Revision: 5, Mark: "five"}, head, true, Foreign},
		"after the engine's end":              {feed.Position{Cluster: 7, Revision: 10, Mark: "ten"}, head, true, Foreign},
		"after the head":                      {feed.Position{Cluster: 7, Revision: 6, Mark: "six"}, head, true, Foreign},
		"the engine was wiped":                {head, none, true, Foreign},
		"empty then, and empty now":           {feed.Position{Cluster: 7, Revision: 6}, none, true, Same},
		"empty, after the engine's end":       {feed.Position{Cluster: 7, Revision: 10}, none, true, Foreign},
		"empty then, but there was one":       {feed.Position{Cluster: 7, Revision: 6}, head, true, Foreign},
		"before the head":                     {feed.Position{Cluster: 7, Revision: 4, Mark: "four"}, head, false, Unknown},
		"empty then, there may have been one": {feed.Position{Cluster: 7, Revision: 4}, head, false, Unknown},
	}
	for name, row := range rows {
		if known, got := compared(row.have, Proof{Head: row.head, Revision: 9}); known != row.known || got != row.want {
			t.Errorf("%s: %v, %d, want %v, %d", name, known, got, row.known, row.want)
		}
	}
	if (Proof{}).History != Unknown {
		t.Error("the zero proof knows its history")
	}
}

func TestWhoIsWaitedFor(t *testing.T) {
	t.Parallel()
	set := func(names ...string) map[string]bool {
		s := map[string]bool{}
		for _, n := range names {
			s[n] = true
		}
		return s
	}
	rows := map[string]struct {
		listed, live, acked map[string]bool
		n                   int
		all                 bool
	}{
		"nobody":                       {nil, nil, nil, 0, true},
		"all have acked":               {set("a", "b"), set("a", "b"), set("a", "b"), 2, true},
		"one has not":                  {set("a", "b"), set("a", "b"), set("a"), 1, false},
		"one is gone":                  {set("a", "b"), set("a"), set("a"), 1, true},
		"one has acked and is gone":    {set("a", "b"), set("a"), set("a", "b"), 2, true},
		"one came later":               {set("a"), set("a", "c"), set("a"), 1, true},
		"somebody else's ack":          {set("a"), set("a"), set("c"), 0, false},
		"one of the name came instead": {set("a/1"), set("a/2"), set("a/2"), 0, true},
	}
	for name, row := range rows {
		if n, all := count(row.listed, row.live, row.acked); n != row.n || all != row.all {
			t.Errorf("%s: %d, %v, want %d, %v", name, n, all, row.n, row.all)
		}
	}
}

func TestWhatGatewaysSayOfThemselves(t *testing.T) {
	t.Parallel()
	since := time.Date(2031, 5, 17, 8, 30, 0, 0, time.UTC)
	rows := map[string]Gateway{
		`{"name":"g1","since":"2031-05-17T08:30:00Z"}`: {Name: "g1", Since: since},
		`{"name":"liar"}`: {Name: "g1"},
		`{"since":7}`:     {Name: "g1"},
		``:                {Name: "g1"},
	}
	for value, want := range rows {
		if got := gatewayOf("g1/ff", []byte(value)); got != want {
			t.Errorf("%s: %+v, want %+v", value, got, want)
		}
	}
}

// FuzzGateway: no value makes a gateway of another name.
func FuzzGateway(f *testing.F) {
	f.Add("g1/ff", []byte(`{"name":"g1","since":"2031-05-17T08:30:00Z"}`))
	f.Add("", []byte(`null`))
	f.Fuzz(func(t *testing.T, instance string, value []byte) {
		if name, _, _ := strings.Cut(instance, "/"); gatewayOf(instance, value).Name != name {
			t.Errorf("%q says that it is another: %q", instance, value)
		}
	})
}

func TestMarksAreRandomOrAnError(t *testing.T) {
	t.Parallel()
	c := valid()
	c.Random = strings.NewReader(strings.Repeat("a", markSize) + "b")
	e, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = e.Close() }()
	if _, err := e.mark(); !errors.Is(err, tokens.ErrEngine) {
		t.Errorf("a mark of too few random bytes: %v, want ErrEngine", err)
	}
	c.Random = strings.NewReader("")
	if _, err := Open(c); err == nil {
		t.Error("an engine opens without randomness")
	}
}

func TestPagesGrowAndShrink(t *testing.T) {
	t.Parallel()
	rows := map[string]struct {
		limit int64
		size  int
		want  int64
	}{
		"small":              {1000, 100, 2000},
		"small, at the most": {pageKeys, 100, pageKeys},
		"small, nearly":      {pageKeys - 1, 100, pageKeys},
		"as they should be":  {2000, pageBytes / 2, 2000},
		"just not too large": {2000, pageBytes, 2000},
		"too large":          {2000, pageBytes + 1, 1000},
		"one, too large":     {1, pageBytes + 1, 1},
	}
	for name, row := range rows {
		if got := nextLimit(row.limit, pageKeys, row.size); got != row.want {
			t.Errorf("%s: %d, want %d", name, got, row.want)
		}
	}
}

func TestRevivals(t *testing.T) {
	t.Parallel()
	at := func(h time.Duration) time.Time {
		return time.Date(2031, 5, 17, 8, 30, 0, 0, time.UTC).Add(h * time.Hour)
	}
	until := func(h time.Duration) *tokens.Token { return &tokens.Token{Expires: at(h)} }
	revoked := &tokens.Token{Expires: at(1), Revoked: tokens.Mark{At: at(0)}}
	spent := &tokens.Token{Expires: at(1), Spent: at(0)}
	endless := &tokens.Token{}
	rows := map[string]struct {
		old, now *tokens.Token
		want     bool
	}{
		"the same end":           {until(1), until(1), false},
		"an earlier end":         {until(2), until(1), false},
		"a later end":            {until(1), until(2), true},
		"no end any more":        {until(1), endless, true},
		"an end where none was":  {endless, until(1), false},
		"endless as before":      {endless, endless, false},
		"not revoked any more":   {revoked, until(1), true},
		"not used up any more":   {spent, until(1), true},
		"revoked":                {until(1), revoked, false},
		"revoked, with no end":   {until(1), &tokens.Token{Revoked: tokens.Mark{At: at(0)}}, false},
		"used up after a revoke": {revoked, spent, false},
	}
	for name, row := range rows {
		if got := revives(row.old, row.now); got != row.want {
			t.Errorf("%s: %v, want %v", name, got, row.want)
		}
	}
}
