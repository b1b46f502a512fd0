package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// row is what a package may import: packages of this module, and modules of
// third parties. The standard library is free to all.
type importRow struct{ ours, theirs []string }

// importTable is the direction of the house: cmd over proxy and admin over
// tokens and metrics. A new package is a new row, so that adding one is a
// decision. Tests are held to the same table, but for what testsMay adds.
var importTable = map[string]importRow{
	"metrics":                 {theirs: []string{"github.com/prometheus/client_golang"}},
	"metrics/accesslog":       {theirs: []string{"go.uber.org/zap"}},
	"tokens":                  {},
	"tokens/accounts":         {ours: []string{"tokens"}, theirs: []string{"golang.org/x/crypto"}},
	"tokens/keyring":          {ours: []string{"tokens"}},
	"tokens/storetest":        {ours: []string{"tokens"}},
	"tokens/memstore":         {ours: []string{"tokens"}},
	"tokens/record":           {ours: []string{"tokens"}},
	"tokens/feed":             {ours: []string{"tokens"}},
	"tokens/badgerstore":      {ours: []string{"tokens", "tokens/feed", "tokens/record"}, theirs: []string{"github.com/dgraph-io/badger/v4", "golang.org/x/sys"}},
	"tokens/etcdstore/engine": {ours: []string{"tokens", "tokens/feed", "tokens/record"}, theirs: []string{"go.etcd.io/etcd", "google.golang.org/grpc", "go.uber.org/zap"}},
	"tokens/etcdstore":        {ours: []string{"tokens", "tokens/badgerstore", "tokens/cachestore", "tokens/etcdstore/engine", "tokens/feed", "tokens/record"}},
	"proxy/sigv4":             {ours: []string{"tokens"}},
	"proxy/sigv4/payload":     {ours: []string{"proxy/sigv4"}, theirs: []string{"github.com/minio/crc64nvme"}},
	"proxy/sigv4/postpolicy":  {ours: []string{"proxy/sigv4", "tokens"}},
	"proxy/s3":                {ours: []string{"proxy/sigv4", "tokens"}},
	"proxy/caller":            {ours: []string{"proxy/sigv4", "proxy/sigv4/postpolicy", "tokens", "tokens/accounts"}},
	"proxy/lane":              {theirs: []string{"golang.org/x/net", "golang.org/x/sys"}},
	"tokens/cachestore":       {ours: []string{"tokens"}},
	"proxy/upstream":          {ours: []string{"proxy/upstream/folder"}, theirs: []string{"golang.org/x/net", "golang.org/x/sys"}},
	"proxy/upstream/folder":   {theirs: []string{"golang.org/x/net"}},
	"proxy":                   {ours: []string{"metrics", "metrics/accesslog", "proxy/caller", "proxy/s3", "proxy/sigv4", "proxy/sigv4/payload", "proxy/sigv4/postpolicy", "proxy/upstream", "tokens", "tokens/accounts"}, theirs: []string{"github.com/gabriel-vasile/mimetype"}},
	"admin/api":               {ours: []string{"proxy/caller", "tokens", "tokens/accounts"}, theirs: []string{"github.com/labstack/echo/v4"}},
	"admin/filerepository":    {ours: []string{"admin/api", "proxy/caller", "tokens", "tokens/accounts"}, theirs: []string{"github.com/labstack/echo/v4"}},
	"admin/usertokens":        {ours: []string{"admin/api", "proxy/caller", "tokens", "tokens/accounts"}, theirs: []string{"github.com/labstack/echo/v4"}},
	"admin/accesstokens":      {ours: []string{"admin/api", "proxy/caller", "tokens", "tokens/accounts"}, theirs: []string{"github.com/labstack/echo/v4"}},
	"admin/management":        {ours: []string{"admin/api", "proxy/caller", "tokens", "tokens/accounts"}, theirs: []string{"github.com/labstack/echo/v4"}},
	"admin/contentgateway":    {ours: []string{"proxy/caller", "tokens", "tokens/accounts"}, theirs: []string{"github.com/labstack/echo/v4"}},
	"admin":                   {ours: []string{"admin/accesstokens", "admin/api", "admin/contentgateway", "admin/filerepository", "admin/management", "admin/usertokens", "metrics", "metrics/accesslog", "proxy/caller", "tokens", "tokens/accounts"}, theirs: []string{"github.com/labstack/echo/v4", "go.uber.org/zap"}},
	"cmd/tollgate/conf":       {ours: []string{"tokens"}, theirs: []string{"go.yaml.in/yaml/v3", "github.com/fsnotify/fsnotify"}},
	"cmd/tollgate/bench":      {ours: []string{"proxy/sigv4", "proxy/sigv4/payload", "tokens", "tokens/badgerstore", "tokens/keyring"}, theirs: []string{"golang.org/x/sys"}},
	"cmd/tollgate":            {ours: []string{"*"}, theirs: []string{"github.com/alecthomas/kong", "github.com/labstack/echo/v4", "github.com/pires/go-proxyproto", "github.com/prometheus/client_golang", "go.uber.org/zap", "golang.org/x/term"}},
}

