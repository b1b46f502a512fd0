package clustertest

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	"tollgate/cmd/tollgate/clustertest/model"
)

// usePath is the path of a use; its number follows.
const usePath = "/use/"

// upstream is the server behind the gateways. It notes which uses it sees: what
// is forwarded is accepted, whatever becomes of the answer.
type upstream struct {
	url string

	mu   sync.Mutex
	last int               // guarded by mu
	uses map[int]model.Ref // guarded by mu; those that have a number
}

func startUpstream(t testing.TB) *upstream {
	t.Helper()
	u := &upstream{uses: map[int]model.Ref{}}
	server := httptest.NewServer(u)
	t.Cleanup(server.Close)
	u.url = server.URL
	return u
}

// expect gives a use a path of its own.
func (u *upstream) expect(use model.Ref) (path string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.last++
	u.uses[u.last] = use
	return usePath + strconv.Itoa(u.last)
}

func (u *upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	number, found := strings.CutPrefix(r.URL.Path, usePath)
	if !found {
		return // a look whether the gateway is open
	}
	n, err := strconv.Atoi(number)
	if err != nil {
		http.Error(w, "no such use", http.StatusTeapot)
		return
	}
	u.mu.Lock()
	use, ok := u.uses[n]
	u.mu.Unlock()
	if !ok {
		http.Error(w, "no such use", http.StatusTeapot)
		return
	}
	use.Forwarded()
}
