package folder

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"
	"strings"
	"syscall"
)

var errPrecondition = &fault{http.StatusPreconditionFailed, "the file is not in the state that the request asks for"}

// condition is what a conditional write asks of the file that is there.
type condition struct {
	absent bool     // If-None-Match: *
	match  []string // If-Match; nil = not asked
}

func conditionOf(h http.Header) (condition, error) {
	var c condition
	if v, ok := h["If-None-Match"]; ok {
		if len(v) != 1 || strings.TrimSpace(v[0]) != "*" {
			return c, &fault{http.StatusBadRequest, "If-None-Match on a write is supported with * only"}
		}
		c.absent = true
	}
	for _, v := range h["If-Match"] {
		for tag := range strings.SplitSeq(v, ",") {
			c.match = append(c.match, strings.TrimSpace(tag))
		}
	}
	return c, nil
}

// check compares the condition with the file, nil if there is none.
func (c condition) check(st fs.FileInfo) error {
	if c.absent && st != nil {
		return errPrecondition
	}
	if c.match == nil {
		return nil
	}
	for _, tag := range c.match {
		if st != nil && (tag == "*" || tag == info{st}.etag()) {
			return nil
		}
	}
	return errPrecondition
}

// lookup returns what is at name, nil if nothing is. A link counts as itself.
func (h *Handler) lookup(name string) (fs.FileInfo, error) {
	st, err := h.root.Lstat(name)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil, nil //nolint:nilnil // nothing there is an answer
	}
	return st, err
}

func (h *Handler) put(w http.ResponseWriter, r *http.Request, p location) {
	if p.folder {
		fail(w, &fault{http.StatusConflict, "a file's name does not end in a slash; a folder is made with MKCOL"})
		return
	}
	if r.Header.Get("Content-Range") != "" {
		fail(w, &fault{http.StatusBadRequest, "Content-Range is not supported: a file is replaced as a whole"})
		return
	}
	var done written
	err := h.unlocked(r, func() (err error) {
		done, err = h.store(r, p.name)
		return err
	})
	if err != nil {
		fail(w, err)
		return
	}
	w.Header().Set("ETag", done.etag)
	if done.replaced {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	w.WriteHeader(http.StatusCreated)
}

// written says what a finished upload came to.
type written struct {
	etag     string
	replaced bool
}

// store reads the body into a hidden file and gives that the name when it is
// whole. Until then, and if anything fails, the old file stays as it was.
func (h *Handler) store(r *http.Request, name string) (written, error) {
	cond, err := conditionOf(r.Header)
	if err != nil {
		return written{}, err
	}
	old, err := h.lookup(name)
	if err != nil {
		return written{}, err
	}
	if err := cond.check(old); err != nil {
		return written{}, err
	}
	if old != nil && old.IsDir() {
		return written{}, syscall.EISDIR
	}
	u, err := h.newUpload(name, cond)
	if err != nil {
		return written{}, err
	}
	defer u.discard()
	if r.Body != nil {
		n, err := io.Copy(u, source{r.Body})
		if err != nil {
			return written{}, err
		}
		if r.ContentLength >= 0 && n != r.ContentLength {
			return written{}, &fault{http.StatusBadRequest, "the body is shorter than announced"}
		}
	}
	return u.commit()
}

// source marks the errors of a request body, which are not the folder's.
type source struct{ io.Reader }

func (s source) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if err != nil && err != io.EOF {
		err = &fault{http.StatusBadRequest, "the body broke off"}
	}
	return n, err
}

// upload is a file that has no name yet.
type upload struct {
	h    *Handler
	name string // to be given
	cond condition
	temp string // name of the hidden file; empty = there is none any more
	file *os.File
	err  error // of writing
}

