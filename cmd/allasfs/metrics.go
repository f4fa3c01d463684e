package main

// This file turns the state of a mount into metrics, when somebody asks for them: nothing is counted for them alone. Names and units follow the conventions
// of Prometheus; see scripts/metrics for a dashboard and alert rules that use them.

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"allasfs/fs"
	"allasfs/s3"
)

// metric is one number of a mount's state.
type metric struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	read func(fs.Status) float64
}

// mountMetrics is a collector of one mount.
type mountMetrics struct {
	status  func() fs.Status
	plain   []metric
	drafts  *prometheus.Desc
	source  *prometheus.Desc
	nearest *prometheus.Desc
	s3      requestMetrics
}

// newMetrics returns a registry of what status tells, of the Go runtime and of the process.
func newMetrics(status func() fs.Status) *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(newMountMetrics(status), collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

func newMountMetrics(status func() fs.Status) *mountMetrics {
	m := &mountMetrics{
		status:  status,
		drafts:  desc("drafts", "Changed files that are not in the store: open, closed or in conflict.", "state"),
		source:  desc("source_up", "Whether a source of a mount with several can be used.", "source"),
		nearest: desc("store_used_ratio", "How full a limit of the store is that is nearly reached; \"\" is the project.", "bucket", "what"),
		s3:      newRequestMetrics(),
	}
	gauge := func(name, help string, read func(fs.Status) float64) {
		m.plain = append(m.plain, metric{desc(name, help), prometheus.GaugeValue, read})
	}
	counter := func(name, help string, read func(fs.Status) float64) {
		m.plain = append(m.plain, metric{desc(name, help), prometheus.CounterValue, read})
	}
	gauge("cache_bytes", "Bytes that blocks take on disk.", func(s fs.Status) float64 { return float64(s.Cache.Used) })
	gauge("cache_limit_bytes", "Bytes that blocks may take on disk.", func(s fs.Status) float64 { return float64(s.Cache.Size) })
	gauge("cache_memory_bytes", "Bytes of blocks in memory.", func(s fs.Status) float64 { return float64(s.Cache.Memory) })
	gauge("cache_files", "Versions of objects in the cache or open.", func(s fs.Status) float64 { return float64(s.Cache.Files) })
	gauge("cache_disk_failing", "1 while the cache's disk refuses to be used, else 0.", func(s fs.Status) float64 { return oneIf(s.Cache.LastError != "") })
	gauge("downloads", "Downloads that run.", func(s fs.Status) float64 { return float64(s.Cache.Requests) })
	gauge("downloads_limit", "Downloads that may run; fewer while the store asks for patience.", func(s fs.Status) float64 { return float64(s.Cache.Budget) })
	counter("cache_hits_total", "Blocks read that were in the cache.", func(s fs.Status) float64 { return float64(s.Cache.Hits) })
	counter("cache_misses_total", "Blocks downloaded.", func(s fs.Status) float64 { return float64(s.Cache.Misses) })
	counter("cache_hit_bytes_total", "Bytes read from blocks that were in the cache.", func(s fs.Status) float64 { return float64(s.Cache.HitBytes) })
	counter("read_bytes_total", "Bytes downloaded for reads.", func(s fs.Status) float64 { return float64(s.Cache.MissBytes) })
	gauge("draft_bytes", "Bytes on disk of files that are not in the store.", func(s fs.Status) float64 { return float64(s.Cache.DraftBytes) })
	gauge("draft_oldest_seconds", "Age of the oldest change that is kept and not in the store, from before a crash too; 0 = there is none.", oldestDraft)
	gauge("queue_files", "Files that wait for their upload or are being sent.", func(s fs.Status) float64 { return float64(s.Queue.Files) })
	gauge("queue_bytes", "Bytes of those files.", func(s fs.Status) float64 { return float64(s.Queue.Bytes) })
	counter("uploaded_files_total", "Files that got to the store.", func(s fs.Status) float64 { return float64(s.Queue.DoneFiles) })
	counter("uploaded_bytes_total", "Bytes of files that got to the store.", func(s fs.Status) float64 { return float64(s.Queue.DoneBytes) })
	gauge("last_errors", "Errors that status tells: the last ones since the mount's start.", func(s fs.Status) float64 { return float64(len(s.Errors)) })
	gauge("open_files", "Open files and directories.", func(s fs.Status) float64 { return float64(s.Handles) })
	gauge("mounted_timestamp_seconds", "When the mount was made, since 1970.", func(s fs.Status) float64 { return float64(s.Since.Unix()) })
	return m
}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("allasfs_"+name, help, labels, nil)
}

