package filerepository_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// uuid is a token's value: version 4 in capitals.
var uuid = regexp.MustCompile(`[0-9A-F]{8}-[0-9A-F]{4}-4[0-9A-F]{3}-[89AB][0-9A-F]{3}-[0-9A-F]{12}`)

// A golden file is a play: requests as they are sent and answers as they must
// come, byte for byte but for the white space between the parts of JSON. The
// values of tokens are drawn, so the files' stand for those.
func TestGoldenExchanges(t *testing.T) {
	files, err := filepath.Glob("testdata/*.golden")
	if err != nil || len(files) < 5 {
		t.Fatalf("%d golden files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			p := &play{w: newWorld(t), drawn: map[string]string{}}
			for _, part := range strings.Split(string(text), "\n--- ")[1:] {
				head, body, _ := strings.Cut(part+"\n", "\n")
				p.act(t, head, body)
			}
			if p.answers == 0 {
				t.Error("the file has no answer")
			}
		})
	}
}

// play is where a golden file has come to.
type play struct {
	w       *world
	drawn   map[string]string // from the file's values to those that were drawn
	last    reply
	answers int
}

func (p *play) act(t *testing.T, head, body string) {
	t.Helper()
	word, argument, _ := strings.Cut(head, " ")
	switch word {
	case "clock":
		now, err := time.Parse(time.RFC3339, argument)
		if err != nil {
			t.Fatal(err)
		}
		p.w.now = now
	case "request":
		line, content, _ := strings.Cut(body, "\n")
		method, path, _ := strings.Cut(line, " ")
		for written, real := range p.drawn {
			path = strings.ReplaceAll(path, written, real)
		}
		p.last = p.w.send("", method, path, strings.TrimSpace(content))
	case "response":
		p.compare(t, argument, body)
		p.answers++
	default:
		t.Fatalf("%q is no part of a play", head)
	}
}

func (p *play) compare(t *testing.T, status, body string) {
	t.Helper()
	var want bytes.Buffer
	if err := json.Compact(&want, []byte(body)); err != nil {
		t.Fatal(err)
	}
	got := p.last.body
	if p.last.StatusCode == http.StatusAccepted {
		p.drawn[uuid.FindString(want.String())] = uuid.FindString(got)
	}
	for written, real := range p.drawn {
		got = strings.ReplaceAll(got, real, written)
	}
	if fmt.Sprint(p.last.StatusCode) != status || got != want.String() {
		t.Errorf("%s %s\n got %d %s\nwant %s %s", p.last.Request.Method, p.last.Request.URL.Path, p.last.StatusCode, got, status, want.String())
	}
}
