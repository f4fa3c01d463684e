package main

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"allasfs/s3/s3test/fakes3"
)

func TestRun(t *testing.T) {
	t.Setenv("ALLASFS_S3SERVER_ACCESS_KEY", "")
	t.Setenv("ALLASFS_S3SERVER_SECRET_KEY", "from the environment")
	stdin, closeStdin := io.Pipe()
	out, stdout := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- run([]string{"-sample", "-exit-on-stdin-close"}, stdin, stdout) }()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	var ready map[string]string
	if err := json.Unmarshal([]byte(line), &ready); err != nil || ready["access_key"] == "" || ready["secret_key"] != "from the environment" {
		t.Fatalf("%q: %v", line, err)
	}
	resp, err := http.Get(ready["url"] + "/" + sampleBucket)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 403 {
		t.Errorf("without a signature: %s", resp.Status)
	}
	_ = closeStdin.Close()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("did not end when its input was closed")
	}
}

func TestSample(t *testing.T) {
	var servers [2]*fakes3.Server
	for i := range servers {
		s, err := fakes3.Start()
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		fill(s)
		servers[i] = s
	}
	keys := servers[0].Keys(sampleBucket)
	if len(keys) != 18 {
		t.Errorf("%d objects: %q", len(keys), keys)
	}
	for _, k := range keys {
		a, _ := servers[0].Object(sampleBucket, k)
		b, err := servers[1].Object(sampleBucket, k)
		if err != nil || a.ETag != b.ETag || len(a.Data) == 0 || a.ContentType == "" {
			t.Errorf("%s: %v, %d bytes, %s and %s", k, err, len(a.Data), a.ETag, b.ETag)
		}
	}
	csv, _ := servers[0].Object(sampleBucket, "stations/2021/espoo.csv")
	if n := strings.Count(string(csv.Data), "\n"); n != 366 {
		t.Errorf("%d lines of a year", n)
	}
}
