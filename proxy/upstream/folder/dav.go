package folder

import (
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/net/webdav"
)

// maxLock is how long, in seconds, a WebDAV lock is given for at a time.
const maxLock = 3600

// maxDAVBody bounds the body of a WebDAV request: names of properties, or the
// owner of a lock. The answer to PROPFIND repeats it for every file.
const maxDAVBody = 16 << 10

// webDAV serves the methods that WebDAV adds (RFC 4918).
func (h *Handler) webDAV(w http.ResponseWriter, r *http.Request, p location) {
	if r.Body != nil {
		r.Body = http.MaxBytesReader(w, r.Body, maxDAVBody)
	}
	switch r.Method {
	case "COPY", "MOVE":
		if err := h.checkDestination(r, p); err != nil {
			fail(w, err)
			return
		}
		if r.Header.Get("Overwrite") == "" {
			r.Header.Set("Overwrite", "T") // RFC 4918, 10.6
		}
	case "PROPFIND":
		// Without Depth a client would ask for the whole tree, which a server
		// may refuse (RFC 4918, 9.1).
		switch r.Header.Get("Depth") {
		case "":
			r.Header.Set("Depth", "1")
		case "0", "1":
		default:
			fail(w, &fault{http.StatusForbidden, "PROPFIND is supported with Depth 0 and 1"})
			return
		}
	case "LOCK":
		h.lockUsed.Store(true)
		limitLock(r.Header)
	}
	h.dav.ServeHTTP(w, r)
}

// limitLock keeps locks from outliving the clients that forgot them.
func limitLock(header http.Header) {
	first, _, _ := strings.Cut(header.Get("Timeout"), ",")
	seconds, ok := strings.CutPrefix(strings.TrimSpace(first), "Second-")
	if n, err := strconv.Atoi(seconds); !ok || err != nil || n > maxLock {
		header.Set("Timeout", "Second-"+strconv.Itoa(maxLock))
	}
}

// checkDestination refuses to copy or move onto, into or over the source,
// under whatever name: the WebDAV handler deletes the destination first.
func (h *Handler) checkDestination(r *http.Request, src location) error {
	u, err := url.Parse(r.Header.Get("Destination"))
	if err != nil {
		return &fault{http.StatusBadRequest, "Destination is not a URL"}
	}
	dst, err := parsePath(u.Path)
	if err != nil {
		return err
	}
	if dst.isRoot() || src.isRoot() && r.Method == "MOVE" {
		return &fault{http.StatusForbidden, "the folder itself cannot be moved or replaced"}
	}
	from, err := h.root.Stat(src.name)
	if err != nil {
		return err
	}
	if h.within(dst.name, from) {
		return &fault{http.StatusForbidden, "the destination is the source or lies in it"}
	}
	to, err := h.root.Stat(dst.name)
	if err != nil {
		return nil //nolint:nilerr // there is nothing yet that could be harmed
	}
	switch {
	case h.within(src.name, to):
		return &fault{http.StatusForbidden, "the source lies in the destination"}
	case r.Method == "COPY" && to.IsDir(): // which would delete all that is in it, by a right to write
		return &fault{http.StatusConflict, "the destination is a folder; delete it first"}
	}
	return nil
}

// within reports whether the path is that file, or leads through it.
func (h *Handler) within(name string, of fs.FileInfo) bool {
	if st, err := h.root.Stat(name); err == nil && os.SameFile(st, of) {
		return true
	}
	for dir := range parents(name) {
		if st, err := h.root.Stat(dir); err == nil && os.SameFile(st, of) {
			return true
		}
	}
	return false
}

// guarded carries a write through the WebDAV handler, which alone can judge
// the If header and the locks.
type guarded struct {
	act func() error
	ran bool
	err error
}

type guardedKey struct{}

// unlocked runs act unless somebody else's WebDAV lock forbids it.
func (h *Handler) unlocked(r *http.Request, act func() error) error {
	if !h.lockUsed.Load() && r.Header.Get("If") == "" {
		return act()
	}
	g := &guarded{act: act}
	carrier := r.WithContext(context.WithValue(r.Context(), guardedKey{}, g))
	carrier.Method = http.MethodDelete
	verdict := refusal{header: make(http.Header)}
	h.dav.ServeHTTP(&verdict, carrier)
	if g.ran {
		return g.err
	}
	return &fault{verdict.status, webdav.StatusText(verdict.status)}
}