// oldestDraft is how many seconds ago the oldest of the kept changes began, 0 = there is none; never less, whatever the clock did since.
func oldestDraft(s fs.Status) float64 {
	var age time.Duration
	for _, d := range s.Drafts {
		if !d.Since.IsZero() {
			age = max(age, time.Since(d.Since))
		}
	}
	return age.Seconds()
}

func oneIf(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

// Describe implements prometheus.Collector.
func (m *mountMetrics) Describe(to chan<- *prometheus.Desc) {
	for _, p := range m.plain {
		to <- p.desc
	}
	for _, d := range append([]*prometheus.Desc{m.drafts, m.source, m.nearest}, m.s3.all()...) {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (m *mountMetrics) Collect(to chan<- prometheus.Metric) {
	s := m.status()
	for _, p := range m.plain {
		to <- prometheus.MustNewConstMetric(p.desc, p.kind, p.read(s))
	}
	drafts := map[string]int{"open": 0, "closed": 0, "conflict": 0} // each is told when there are none, so that an alert can see it end
	for _, d := range s.Drafts {
		drafts[d.State]++
	}
	for state, n := range drafts {
		to <- prometheus.MustNewConstMetric(m.drafts, prometheus.GaugeValue, float64(n), state)
	}
	for _, src := range s.Sources {
		to <- prometheus.MustNewConstMetric(m.source, prometheus.GaugeValue, oneIf(src.Error == ""), src.Name)
	}
	for _, w := range s.Full {
		to <- prometheus.MustNewConstMetric(m.nearest, prometheus.GaugeValue, float64(w.Used)/float64(max(w.Limit, 1)), w.Bucket, w.What)
	}
	m.s3.collect(to, s.Requests)
}

// requestMetrics are those of the requests to the store.
type requestMetrics struct {
	requests, retries, broken, sent, received, duration *prometheus.Desc
}

func newRequestMetrics() requestMetrics {
	return requestMetrics{
		requests: desc("s3_requests_total", "Requests, each try by itself, by the answer's status class or what came instead of one.", "operation", "code"),
		retries:  desc("s3_retries_total", "Requests that were not the first try.", "operation"),
		broken:   desc("s3_broken_answers_total", "Good answers whose body broke or stalled.", "operation"),
		sent:     desc("s3_sent_bytes_total", "Bytes of bodies sent, those of failed tries too.", "operation"),
		received: desc("s3_received_bytes_total", "Bytes of bodies received, those of failed tries too.", "operation"),
		duration: desc("s3_request_duration_seconds", "Time to the beginning of the answer.", "operation"),
	}
}

func (m requestMetrics) all() []*prometheus.Desc {
	return []*prometheus.Desc{m.requests, m.retries, m.broken, m.sent, m.received, m.duration}
}

func (m requestMetrics) collect(to chan<- prometheus.Metric, s s3.Stats) {
	counter := func(d *prometheus.Desc, n int64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	for _, o := range s.Operations {
		for code, n := range o.Outcomes {
			counter(m.requests, n, o.Operation, code)
		}
		counter(m.retries, o.Retries, o.Operation)
		counter(m.broken, o.Broken, o.Operation)
		counter(m.sent, o.Sent, o.Operation)
		counter(m.received, o.Received, o.Operation)
		to <- m.histogram(o)
	}
}

// histogram is of the times to first byte: each class of time with all before it, as Prometheus wants them.
func (m requestMetrics) histogram(o s3.OperationStats) prometheus.Metric {
	buckets := make(map[float64]uint64)
	var sum uint64
	for i, end := range s3.AnswerTimes() {
		sum += uint64(o.Answers[i])
		buckets[end.Seconds()] = sum
	}
	sum += uint64(o.Answers[len(o.Answers)-1])
	return prometheus.MustNewConstHistogram(m.duration, sum, o.Waited.Seconds(), buckets, o.Operation)
}
