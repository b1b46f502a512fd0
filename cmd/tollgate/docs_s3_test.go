package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tollgate/proxy/s3"
	"tollgate/tokens"
)

// operationsTable is the table of operations as docs/S3.md has it, from the
// one that decides.
func operationsTable() string {
	reaches := map[tokens.Reach]string{
		tokens.Exact: "the object", tokens.Under: "the prefix that is listed", tokens.Whole: "the whole bucket",
		tokens.Within: "anything in the bucket", tokens.Everywhere: "anything, anywhere",
	}
	var order []string
	names := map[string][]string{}
	for _, o := range s3.Operations() {
		needs := strings.Join(o.Needs.Names(), " and ")
		switch {
		case o.Needs == tokens.StorageAll:
			needs = "**all**"
		case needs == "":
			needs = "any right"
		default:
			needs = "`" + strings.ReplaceAll(needs, " and ", "` and `") + "`"
		}
		row := needs + " | " + reaches[o.Reach]
		if names[row] == nil {
			order = append(order, row)
		}
		if !slices.Contains(names[row], o.Name) {
			names[row] = append(names[row], o.Name)
		}
	}
	var b strings.Builder
	b.WriteString("| Needs | on | Operations |\n|---|---|---|\n")
	for _, row := range order {
		fmt.Fprintf(&b, "| %s | %s |\n", row, strings.Join(names[row], ", "))
	}
	return b.String()
}

// TestS3NamesEveryOperation: what the document says of rights is what holds.
func TestS3NamesEveryOperation(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "S3.md"))
	if err != nil {
		t.Fatal(err)
	}
	if table := operationsTable(); !strings.Contains(string(text), table) {
		t.Errorf("docs/S3.md has not this table:\n%s", table)
	}
	for _, name := range s3.Reserved() {
		if !strings.Contains(string(text), "`"+name+"`") {
			t.Errorf("docs/S3.md does not name the reserved bucket %s", name)
		}
	}
}
