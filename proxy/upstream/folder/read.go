package folder

import (
	"context"
	"encoding/json"
	"fmt"
	"html"
	"io/fs"
	"mime"
	"net/http"
	"net/url"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"
	"time"
)

// info is what is known of a file, with what WebDAV asks for.
type info struct{ fs.FileInfo }

// ETag changes with every upload, which makes a new file each time, and with
// every change in place that moves the time or the size.
func (i info) ETag(context.Context) (string, error) { return i.etag(), nil }

func (i info) etag() string {
	var inode uint64
	if st, ok := i.Sys().(*syscall.Stat_t); ok {
		inode = st.Ino
	}
	return fmt.Sprintf(`"%x-%x-%x"`, inode, i.ModTime().UnixNano(), i.Size())
}

// ContentType goes by the name alone: guessing from the content would let an
// uploader choose what a browser runs.
func (i info) ContentType(context.Context) (string, error) { return typeOf(i.Name()), nil }

func typeOf(name string) string {
	if t := mime.TypeByExtension(path.Ext(name)); t != "" {
		return t
	}
	return "application/octet-stream"
}

func (h *Handler) get(w http.ResponseWriter, r *http.Request, p location) {
	// Not blocking matters for a named pipe, whose opening would never end.
	f, err := h.root.OpenFile(p.name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		fail(w, err)
		return
	}
	defer func() { _ = f.Close() }()
	st, err := f.Stat()
	switch {
	case err != nil:
		fail(w, err)
	case st.IsDir() && !p.folder:
		redirectToFolder(w, r)
	case st.IsDir():
		h.list(w, r, p, f)
	case p.folder:
		fail(w, os.ErrNotExist)
	case !st.Mode().IsRegular():
		fail(w, &fault{http.StatusForbidden, "this is neither a file nor a folder"})
	default:
		w.Header().Set("ETag", info{st}.etag())
		w.Header().Set("Content-Type", typeOf(p.name))
		w.Header().Set("X-Content-Type-Options", "nosniff")
		http.ServeContent(w, r, "", st.ModTime(), f)
	}
}

// redirectToFolder adds the slash. The address is relative, since the client
// may know the folder under another path.
func redirectToFolder(w http.ResponseWriter, r *http.Request) {
	escaped := r.URL.EscapedPath()
	to := "./" + escaped[strings.LastIndexByte(escaped, '/')+1:] + "/"
	if r.URL.RawQuery != "" {
		to += "?" + r.URL.RawQuery
	}
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusMovedPermanently)
}

// entry is one line of a listing.
type entry struct {
	Name     string    `json:"name"`
	Folder   bool      `json:"folder"`
	Size     int64     `json:"size"`
	Modified time.Time `json:"modified"`
}

func (h *Handler) list(w http.ResponseWriter, r *http.Request, p location, dir *os.File) {
	entries, err := h.entries(p.name, dir)
	if err != nil {
		fail(w, err)
		return
	}
	head := w.Header()
	head.Set("Vary", "Accept")
	head.Set("Cache-Control", "no-cache")
	head.Set("X-Content-Type-Options", "nosniff")
	accept := r.Header.Get("Accept")
	if strings.Contains(accept, "application/json") && !strings.Contains(accept, "text/html") {
		head.Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusOK)
		if r.Method != http.MethodHead {
			_ = json.NewEncoder(w).Encode(entries) // only the client's connection can fail
		}
		return
	}
	head.Set("Content-Type", "text/html; charset=utf-8")
	head.Set("Content-Security-Policy", "default-src 'none'")
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write(page(r.URL.Path, p.isRoot(), entries))
	}
}

// entries reads a folder, sorted by name. Links that lead out of the root, or
// nowhere, are left out.
func (h *Handler) entries(name string, dir *os.File) ([]entry, error) {
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("read folder: %w", err)
	}
	slices.Sort(names)
	entries := make([]entry, 0, len(names))
	for _, n := range names {
		if strings.HasPrefix(n, hidden) {
			continue
		}
		st, err := h.root.Stat(path.Join(name, n))
		if err != nil {
			continue
		}
		e := entry{Name: n, Folder: st.IsDir(), Modified: st.ModTime().UTC()}
		if !e.Folder {
			e.Size = st.Size()
		}
		entries = append(entries, e)
	}
	return entries, nil
}

func page(at string, top bool, entries []entry) []byte {
	var b strings.Builder
	title := html.EscapeString(at)
	fmt.Fprintf(&b, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>%s</title></head>\n<body><h1>%s</h1>\n<table>\n", title, title)
	b.WriteString("<tr><th>Name</th><th>Size</th><th>Modified</th></tr>\n")
	if !top {
		b.WriteString("<tr><td><a href=\"../\">../</a></td><td></td><td></td></tr>\n")
	}
	for _, e := range entries {
		slash, size := "", fmt.Sprint(e.Size)
		if e.Folder {
			slash, size = "/", ""
		}
		fmt.Fprintf(&b, "<tr><td><a href=\"%s\">%s%s</a></td><td>%s</td><td>%s</td></tr>\n",
			html.EscapeString("./"+url.PathEscape(e.Name)+slash), html.EscapeString(e.Name), slash,
			size, e.Modified.Format(time.RFC3339))
	}
	b.WriteString("</table></body></html>\n")
	return []byte(b.String())
}
