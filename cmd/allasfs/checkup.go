package main

// This file holds the checks of `allasfs doctor`.

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"allasfs/cache"
	"allasfs/cmd/allasfs/internal/exit"
	"allasfs/cmd/allasfs/internal/mountpoint"
	"allasfs/s3/profile"
)

const (
	skewRefused = 15 * time.Minute // beyond this the store refuses signatures
	skewOdd     = time.Minute      // times of files look wrong
	littleRoom  = 1 << 30          // bytes free for the cache
)

func checkDevice() finding {
	return judge("fuse", "/dev/fuse opens", mountpoint.CheckDevice())
}

// checkHelper looks for fusermount3, which only ordinary users need.
func checkHelper() finding {
	bin, err := mountpoint.Fusermount()
	f := judge("fusermount3", bin, err)
	if err == nil && !mountpoint.MayMount() && !rootsHelper(bin) {
		f = finding{Name: "fusermount3", Result: resultMissing, Text: bin + " is not set-user-id root, so it cannot mount",
			Remedy: "ask the administrator to install the package fuse3 again, or: chmod u+s " + bin}
	}
	if f.Result == resultMissing && mountpoint.MayMount() {
		f.Result, f.Text = resultWarning, "not installed; only mounts by ordinary users need it"
	}
	return f
}

// rootsHelper tells whether bin runs as root for everybody.
func rootsHelper(bin string) bool {
	fi, err := os.Stat(bin)
	return err == nil && fi.Mode()&fs.ModeSetuid != 0
}

// checkPassing tells whether --allow-other would be granted; few need it.
func checkPassing() finding {
	f := judge("allow-other", "permitted", mountpoint.CheckAllowOther("/etc/fuse.conf"))
	if f.Result == resultMissing {
		f.Result, f.Text = resultOK, "not permitted to ordinary users here; only sharing a mount with other users needs it"
		f.Remedy = ""
	}
	return f
}

// checkCredentials finds the credentials that a mount would use, and all others that are known.
func checkCredentials(a access) ([]finding, []profile.Profile) {
	chosen, err := findProfile(a)
	first := judge("credentials", "", err)
	if err == nil {
		first.Text = "a mount uses " + keysOf(*chosen)
	}
	findings := []finding{first}
	if chosen != nil {
		for _, w := range chosen.Warnings {
			findings = append(findings, finding{Name: "credentials", Result: resultWarning, Text: w})
		}
	}
	all, _ := profile.All(a.options()) // the faults are among the warnings, or the error above
	if chosen == nil {
		return findings, all
	}
	profiles := []profile.Profile{*chosen}
	for _, p := range all {
		if p.Endpoint != chosen.Endpoint || p.AccessKey != chosen.AccessKey {
			profiles = append(profiles, p)
		}
	}
	return findings, profiles
}

// keysOf says whose keys p are and where they were found.
func keysOf(p profile.Profile) string {
	who := p.Project
	if who == "" {
		who = p.Name
	}
	return fmt.Sprintf("%s at %s, from %s", who, p.Endpoint, p.From)
}

// checkStores asks every endpoint whether it answers and what time it is, and every set of keys whether it is accepted.
func checkStores(ctx context.Context, profiles []profile.Profile) []finding {
	var findings []finding
	answers := map[string]bool{} // by endpoint
	for i, p := range profiles {
		up, asked := answers[p.Endpoint]
		if !asked {
			reach := checkEndpointAnswers(ctx, p)
			up = reach[0].Result == resultOK
			answers[p.Endpoint] = up
			findings = append(findings, demote(reach, i > 0)...)
		}
		if !up || p.Anonymous {
			continue
		}
		keys := judge("keys", "accepted: "+keysOf(p), askStore(ctx, &p, ""))
		findings = append(findings, demote([]finding{keys}, i > 0)...)
	}
	return findings
}

// demote makes faults of what a mount without flags would not use into warnings.
func demote(findings []finding, other bool) []finding {
	for i := range findings {
		if other && findings[i].Result == resultMissing {
			findings[i].Result = resultWarning
		}
	}
	return findings
}

// checkEndpointAnswers makes a request without a signature, and compares clocks by the answer's Date.
func checkEndpointAnswers(ctx context.Context, p profile.Profile) []finding {
	date, err := dateOf(ctx, p)
	if err != nil {
		return []finding{judge("endpoint", "", explainNetwork(err, p.Endpoint))}
	}
	findings := []finding{{Name: "endpoint", Result: resultOK, Text: p.Endpoint + " answers"}}
	skew := time.Since(date).Round(time.Second)
	clock := finding{Name: "clock", Result: resultOK, Text: "agrees with the store's"}
	if skew.Abs() > skewOdd {
		clock = finding{Name: "clock", Result: resultWarning, Text: fmt.Sprintf("this machine's clock is %s %s the store's", skew.Abs(), aheadOrBehind(skew)), Remedy: hintClock}
	}
	if skew.Abs() > skewRefused {
		clock.Result = resultMissing
	}
	return append(findings, clock)
}

