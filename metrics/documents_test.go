package metrics_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"tollgate/metrics"
)

// described notes the metrics that are registered, with their labels.
type described struct{ labels map[string][]string }

var errNoDescription = errors.New("description cannot be read")

func (d *described) Register(c prometheus.Collector) error {
	read := regexp.MustCompile(`fqName: "([a-z_]+)".*variableLabels: \{([a-z_,]*)\}`)
	descs := make(chan *prometheus.Desc, 1000)
	c.Describe(descs)
	close(descs)
	for desc := range descs {
		m := read.FindStringSubmatch(desc.String())
		switch {
		case m != nil:
			d.labels[m[1]] = strings.Split(m[2], ",")
		case strings.Contains(desc.String(), "tollgate_"):
			return fmt.Errorf("%w: %s", errNoDescription, desc)
		}
	}
	return nil
}

func (d *described) MustRegister(cs ...prometheus.Collector) {
	for _, c := range cs {
		if err := d.Register(c); err != nil {
			panic(err)
		}
	}
}

func (d *described) Unregister(prometheus.Collector) bool { return false }

// registered returns the labels of each metric of tollgate.
func registered(t *testing.T) map[string][]string {
	t.Helper()
	d := &described{labels: map[string][]string{}}
	metrics.New(d, metrics.Build{})
	for name := range d.labels {
		if !strings.HasPrefix(name, "tollgate_") {
			delete(d.labels, name)
		}
	}
	return d.labels
}

