package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestSystemd: the units and /etc/fstab under a systemd that runs, from the start of a mount to the end of the machine.
func TestSystemd(t *testing.T) {
	m := bootSystemd(t)
	for _, c := range []struct {
		name string
		test func(*testing.T, *machine)
	}{
		{"system unit", systemUnit},
		{"daemon killed", killedUnit},
		{"daemon stopped", stoppedUnit},
		{"wrong keys", refusedUnit},
		{"user unit", userUnit},
		{"fstab", fstabAutomount},
		{"power off", powerOff}, // the last one
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Cleanup(func() { m.explain(t) })
			c.test(t, m)
		})
	}
}

// someFiles is a shell's loop that writes n files into a directory. With write-back most of them are not sent yet when it ends.
func someFiles(n int, dir string) string {
	return fmt.Sprintf("mkdir -p %[2]s; i=0; while [ $i -lt %[1]d ]; do echo file $i >%[2]s/$i; i=$((i+1)); done", n, dir)
}

// wantFiles is what someFiles writes, by key.
func wantFiles(n int, prefix string) tree {
	want := tree{}
	for i := range n {
		want[fmt.Sprintf("%s/%d", prefix, i)] = digestOf(fmt.Appendf(nil, "file %d\n", i))
	}
	return want
}

// unitOf makes a bucket, whose name has dashes as many have, and a unit of the system for it with write-back; it gives the bucket and the unit.
func unitOf(t *testing.T, m *machine, kind string) (bucket, unit string) {
	t.Helper()
	bucket = m.w.bucketName(t, kind)
	m.w.store(t, "make", bucket, "private")
	m.write(t, "/etc/allasfs/"+bucket+".env", "ALLASFS_ENDPOINT="+m.w.gw.url+"\nALLASFS_WRITE_BACK=true\n")
	return bucket, "allasfs@" + bucket + ".service"
}

func systemUnit(t *testing.T, m *machine) {
	bucket, unit := unitOf(t, m, "unit")
	m.run(t, "systemctl", "enable", "--now", unit)
	if got := m.property(t, unit, "ActiveState"); got != "active" {
		t.Errorf("after the start it is %s", got)
	}
	if got := m.property(t, unit, "StatusText"); !strings.HasPrefix(got, "serving ") {
		t.Errorf("it says %q", got)
	}
	m.run(t, "mountpoint", "/mnt/"+bucket)
	m.run(t, "sh", "-c", someFiles(300, "/mnt/"+bucket+"/d"))
	m.run(t, "systemctl", "stop", unit)
	same(t, "the store after the stop", m.w.objects(t, bucket), wantFiles(300, "d"))
	if r := m.try("mountpoint", "/mnt/"+bucket); r.fail == nil {
		t.Error("it is mounted after the stop")
	}
	if got := m.property(t, unit, "Result"); got != "success" {
		t.Errorf("it ended as %s", got)
	}
	m.run(t, "systemctl", "restart", unit)
	if got := strings.TrimSpace(m.run(t, "cat", "/mnt/"+bucket+"/d/17")); got != "file 17" {
		t.Errorf("after the restart a file holds %q", got)
	}
	m.run(t, "systemctl", "disable", "--now", unit)
}

// killedUnit: a daemon that dies is started again, and what it had not sent goes to the store.
func killedUnit(t *testing.T, m *machine) {
	bucket, unit := unitOf(t, m, "killed")
	m.run(t, "systemctl", "start", unit)
	m.run(t, "sh", "-c", someFiles(300, "/mnt/"+bucket+"/d"))
	m.run(t, "systemctl", "kill", "--signal=KILL", "--kill-who=main", unit)
	m.await(t, unit, "NRestarts", "1")
	m.await(t, unit, "ActiveState", "active")
	m.run(t, "allasfs", "sync", "/mnt/"+bucket)
	same(t, "the store after the crash", m.w.objects(t, bucket), wantFiles(300, "d"))
	m.run(t, "systemctl", "stop", unit)
}

// stoppedUnit: of a daemon that does not answer any more the watchdog hears nothing, so systemd ends it and starts another.
func stoppedUnit(t *testing.T, m *machine) {
	bucket, unit := unitOf(t, m, "stopped")
	m.write(t, "/run/systemd/system/"+unit+".d/watchdog.conf", "[Service]\nWatchdogSec=3s\n")
	m.run(t, "systemctl", "daemon-reload")
	m.run(t, "systemctl", "start", unit)
	m.run(t, "sh", "-c", "echo before >/mnt/"+bucket+"/before")
	m.run(t, "systemctl", "kill", "--signal=STOP", "--kill-who=main", unit)
	m.await(t, unit, "NRestarts", "1")
	m.await(t, unit, "ActiveState", "active")
	if got := m.run(t, "journalctl", "--no-pager", "--unit", unit); !strings.Contains(got, "Watchdog timeout") {
		t.Errorf("the journal tells nothing of the watchdog:\n%s", got)
	}
	if got := strings.TrimSpace(m.run(t, "cat", "/mnt/"+bucket+"/before")); got != "before" {
		t.Errorf("the new daemon shows %q", got)
	}
	m.run(t, "systemctl", "stop", unit)
}