func aheadOrBehind(d time.Duration) string {
	if d > 0 {
		return "ahead of"
	}
	return "behind"
}

// dateOf returns the Date of the endpoint's answer, whatever else it says.
func dateOf(ctx context.Context, p profile.Profile) (time.Time, error) {
	roots, err := rootsOf(p.CAFile)
	if err != nil {
		return time.Time{}, err
	}
	t := &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
	defer t.CloseIdleConnections()
	client := &http.Client{Transport: t, Timeout: firstTimeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, p.Endpoint, nil)
	if err != nil {
		return time.Time{}, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return time.Time{}, err
	}
	if err := resp.Body.Close(); err != nil {
		return time.Time{}, err
	}
	date, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		return time.Time{}, fmt.Errorf("an answer without a date: %w", err)
	}
	return date, nil
}

// rootsOf are the system's certificate authorities and those of file.
func rootsOf(file string) (*x509.CertPool, error) {
	roots, err := x509.SystemCertPool()
	if err != nil || file == "" {
		return roots, err
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate", file)
	}
	return roots, nil
}

// checkCache tells whether a mount would have a cache folder, and room in it. It leaves nothing behind.
func checkCache(dir string) finding {
	if dir == "" {
		base, err := ownBase()
		if err != nil {
			return judge("cache", "", err)
		}
		dir = base
	} else if err := cache.CheckFolder(dir); err != nil {
		return judge("cache", "", refusedFolder(err))
	}
	place := existing(dir)
	if err := tryWrite(place); err != nil {
		return judge("cache", "", exit.New(exit.Cache, "make room there, or give another place with --cache-dir", "the cache folder %s cannot be written: %w", dir, err))
	}
	var st unix.Statfs_t
	if err := unix.Statfs(place, &st); err != nil {
		return judge("cache", "", exit.New(exit.Cache, "", "the disk of %s: %w", dir, err))
	}
	free := int64(st.Bavail) * st.Bsize
	text := fmt.Sprintf("%s, %s free", dir, human(free))
	switch {
	case network(int64(st.Type)):
		return finding{Name: "cache", Result: resultWarning, Text: text + ", on a network file system", Remedy: "a local disk is faster: --cache-dir $TMPDIR/allasfs, or set LOCAL_SCRATCH"}
	case free < littleRoom:
		return finding{Name: "cache", Result: resultWarning, Text: text + ": little for files that are written", Remedy: "make room there, or give another place with --cache-dir"}
	}
	return finding{Name: "cache", Result: resultOK, Text: text}
}

// ownBase is cacheBase, and an error for one that a mount would refuse.
func ownBase() (string, error) {
	base, err := cacheBase(os.Getenv)
	if err != nil {
		return "", err
	}
	if _, err := os.Lstat(base); errors.Is(err, fs.ErrNotExist) {
		return base, nil
	}
	return base, checkOwn(base)
}

// checkMountpoint tells whether a mount on dir would be refused.
func checkMountpoint(dir string) finding {
	real, err := mountpoint.Resolve(dir)
	if err == nil {
		err = mountpoint.Check(real, false, deadMount)
	}
	return judge("mountpoint", dir+" can be mounted on", err)
}

// existing is dir, or the nearest folder above it that is there.
func existing(dir string) string {
	for {
		if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) || dir == "/" {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}

// tryWrite writes a block into a file in dir that has no name.
func tryWrite(dir string) error {
	f, err := os.CreateTemp(dir, ".allasfs-doctor-*")
	if err != nil {
		return err
	}
	_, err = f.WriteString(strings.Repeat("x", 4096))
	return errors.Join(err, f.Close(), os.Remove(f.Name()))
}

// network tells whether a file system of this magic number is a remote one.
func network(magic int64) bool {
	switch magic {
	case unix.NFS_SUPER_MAGIC, unix.FUSE_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC, unix.CIFS_SUPER_MAGIC, unix.CEPH_SUPER_MAGIC, unix.AFS_SUPER_MAGIC, 0x0BD00BD0, 0x47504653: // the last are Lustre and GPFS
		return true
	}
	return false
}