func document(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "docs", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// mentioned returns the metrics that a text names.
func mentioned(text string) []string {
	var names []string
	for _, name := range regexp.MustCompile(`tollgate_[a-z_]+`).FindAllString(text, -1) {
		if strings.Contains(name, "_duration_seconds_") {
			name = regexp.MustCompile(`_(bucket|count|sum)$`).ReplaceAllString(name, "")
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func TestDescriptionsAreAllSeen(t *testing.T) {
	m, reg := fresh(t)
	everything(m)
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	known := registered(t)
	seen := 0
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "tollgate_") {
			continue
		}
		seen++
		if _, ok := known[f.GetName()]; !ok {
			t.Errorf("%s is shown and not described", f.GetName())
		}
	}
	if seen != len(known) {
		t.Errorf("%d metrics are shown after every event, %d are described", seen, len(known))
	}
}

func TestDocumentsNameOnlyMetricsThatExist(t *testing.T) {
	known := registered(t)
	for _, name := range []string{"grafana-dashboard.json", "alerts.yaml"} {
		names := mentioned(document(t, name))
		if len(names) < 5 {
			t.Errorf("%s names only %v", name, names)
		}
		for _, metric := range names {
			if _, ok := known[metric]; !ok {
				t.Errorf("%s names %s, which does not exist", name, metric)
			}
		}
	}
}

func TestDashboardShowsEveryMetric(t *testing.T) {
	var exceptions []string // none so far; a metric that no panel can use goes here, with the reason
	shown := mentioned(document(t, "grafana-dashboard.json"))
	for metric := range registered(t) {
		if !slices.Contains(shown, metric) && !slices.Contains(exceptions, metric) {
			t.Errorf("no panel shows %s", metric)
		}
	}
}

// expressions returns what a document asks Prometheus, each on one line.
func expressions(t *testing.T) []string {
	t.Helper()
	var found []string
	for _, p := range dashboard(t).Panels {
		for _, target := range p.Targets {
			found = append(found, target.Expr)
		}
	}
	alert := regexp.MustCompile(`(?s)\n\s+expr: (?:\|\n)?(.*?)\n\s+(?:for|labels):`)
	for _, m := range alert.FindAllStringSubmatch(document(t, "alerts.yaml"), -1) {
		found = append(found, strings.Join(strings.Fields(m[1]), " "))
	}
	if len(found) < 40 {
		t.Fatalf("only %d expressions found", len(found))
	}
	return found
}

func TestExpressionsUseLabelsThatTheirMetricsHave(t *testing.T) {
	known := registered(t)
	selector := regexp.MustCompile(`(tollgate_[a-z_]+)\{([^}]*)\}`)
	grouping := regexp.MustCompile(`by \(([a-z_, ]+)\)`)
	label := regexp.MustCompile(`([a-z_]+)\s*(?:=~|!~|!=|=)`)
	always := []string{"job", "instance", "le"}
	for _, expr := range expressions(t) {
		if strings.Count(expr, "(") != strings.Count(expr, ")") || strings.Count(expr, "{") != strings.Count(expr, "}") {
			t.Errorf("brackets do not match in %s", expr)
		}
		allowed := slices.Clone(always)
		for _, metric := range mentioned(expr) {
			allowed = append(allowed, known[metric]...)
		}
		for _, m := range selector.FindAllStringSubmatch(expr, -1) {
			of := known[mentioned(m[1])[0]]
			for _, l := range label.FindAllStringSubmatch(m[2], -1) {
				if !slices.Contains(of, l[1]) && !slices.Contains(always, l[1]) {
					t.Errorf("%s has no label %s, in %s", m[1], l[1], expr)
				}
			}
		}
		for _, m := range grouping.FindAllStringSubmatch(expr, -1) {
			for l := range strings.SplitSeq(m[1], ", ") {
				if !slices.Contains(allowed, l) {
					t.Errorf("nothing has a label %s, in %s", l, expr)
				}
			}
		}
	}
}

type panel struct {
	ID         int    `json:"id"`
	Type       string `json:"type"`
	Title      string `json:"title"`
	Datasource struct {
		UID string `json:"uid"`
	} `json:"datasource"`
	GridPos struct{ X, Y, W, H int } `json:"gridPos"`
	Targets []struct {
		RefID string `json:"refId"`
		Expr  string `json:"expr"`
	} `json:"targets"`
}

type board struct {
	Title         string  `json:"title"`
	UID           string  `json:"uid"`
	SchemaVersion int     `json:"schemaVersion"`
	Panels        []panel `json:"panels"`
	Templating    struct {
		List []struct {
			Name string `json:"name"`
			Type string `json:"type"`
		} `json:"list"`
	} `json:"templating"`
}

func dashboard(t *testing.T) board {
	t.Helper()
	var b board
	if err := json.Unmarshal([]byte(document(t, "grafana-dashboard.json")), &b); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestDashboardCanBeImported(t *testing.T) {
	b := dashboard(t)
	if b.SchemaVersion < 38 || b.UID == "" || b.Title == "" {
		t.Errorf("schema %d, uid %q, title %q", b.SchemaVersion, b.UID, b.Title)
	}
	variables := map[string]string{}
	for _, v := range b.Templating.List {
		variables[v.Name] = v.Type
	}
	if variables["datasource"] != "datasource" {
		t.Errorf("variables are %v, want a data source among them", variables)
	}
	ids := map[int]bool{}
	cells := map[[2]int]string{}
	for _, p := range b.Panels {
		if p.ID == 0 || ids[p.ID] || p.Title == "" {
			t.Errorf("panel %q has the id %d, which is none or taken", p.Title, p.ID)
		}
		ids[p.ID] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if at := [2]int{x, y}; x >= 24 || cells[at] != "" {
					t.Fatalf("panel %q lies over %q or beyond the edge at %v", p.Title, cells[at], at)
				}
				cells[[2]int{x, y}] = p.Title
			}
		}
		checkTargets(t, p, variables)
	}
}

func checkTargets(t *testing.T, p panel, variables map[string]string) {
	t.Helper()
	if p.Type == "row" {
		return
	}
	if len(p.Targets) == 0 || p.Datasource.UID != "${datasource}" {
		t.Errorf("panel %q has %d queries to %q", p.Title, len(p.Targets), p.Datasource.UID)
	}
	for _, target := range p.Targets {
		for _, m := range regexp.MustCompile(`\$([a-z]+)`).FindAllStringSubmatch(target.Expr, -1) {
			if variables[m[1]] == "" {
				t.Errorf("panel %q uses $%s, which is no variable", p.Title, m[1])
			}
		}
	}
}

func TestAlertsAreComplete(t *testing.T) {
	text := document(t, "alerts.yaml")
	if strings.Contains(text, "\t") {
		t.Error("YAML takes no tabs")
	}
	alerts := strings.Split(text, "- alert: ")[1:]
	seen := map[string]bool{}
	for _, a := range alerts {
		name, rest, _ := strings.Cut(a, "\n")
		if !strings.HasPrefix(name, "Tollgate") || seen[name] {
			t.Errorf("%q is no name of an alert or there twice", name)
		}
		seen[name] = true
		for _, key := range []string{"expr: ", "severity: ", "summary: ", "description: ", "runbook: "} {
			if n := strings.Count(rest, " "+key); n != 1 {
				t.Errorf("%s has %d of %s", name, n, key)
			}
		}
	}
	for _, want := range []string{"Down", "RefusalsSurge", "ServerErrors", "UpstreamUnhealthy", "StoreFull", "StoreErrors",
		"ReloadFailed", "PasswordGateBusy", "CertificateExpires"} {
		if !seen["Tollgate"+want] {
			t.Errorf("there is no alert Tollgate%s", want)
		}
	}
}
