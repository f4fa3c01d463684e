package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"allasfs/cache"
	"allasfs/fs"
	"allasfs/s3"
)

// everything is a state in which each metric has a value.
func everything() fs.Status {
	answers := make([]int64, len(s3.AnswerTimes())+1)
	answers[0], answers[2], answers[len(answers)-1] = 4, 1, 2
	return fs.Status{
		Since: time.Unix(1_700_000_000, 0), Cache: cache.Stats{Used: 5, Size: 10, Hits: 3, Misses: 1, MissBytes: 77, LastError: "no space left"},
		Queue:   fs.QueueState{Files: 2, Bytes: 9, DoneFiles: 4, DoneBytes: 40},
		Drafts:  []fs.DraftState{{State: "conflict"}, {State: "conflict"}},
		Sources: []fs.SourceState{{Name: "a"}, {Name: "b", Error: "no network"}},
		Full:    []fs.SpaceWarning{{Bucket: "a", What: "objects", Used: 96, Limit: 100}},
		Requests: s3.Stats{Operations: []s3.OperationStats{{
			Operation: "get", Outcomes: map[string]int64{"2xx": 6, "busy": 1}, Retries: 1, Sent: 1, Received: 300, Answers: answers, Waited: 12 * time.Second,
		}}},
	}
}

// scrape serves metrics of everything at addr and returns what a GET of path answers.
func scrape(t *testing.T, addr, path string, profiles bool) (status int, body string) {
	t.Helper()
	s, err := serveMetrics(t.Context(), addr, profiles, newMetrics(everything), slog.New(slog.DiscardHandler))
	fatal(t, err)
	defer func() { fatal(t, s.close()) }()
	var d net.Dialer
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return d.DialContext(ctx, s.addr.Network(), s.addr.String())
	}}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost"+path, nil)
	fatal(t, err)
	resp, err := client.Do(req)
	fatal(t, err)
	defer resp.Body.Close()
	all, err := io.ReadAll(resp.Body)
	fatal(t, err)
	return resp.StatusCode, string(all)
}

// What status tells is what Prometheus reads.
func TestMetrics(t *testing.T) {
	_, body := scrape(t, "127.0.0.1:0", "/metrics", false)
	for _, want := range []string{
		"allasfs_cache_bytes 5", "allasfs_cache_limit_bytes 10", "allasfs_cache_disk_failing 1", "allasfs_read_bytes_total 77", "allasfs_queue_files 2",
		`allasfs_drafts{state="conflict"} 2`, `allasfs_drafts{state="open"} 0`, `allasfs_source_up{source="b"} 0`, `allasfs_source_up{source="a"} 1`,
		`allasfs_store_used_ratio{bucket="a",what="objects"} 0.96`, `allasfs_s3_requests_total{code="busy",operation="get"} 1`,
		`allasfs_s3_received_bytes_total{operation="get"} 300`, `allasfs_s3_request_duration_seconds_bucket{operation="get",le="0.025"} 5`,
		`allasfs_s3_request_duration_seconds_bucket{operation="get",le="10"} 5`, `allasfs_s3_request_duration_seconds_bucket{operation="get",le="+Inf"} 7`,
		`allasfs_s3_request_duration_seconds_sum{operation="get"} 12`, "allasfs_mounted_timestamp_seconds 1.7e+09",
	} {
		if !strings.Contains(body, want+"\n") {
			t.Errorf("no line %q", want)
		}
	}
	if !strings.Contains(body, "go_goroutines ") || !strings.Contains(body, "process_open_fds ") {
		t.Error("nothing of the runtime or the process")
	}
}

// The age of the oldest change is that of the draft that began first; a clock that was set back makes none younger than now.
func TestMetricsOldestDraft(t *testing.T) {
	now := time.Now()
	hour := fs.DraftState{Since: now.Add(-time.Hour)}
	for _, c := range []struct {
		name     string
		drafts   []fs.DraftState
		from, to float64
	}{
		{"none", nil, 0, 0},
		{"not known", []fs.DraftState{{}}, 0, 0},
		{"from the future", []fs.DraftState{{Since: now.Add(1000 * time.Hour)}}, 0, 0},
		{"oldest", []fs.DraftState{{Since: now.Add(-time.Minute)}, hour, {}}, 3600, 7200},
	} {
		if got := oldestDraft(fs.Status{Drafts: c.drafts}); got < c.from || got > c.to {
			t.Errorf("%s: %v seconds", c.name, got)
		}
	}
}