// refusal catches the status of an answer that nobody gets.
type refusal struct {
	header http.Header
	status int
}

func (v *refusal) Header() http.Header         { return v.header }
func (v *refusal) Write(p []byte) (int, error) { return len(p), nil }
func (v *refusal) WriteHeader(status int)      { v.status = status }

// fileSystem is the folder as the WebDAV handler sees it.
type fileSystem struct{ h *Handler }

// Mkdir implements webdav.FileSystem.
func (s fileSystem) Mkdir(_ context.Context, name string, _ os.FileMode) error {
	p, err := parsePath(name)
	if err != nil {
		return err
	}
	return s.h.root.Mkdir(p.name, 0o755)
}

// OpenFile implements webdav.FileSystem. What is written gets its name when
// the file is closed, if all of it could be written.
func (s fileSystem) OpenFile(_ context.Context, name string, flag int, _ os.FileMode) (webdav.File, error) {
	p, err := parsePath(name)
	if err != nil {
		return nil, err
	}
	if flag&os.O_TRUNC != 0 {
		u, err := s.h.newUpload(p.name, condition{})
		if err != nil {
			return nil, err
		}
		return &newFile{upload: u}, nil
	}
	f, err := s.h.root.OpenFile(p.name, flag|syscall.O_NONBLOCK, 0o644)
	if err != nil {
		return nil, err
	}
	return &file{File: f, h: s.h, name: p.name}, nil
}

// RemoveAll implements webdav.FileSystem.
func (s fileSystem) RemoveAll(ctx context.Context, name string) error {
	if g, ok := ctx.Value(guardedKey{}).(*guarded); ok {
		g.ran = true
		g.err = g.act()
		return g.err
	}
	p, err := parsePath(name)
	if err != nil {
		return err
	}
	return s.h.remove(location{name: p.name}, condition{})
}

// Rename implements webdav.FileSystem.
func (s fileSystem) Rename(_ context.Context, from, to string) error {
	src, err := parsePath(from)
	if err != nil {
		return err
	}
	dst, err := parsePath(to)
	if err != nil {
		return err
	}
	s.h.commit.Lock()
	defer s.h.commit.Unlock()
	return s.h.root.Rename(src.name, dst.name)
}

// Stat implements webdav.FileSystem.
func (s fileSystem) Stat(ctx context.Context, name string) (os.FileInfo, error) {
	p, err := parsePath(name)
	if err != nil {
		return nil, err
	}
	if _, ok := ctx.Value(guardedKey{}).(*guarded); ok {
		p.name = "." // act looks for itself
	}
	st, err := s.h.root.Stat(p.name)
	if err != nil {
		return nil, err
	}
	return info{st}, nil
}

// file is an open file or folder.
type file struct {
	*os.File
	h    *Handler
	name string
}

// Stat implements webdav.File.
func (f *file) Stat() (os.FileInfo, error) {
	st, err := f.File.Stat()
	if err != nil {
		return nil, err
	}
	return info{st}, nil
}

// Readdir implements webdav.File. Hidden names and links out of the folder are
// left out.
func (f *file) Readdir(count int) ([]os.FileInfo, error) {
	names, err := f.Readdirnames(count)
	list := make([]os.FileInfo, 0, len(names))
	for _, n := range names {
		if strings.HasPrefix(n, hidden) {
			continue
		}
		if st, err := f.h.root.Stat(f.name + "/" + n); err == nil {
			list = append(list, info{renamed{st, n}})
		}
	}
	return list, err
}

// renamed gives a link's target the name of the link.
type renamed struct {
	fs.FileInfo
	name string
}

// Name implements fs.FileInfo.
func (r renamed) Name() string { return r.name }

// newFile is an upload as the WebDAV handler wants it.
type newFile struct{ *upload }

// Close implements webdav.File.
func (f *newFile) Close() error {
	defer f.discard()
	_, err := f.commit()
	return err
}

// Stat implements webdav.File.
func (f *newFile) Stat() (os.FileInfo, error) { return f.file.Stat() }

// Read implements webdav.File.
func (f *newFile) Read(p []byte) (int, error) { return f.file.Read(p) }

// Seek implements webdav.File.
func (f *newFile) Seek(offset int64, whence int) (int64, error) {
	return f.file.Seek(offset, whence)
}

// Readdir implements webdav.File.
func (f *newFile) Readdir(int) ([]os.FileInfo, error) {
	return nil, fmt.Errorf("%s: %w", f.name, syscall.ENOTDIR)
}