// testsMay is what the tests of a package may import beside its row, the
// package itself and the leak detector.
var testsMay = map[string]importRow{
	"admin":                {ours: []string{"tokens/keyring", "tokens/memstore"}, theirs: []string{"github.com/prometheus/client_golang", "golang.org/x/crypto"}},
	"metrics":              {theirs: []string{"github.com/prometheus/client_model", "github.com/prometheus/common", "google.golang.org/protobuf"}},
	"tokens":               {ours: []string{"tokens/memstore"}},
	"tokens/accounts":      {theirs: []string{"go.yaml.in/yaml/v3"}},
	"tokens/memstore":      {ours: []string{"tokens/storetest"}},
	"tokens/badgerstore":   {ours: []string{"tokens/memstore", "tokens/storetest"}},
	"proxy":                {ours: []string{"tokens/keyring", "tokens/memstore"}, theirs: []string{"github.com/prometheus/client_golang", "go.uber.org/zap"}},
	"proxy/caller":         {ours: []string{"tokens/memstore"}},
	"admin/filerepository": {ours: []string{"tokens/keyring", "tokens/memstore"}},
	"admin/usertokens":     {ours: []string{"tokens/keyring", "tokens/memstore"}},
	"admin/accesstokens":   {ours: []string{"tokens/keyring", "tokens/memstore"}},
	"admin/management":     {ours: []string{"tokens/keyring", "tokens/memstore"}},
	"proxy/upstream":       {theirs: []string{"go.yaml.in/yaml/v3"}},
	"tokens/storetest":     {ours: []string{"tokens/memstore"}},
	"tokens/cachestore":    {ours: []string{"tokens/badgerstore", "tokens/memstore", "tokens/storetest"}},
	"cmd/tollgate":         {theirs: []string{"golang.org/x/crypto", "golang.org/x/net"}},
}

const modulePath = "tollgate"

func TestImportsPointDown(t *testing.T) {
	root := filepath.Join("..", "..")
	seen := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || isModule(path)) {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		pkg := filepath.ToSlash(filepath.Dir(rel))
		seen[pkg] = true
		checkImports(t, path, pkg)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for pkg := range importTable {
		if !seen[pkg] {
			t.Errorf("the table has a row for %s, which is no package", pkg)
		}
	}
}

func isModule(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil
}

// checkImports reads the file itself: the result of a command would be cached.
func checkImports(t *testing.T, path, pkg string) {
	t.Helper()
	row, known := importTable[pkg]
	if !known {
		t.Errorf("%s: package %s has no row in the import table", path, pkg)
		return
	}
	if strings.HasSuffix(path, "_test.go") {
		more := testsMay[pkg]
		row = importRow{
			slices.Concat(row.ours, more.ours, []string{pkg}),
			slices.Concat(row.theirs, more.theirs, []string{"go.uber.org/goleak"}),
		}
	}
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	for _, spec := range file.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		if !row.allows(name) {
			t.Errorf("%s imports %s, which %s may not", path, name, pkg)
		}
	}
}

func (r importRow) allows(name string) bool {
	if ours, ok := strings.CutPrefix(name, modulePath+"/"); ok {
		return slices.Contains(r.ours, "*") || slices.Contains(r.ours, ours)
	}
	if first, _, _ := strings.Cut(name, "/"); !strings.Contains(first, ".") {
		return true
	}
	return slices.ContainsFunc(r.theirs, func(module string) bool {
		return name == module || strings.HasPrefix(name, module+"/")
	})
}