// newUpload makes the hidden file in the folder of name, or in the nearest one
// that exists: missing folders are made when the upload is whole.
func (h *Handler) newUpload(name string, cond condition) (*upload, error) {
	for dir := range parents(name) {
		st, err := h.root.Stat(dir)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if errors.Is(err, syscall.ENOTDIR) || err == nil && !st.IsDir() {
			return nil, &fault{http.StatusConflict, "a file is where a folder would have to be"}
		}
		if err != nil {
			return nil, fmt.Errorf("find folder: %w", err)
		}
		temp := path.Join(dir, hidden+rand.Text())
		f, err := h.root.OpenFile(temp, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
		if err != nil {
			return nil, fmt.Errorf("create file: %w", err)
		}
		return &upload{h: h, name: name, cond: cond, temp: temp, file: f}, nil
	}
	return nil, syscall.EISDIR
}

// Write implements io.Writer.
func (u *upload) Write(p []byte) (int, error) {
	n, err := u.file.Write(p)
	if err != nil {
		u.err = fmt.Errorf("write file: %w", err)
	}
	return n, u.err
}

// discard removes what commit has not given a name.
func (u *upload) discard() {
	_ = u.file.Close()
	if u.temp != "" {
		_ = u.h.root.Remove(u.temp)
		u.temp = ""
	}
}

// commit makes the file durable and gives it its name at once, if the
// condition still holds.
func (u *upload) commit() (written, error) {
	if u.err != nil {
		return written{}, u.err
	}
	if err := u.file.Sync(); err != nil {
		return written{}, fmt.Errorf("sync file: %w", err)
	}
	st, err := u.file.Stat()
	if err != nil {
		return written{}, fmt.Errorf("stat file: %w", err)
	}
	dir := path.Dir(u.name)
	if err := u.h.root.MkdirAll(dir, 0o755); err != nil {
		return written{}, inTheWay(err)
	}
	u.h.commit.Lock()
	replaced, err := u.settle()
	u.h.commit.Unlock()
	if err != nil {
		return written{}, err
	}
	u.h.syncFolder(dir)
	return written{etag: info{st}.etag(), replaced: replaced}, nil
}

// settle gives the file its name. The caller holds h.commit.
func (u *upload) settle() (replaced bool, err error) {
	if u.cond.absent {
		// A link never replaces, whoever else writes to the folder.
		err := u.h.root.Link(u.temp, u.name)
		if errors.Is(err, os.ErrExist) {
			return false, errPrecondition
		}
		return false, inTheWay(err)
	}
	old, err := u.h.lookup(u.name)
	if err != nil {
		return false, err
	}
	if err := u.cond.check(old); err != nil {
		return false, err
	}
	if err := u.h.root.Rename(u.temp, u.name); err != nil {
		return false, inTheWay(err)
	}
	u.temp = ""
	return old != nil, nil
}

// inTheWay tells a file where a folder has to be from a path that is not there.
func inTheWay(err error) error {
	if errors.Is(err, syscall.ENOTDIR) || errors.Is(err, os.ErrExist) || errors.Is(err, syscall.EISDIR) {
		return &fault{http.StatusConflict, "a file or folder of that name is in the way"}
	}
	return err
}

// syncFolder makes the names in a folder durable, where the file system can.
func (h *Handler) syncFolder(name string) {
	if d, err := h.root.Open(name); err == nil {
		_ = d.Sync()
		_ = d.Close()
	}
}

func (h *Handler) delete(w http.ResponseWriter, r *http.Request, p location) {
	if p.isRoot() {
		fail(w, &fault{http.StatusForbidden, "the folder itself cannot be deleted"})
		return
	}
	cond, err := conditionOf(r.Header)
	if err == nil {
		err = h.unlocked(r, func() error { return h.remove(p, cond) })
	}
	if err != nil {
		fail(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// remove deletes a file, or a folder with all that is in it. A folder is gone
// at once, under a hidden name, before its content is.
func (h *Handler) remove(p location, cond condition) error {
	gone := path.Join(path.Dir(p.name), hidden+rand.Text())
	h.commit.Lock()
	folder, err := func() (bool, error) {
		st, err := h.lookup(p.name)
		if err != nil {
			return false, err
		}
		if err := cond.check(st); err != nil {
			return false, err
		}
		if st == nil || p.folder && !st.IsDir() {
			return false, os.ErrNotExist
		}
		if !st.IsDir() {
			return false, h.root.Remove(p.name)
		}
		return true, h.root.Rename(p.name, gone)
	}()
	h.commit.Unlock()
	if err != nil {
		return err
	}
	if folder {
		if err := h.root.RemoveAll(gone); err != nil {
			return fmt.Errorf("delete folder: %w", err)
		}
	}
	h.syncFolder(path.Dir(p.name))
	return nil
}
