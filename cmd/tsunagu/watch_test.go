package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"gopkg.in/yaml.v3"
)

var metricNames = regexp.MustCompile(`\b(tsunagu|go_sql)_[a-z_]+`)

// The board and the alerts name only metrics that the program has, and the board shows each of its own.
func TestBoardAndAlertsNameWhatIsMeasured(t *testing.T) {
	w := newWorld(t, "sqlite:"+filepath.Join(t.TempDir(), "tsunagu.db"))
	measured := map[string]bool{}
	descriptions := make(chan *prometheus.Desc)
	go func() { w.registry.Describe(descriptions); close(descriptions) }()
	name := regexp.MustCompile(`fqName: "([^"]+)"`)
	for d := range descriptions {
		measured[name.FindStringSubmatch(d.String())[1]] = true
	}
	board, alerts := document(t, "grafana.json"), document(t, "alerts.yaml")
	shown := map[string]bool{}
	for _, text := range []string{board, alerts} {
		for _, m := range metricNames.FindAllString(text, -1) {
			m = strings.TrimSuffix(m, "_bucket")
			shown[m] = true
			if !measured[m] {
				t.Errorf("%s is not measured", m)
			}
		}
	}
	for m := range measured {
		if strings.HasPrefix(m, "tsunagu_") && !shown[m] {
			t.Errorf("%s is on no panel and in no alert", m)
		}
	}
	if err := json.Unmarshal([]byte(board), new(any)); err != nil {
		t.Errorf("grafana.json: %v", err)
	}
}

// Each alert has its section in the runbook, and each section its alert.
func TestEveryAlertIsInTheRunbook(t *testing.T) {
	var rules struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr string
				Labels      struct{ Severity string }
				Annotations struct{ Summary, Runbook string }
			}
		}
	}
	if err := yaml.Unmarshal([]byte(document(t, "alerts.yaml")), &rules); err != nil {
		t.Fatal(err)
	}
	var alerts []string
	for _, r := range rules.Groups[0].Rules {
		alerts = append(alerts, r.Alert)
		if r.Expr == "" || r.Annotations.Summary == "" || r.Annotations.Runbook != "docs/runbook.md#"+strings.ToLower(r.Alert) ||
			r.Labels.Severity != "page" && r.Labels.Severity != "ticket" {
			t.Errorf("alert %+v", r)
		}
	}
	var sections []string
	for _, found := range regexp.MustCompile(`(?m)^### (\w+)$`).FindAllStringSubmatch(document(t, "runbook.md"), -1) {
		sections = append(sections, found[1])
	}
	if !slices.Equal(alerts, sections) {
		t.Errorf("alerts   %v\nsections %v", alerts, sections)
	}
}

func document(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
