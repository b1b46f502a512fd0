// Package folder serves a directory over HTTP and WebDAV, so that a gateway
// needs no storage server behind it. Nothing outside of the directory can be
// reached, neither by .. nor through symbolic links.
package folder

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/net/webdav"
)

// Handler serves a folder. It is safe for concurrent use. Who calls New calls
// Close.
type Handler struct {
	root     *os.Root
	dav      webdav.Handler
	lockUsed atomic.Bool // some client has asked for a WebDAV lock

	// commit is held while a name is looked at and changed, so that of two
	// conditional writes one sees the other.
	commit sync.Mutex

	mu     sync.Mutex // guards the fields below
	active int        // requests under way
	closed bool
}

const allowed = "OPTIONS, GET, HEAD, PUT, DELETE, PROPFIND, PROPPATCH, MKCOL, COPY, MOVE, LOCK, UNLOCK"

// New opens dir, which must exist.
func New(dir string) (*Handler, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open folder: %w", err)
	}
	h := &Handler{root: root}
	h.dav = webdav.Handler{FileSystem: fileSystem{h}, LockSystem: webdav.NewMemLS()}
	return h, nil
}

// Close refuses requests from now on. Those under way finish, and the last
// one releases the folder.
func (h *Handler) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil
	}
	h.closed = true
	if h.active > 0 {
		return nil
	}
	return h.root.Close()
}

func (h *Handler) enter() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return false
	}
	h.active++
	return true
}

func (h *Handler) leave() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.active--; h.active == 0 && h.closed {
		_ = h.root.Close()
	}
}

// ServeHTTP implements http.Handler. The path is r.URL.Path, decoded once.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !h.enter() {
		http.Error(w, "the folder is closed", http.StatusServiceUnavailable)
		return
	}
	defer h.leave()
	p, err := parsePath(r.URL.Path)
	if err != nil {
		fail(w, err)
		return
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		h.get(w, r, p)
	case http.MethodPut:
		h.put(w, r, p)
	case http.MethodDelete:
		h.delete(w, r, p)
	case http.MethodOptions:
		w.Header().Set("Allow", allowed)
		w.Header().Set("DAV", "1, 2")
		w.WriteHeader(http.StatusOK)
	case "PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK":
		h.webDAV(w, r, p)
	default:
		w.Header().Set("Allow", allowed)
		http.Error(w, "method is not supported", http.StatusMethodNotAllowed)
	}
}

// fault is an error with the status that says it.
type fault struct {
	status  int
	message string
}

func (f *fault) Error() string { return f.message }

// fail answers with the status that fits err. What the operating system said
// stays here: it names paths of the server.
func fail(w http.ResponseWriter, err error) {
	f := faultOf(err)
	http.Error(w, f.message, f.status)
}

func faultOf(err error) *fault {
	var (
		known *fault
		errno syscall.Errno
		where *os.PathError
	)
	switch {
	case errors.As(err, &known):
		return known
	case errors.Is(err, os.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return &fault{http.StatusNotFound, "there is no such file or folder"}
	case errors.Is(err, os.ErrPermission):
		return &fault{http.StatusForbidden, "the server may not do that to its files"}
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return &fault{http.StatusInsufficientStorage, "there is no room left"}
	case errors.Is(err, syscall.ENAMETOOLONG), errors.Is(err, syscall.EINVAL):
		return &fault{http.StatusBadRequest, "the name is too long or not a name"}
	case errors.Is(err, syscall.EISDIR), errors.Is(err, os.ErrExist), errors.Is(err, syscall.ENOTEMPTY):
		return &fault{http.StatusConflict, "a file or folder of that name is in the way"}
	case errors.Is(err, syscall.ELOOP):
		return &fault{http.StatusForbidden, "symbolic links go round in circles"}
	case errors.As(err, &where) && !errors.As(err, &errno):
		// os.Root's own refusal has no name to test for.
		return &fault{http.StatusForbidden, "the path leads out of the folder"}
	}
	return &fault{http.StatusInternalServerError, "the folder failed"}
}
