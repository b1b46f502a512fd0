package folder

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
	"syscall"
	"testing"
)

func TestErrorsOfTheFileSystemHaveTheirStatus(t *testing.T) {
	for _, row := range []struct {
		err  error
		want int
	}{
		{syscall.ENOENT, http.StatusNotFound},
		{syscall.ENOTDIR, http.StatusNotFound},
		{syscall.EACCES, http.StatusForbidden},
		{syscall.EPERM, http.StatusForbidden},
		{syscall.ENOSPC, http.StatusInsufficientStorage},
		{syscall.EDQUOT, http.StatusInsufficientStorage},
		{syscall.ENAMETOOLONG, http.StatusBadRequest},
		{syscall.EISDIR, http.StatusConflict},
		{syscall.EEXIST, http.StatusConflict},
		{syscall.ELOOP, http.StatusForbidden},
		{syscall.EIO, http.StatusInternalServerError},
		{errors.New("unknown"), http.StatusInternalServerError},
	} {
		err := fmt.Errorf("write: %w", &fs.PathError{Op: "write", Path: "/srv/private", Err: row.err})
		if _, isErrno := row.err.(syscall.Errno); !isErrno { //nolint:errorlint // the row itself is asked
			err = row.err
		}
		got := faultOf(err)
		if got.status != row.want || strings.Contains(got.message, "private") {
			t.Errorf("%v: %d %s, want %d", row.err, got.status, got.message, row.want)
		}
	}
}

func FuzzParsePath(f *testing.F) {
	for _, seed := range []string{"/", "/a/b", "/../x", "//", "/a/", "/\x00", "/.tollgate-tmp-x", "x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, p string) {
		l, err := parsePath(p)
		if err != nil {
			return
		}
		back := "/" + l.name
		if l.isRoot() {
			back = "/"
		} else if l.folder {
			back += "/"
		}
		if back != p || !fs.ValidPath(strings.ToValidUTF8(l.name, "?")) {
			t.Errorf("%q became %+v", p, l)
		}
	})
}
