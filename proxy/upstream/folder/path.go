package folder

import (
	"net/http"
	"path"
	"strings"
)

// hidden begins the names of unfinished uploads and of folders being deleted.
// Such names are not there for anybody else.
const hidden = ".tollgate-tmp-"

// maxName is what Linux file systems take, in bytes.
const maxName = 255

// The bounds of a path: as long as Linux takes, and as deep as anybody needs.
const (
	maxPath     = 4096
	maxSegments = 255
)

// location is a checked path.
type location struct {
	name   string // relative to the folder, as os.Root wants it; . is the folder itself
	folder bool   // it was written with a slash at its end
}

func (l location) isRoot() bool { return l.name == "." }

// parsePath checks a decoded URL path. Two spellings never mean one file: dot
// segments and empty segments are refused rather than cleaned away, since
// rights were decided on the path as it was written.
func parsePath(p string) (location, error) {
	rest, ok := strings.CutPrefix(p, "/")
	if !ok {
		return location{}, &fault{http.StatusBadRequest, "the path does not begin with a slash"}
	}
	if len(p) > maxPath || strings.Count(p, "/") > maxSegments {
		return location{}, &fault{http.StatusBadRequest, "the path is too long or too deep"}
	}
	if strings.ContainsRune(rest, 0) {
		return location{}, &fault{http.StatusBadRequest, "the path has a zero byte"}
	}
	if rest == "" {
		return location{name: ".", folder: true}, nil
	}
	name, folder := strings.CutSuffix(rest, "/")
	for segment := range strings.SplitSeq(name, "/") {
		switch {
		case segment == "":
			return location{}, &fault{http.StatusBadRequest, "the path has an empty segment"}
		case segment == "." || segment == "..":
			return location{}, &fault{http.StatusBadRequest, "the path has a dot segment"}
		case len(segment) > maxName:
			return location{}, &fault{http.StatusBadRequest, "the path has a name of more than 255 bytes"}
		case strings.HasPrefix(segment, hidden):
			return location{}, &fault{http.StatusNotFound, "there is no such file or folder"}
		}
	}
	return location{name: name, folder: folder}, nil
}

// parents yields the folders above name, the nearest first and . last.
func parents(name string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for name != "." {
			name = path.Dir(name)
			if !yield(name) {
				return
			}
		}
	}
}