// Profiles are served when they are asked for alone.
func TestProfiles(t *testing.T) {
	if status, _ := scrape(t, "127.0.0.1:0", "/debug/pprof/heap", false); status != http.StatusNotFound {
		t.Errorf("not wanted: %d", status)
	}
	if status, body := scrape(t, "127.0.0.1:0", "/debug/pprof/goroutine?debug=1", true); status != http.StatusOK || !strings.Contains(body, "goroutine profile") {
		t.Errorf("wanted: %d", status)
	}
}

// The socket is its owner's alone and gone with the mount; what a dead daemon left is replaced, what somebody uses or is no socket is not.
func TestMetricsSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m")
	log := slog.New(slog.DiscardHandler)
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	fatal(t, err)
	dead.SetUnlinkOnClose(false)
	fatal(t, dead.Close())
	s, err := serveMetrics(t.Context(), "unix:"+path, false, prometheus.NewRegistry(), log)
	fatal(t, err)
	info, err := os.Stat(path)
	fatal(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	if other, err := serveMetrics(t.Context(), "unix:"+path, false, prometheus.NewRegistry(), log); err == nil {
		t.Error("took the socket of a living daemon", other.close())
	}
	fatal(t, s.close())
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("left: %v", err)
	}
	fatal(t, os.WriteFile(path, []byte("mine"), 0o600))
	if other, err := serveMetrics(t.Context(), "unix:"+path, false, prometheus.NewRegistry(), log); err == nil {
		t.Error("took a file for a socket", other.close())
	}
	if data, err := os.ReadFile(path); err != nil || string(data) != "mine" {
		t.Errorf("the file is gone: %v", err)
	}
	if status, _ := scrape(t, "unix:"+path+"2", "/metrics", false); status != http.StatusOK {
		t.Errorf("answers %d", status)
	}
}

func TestCheckMetrics(t *testing.T) {
	for _, ok := range []string{"", "127.0.0.1:9419", "[::1]:9419", "localhost:0", "unix:/run/x"} {
		fatal(t, checkMetrics(ok, false))
	}
	for _, bad := range []string{":9419", "0.0.0.0:9419", "10.1.2.3:1", "example.org:1", "9419", "unix:here", "unix:"} {
		if checkMetrics(bad, false) == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	if checkMetrics("", true) == nil {
		t.Error("profiles are served nowhere")
	}
}

// promtool finds nothing wrong with the names, units and texts, nor with the alert rules, which do what their tests say.
func TestPromtool(t *testing.T) {
	tool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not there: scripts/setup tools")
	}
	_, body := scrape(t, "127.0.0.1:0", "/metrics", false)
	for _, c := range [][]string{{"check", "metrics"}, {"check", "rules", "alerts.yml"}, {"test", "rules", "alerts_test.yml"}} {
		cmd := exec.CommandContext(t.Context(), tool, c...)
		cmd.Dir, cmd.Stdin = filepath.Join("..", "..", "scripts", "metrics"), strings.NewReader(onlyOurs(body))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("promtool %v: %v\n%s", c, err, out)
		}
	}
}

// onlyOurs is a scrape without what the libraries tell of the runtime.
func onlyOurs(body string) string {
	var b strings.Builder
	for l := range strings.Lines(body) {
		if strings.Contains(l, "allasfs_") {
			b.WriteString(l)
		}
	}
	return b.String()
}

// The dashboard and the rules name only metrics that there are.
func TestMetricsNamedExist(t *testing.T) {
	_, body := scrape(t, "127.0.0.1:0", "/metrics", false)
	name := regexp.MustCompile(`\ballasfs_\w+`)
	there := name.FindAllString(body, -1)
	for _, file := range []string{"dashboard.json", "alerts.yml", "alerts_test.yml"} {
		data, err := os.ReadFile(filepath.Join("..", "..", "scripts", "metrics", file))
		fatal(t, err)
		if strings.HasSuffix(file, ".json") && !json.Valid(bytes.TrimSpace(data)) {
			t.Errorf("%s is no JSON", file)
		}
		named := name.FindAllString(string(data), -1)
		if len(named) == 0 {
			t.Errorf("%s names none", file)
		}
		for _, n := range named {
			if !slices.Contains(there, n) {
				t.Errorf("%s names %s", file, n)
			}
		}
	}
}