// refusedUnit: what only a person can mend is told in the journal as an error, and not tried again.
func refusedUnit(t *testing.T, m *machine) {
	bucket, unit := unitOf(t, m, "refused")
	m.write(t, "/etc/allasfs/"+bucket+".env", "ALLASFS_ENDPOINT="+m.w.gw.url+"\nAWS_ACCESS_KEY_ID=nobody\nAWS_SECRET_ACCESS_KEY=wrong\n")
	if r := m.try("systemctl", "start", unit); r.fail == nil {
		t.Error("it starts with wrong keys")
	}
	if state, restarts := m.property(t, unit, "ActiveState"), m.property(t, unit, "NRestarts"); state != "failed" || restarts != "0" {
		t.Errorf("it is %s after %s restarts", state, restarts)
	}
	if got := m.run(t, "journalctl", "--no-pager", "--priority", "err", "--unit", unit, "--output", "cat"); !strings.Contains(got, "key") {
		t.Errorf("the errors in the journal do not say that the keys are wrong:\n%s", got)
	}
}

// userUnit: a user without rights mounts by a unit of its own, which lasts without a login, and ends with the user's manager.
func userUnit(t *testing.T, m *machine) {
	const user, uid = "somebody", "4711"
	bucket := m.w.bucketName(t, "user")
	m.w.store(t, "make", bucket, "private")
	m.run(t, "useradd", "--create-home", "--uid", uid, user)
	home := "/home/" + user
	m.run(t, "cp", "-a", "/root/.aws", home+"/.aws")
	m.write(t, home+"/.config/allasfs/"+bucket+".env", "ALLASFS_ENDPOINT="+m.w.gw.url+"\nALLASFS_WRITE_BACK=true\n")
	m.run(t, "chown", "-R", user+":", home)
	m.run(t, "loginctl", "enable-linger", user)
	manager := "user@" + uid + ".service"
	m.await(t, manager, "ActiveState", "active")
	as := func(words ...string) string {
		return m.run(t, append([]string{"setpriv", "--reuid", uid, "--regid", uid, "--init-groups", "env", "HOME=" + home, "XDG_RUNTIME_DIR=/run/user/" + uid}, words...)...)
	}
	unit, dir := "allasfs@"+bucket+".service", home+"/allas/"+bucket
	as("systemctl", "--user", "enable", "--now", unit)
	as("mountpoint", dir)
	as("sh", "-c", someFiles(100, dir+"/d"))
	if r := m.try("ls", dir); r.fail == nil {
		t.Error("root sees what is the user's alone")
	}
	m.run(t, "systemctl", "stop", manager) // as at the end of the machine
	same(t, "the store after the user's manager ended", m.w.objects(t, bucket), wantFiles(100, "d"))
	m.run(t, "systemctl", "start", manager)
	as("systemctl", "--user", "start", unit) // it is on its way: this waits
	if got := strings.TrimSpace(as("cat", dir+"/d/17")); got != "file 17" {
		t.Errorf("after a new start of the user's manager a file holds %q", got)
	}
	as("systemctl", "--user", "disable", "--now", unit)
}

// fstabAutomount: a line with x-systemd.automount is mounted when something looks, and sent whole when it is unmounted.
func fstabAutomount(t *testing.T, m *machine) {
	bucket := m.w.bucketName(t, "fstab")
	m.w.store(t, "make", bucket, "private")
	m.write(t, "/etc/fstab", fmt.Sprintf("%s /srv/objects fuse.allasfs _netdev,nofail,endpoint=%s,write_back,x-systemd.automount,x-systemd.mount-timeout=30 0 0\n"+
		"nosuchbucket /srv/absent fuse.allasfs _netdev,nofail,endpoint=%s 0 0\n", bucket, m.w.gw.url, m.w.gw.url))
	m.run(t, "mkdir", "-p", "/srv/objects", "/srv/absent")
	m.run(t, "systemctl", "daemon-reload")
	m.run(t, "systemctl", "start", "srv-objects.automount")
	if got := m.property(t, "srv-objects.mount", "ActiveState"); got != "inactive" {
		t.Errorf("before anybody looks it is %s", got)
	}
	m.run(t, "sh", "-c", someFiles(100, "/srv/objects/d"))
	if got := m.property(t, "srv-objects.mount", "ActiveState"); got != "active" {
		t.Errorf("after it was used it is %s", got)
	}
	if got := m.property(t, "srv-objects.mount", "After"); !strings.Contains(got, "network-online.target") {
		t.Errorf("at the end of the machine the network may go first: it is mounted after %s", got)
	}
	m.run(t, "systemctl", "stop", "srv-objects.automount", "srv-objects.mount")
	same(t, "the store after it was unmounted", m.w.objects(t, bucket), wantFiles(100, "d"))
	if r := m.try("systemctl", "start", "srv-absent.mount"); r.fail == nil {
		t.Error("a bucket that is not there is mounted")
	}
	if got := m.run(t, "journalctl", "--no-pager", "--unit", "srv-absent.mount"); !strings.Contains(got, "nosuchbucket") {
		t.Errorf("the journal does not say which bucket is missing:\n%s", got)
	}
	m.run(t, "sh", "-c", ": >/etc/fstab; systemctl daemon-reload")
}

// powerOff: what was written just before the end of the machine is in the store.
func powerOff(t *testing.T, m *machine) {
	bucket, unit := unitOf(t, m, "off")
	m.run(t, "systemctl", "start", unit)
	m.run(t, "sh", "-c", someFiles(300, "/mnt/"+bucket+"/d"))
	_ = m.try("systemctl", "poweroff") // its connection may be gone before the answer
	select {
	case <-m.ended:
	case <-time.After(2 * time.Minute):
		t.Fatal("the machine does not end")
	}
	same(t, "the store after the end of the machine", m.w.objects(t, bucket), wantFiles(300, "d"))
}
