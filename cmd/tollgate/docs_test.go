package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tollgate/admin"
	"tollgate/proxy"
)

// TestOperationsNamesEveryReason: an operator who reads a reason in the log
// finds it explained.
func TestOperationsNamesEveryReason(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "OPERATIONS.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, reason := range append(proxy.Reasons(), admin.Reasons()...) {
		if !strings.Contains(string(text), "| `"+reason+"` |") {
			t.Errorf("docs/OPERATIONS.md does not explain %q", reason)
		}
	}
}
