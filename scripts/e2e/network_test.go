package e2e

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// network is a network of its own for a daemon: a namespace with one cable to this machine, whose other end leads to the gateway. Its address can change.
type network struct {
	w        *world
	name     string
	endpoint string // of the gateway, as it is seen from there
	other    string // a second address in it
}

var networks atomic.Int32 // made so far, for their names and addresses

// needNetwork skips the test where no namespace of networks can be made.
func needNetwork(t *testing.T) *network {
	t.Helper()
	w := need(t)
	if os.Getuid() != 0 {
		t.Skip("a network of its own needs root")
	}
	if _, err := lookPath("ip"); err != nil {
		t.Skip("ip is not installed (scripts/setup tools)")
	}
	id := int(networks.Add(1))
	n := &network{w: w, name: fmt.Sprintf("allasfs-%d-%d", os.Getpid(), id)}
	if r := w.try("/", nil, "ip", "netns", "add", n.name); r.fail != nil {
		t.Skipf("no network namespace: %v", r)
	}
	t.Cleanup(func() { w.run(t, "/", "ip", "netns", "del", n.name) })
	cable := fmt.Sprintf("afs%d-%d", os.Getpid()%100000, id)
	w.run(t, "/", "ip", "link", "add", cable, "type", "veth", "peer", "name", "cable", "netns", n.name)
	t.Cleanup(func() { w.run(t, "/", "ip", "link", "del", cable) }) // dead connections keep the namespace for minutes
	here := fmt.Sprintf("10.231.%d.1", os.Getpid()%250+id%5)
	w.run(t, "/", "ip", "addr", "add", here+"/24", "dev", cable)
	w.run(t, "/", "ip", "link", "set", cable, "up")
	n.endpoint = "http://" + relay(t, here, w.gw.url)
	n.other = here[:len(here)-1] + "3"
	n.address(t, here[:len(here)-1]+"2")
	return n
}

// relay passes connections to an address of this machine on to a URL, and gives where it listens.
func relay(t *testing.T, address, to string) string {
	t.Helper()
	u, err := url.Parse(to)
	fatal(t, err)
	l, err := net.Listen("tcp", address+":0")
	fatal(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer in.Close()
				out, err := net.Dial("tcp", u.Host)
				if err != nil {
					return
				}
				defer out.Close()
				go func() {
					_, _ = io.Copy(out, in) // either side ends it
					out.Close()
				}()
				_, _ = io.Copy(in, out)
			}()
		}
	}()
	return l.Addr().String()
}

// address gives the network this address, after none: what was connected from another one is never answered again.
func (n *network) address(t *testing.T, address string) {
	t.Helper()
	n.w.run(t, "/", "ip", "-n", n.name, "addr", "add", address+"/24", "dev", "cable")
	n.w.run(t, "/", "ip", "-n", n.name, "link", "set", "cable", "up")
}

// gone takes the network away.
func (n *network) gone(t *testing.T) {
	t.Helper()
	n.w.run(t, "/", "ip", "-n", n.name, "addr", "flush", "dev", "cable")
	n.w.run(t, "/", "ip", "-n", n.name, "link", "set", "cable", "down")
}

// mount is that of a daemon in the network.
func (n *network) mount(t *testing.T, flags ...string) *mounted {
	t.Helper()
	m := n.w.newMount(t)
	cmd := m.command(append(flags, "--foreground", "--insecure-http", "--endpoint", n.endpoint)...)
	inside := exec.Command("/usr/bin/nsenter", append([]string{"--net=/run/netns/" + n.name, cmd.Path}, cmd.Args[1:]...)...)
	inside.Dir, inside.Env = cmd.Dir, cmd.Env
	m.front = inside
	out := m.output(t, inside)
	fatal(t, inside.Start())
	for range 200 {
		if isMounted(m.dir) {
			m.mustAnswer(t)
			return m
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("it does not mount:\n%s", read(out))
	return nil
}

// TestNewAddress: a laptop that moves to another network, awake or asleep, goes on with what it was doing: reading a file of which a part was read, and copying one. Nothing
// tells the daemon that its connections are dead.
func TestNewAddress(t *testing.T) {
	for name, asleep := range map[string]bool{"awake": false, "asleep": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // it waits, mostly
			n := needNetwork(t)
			w := n.w
			bucket := w.bucketName(t, "network")
			m := n.mount(t)
			fatal(t, os.Mkdir(m.path(bucket), 0o755))
			large := filepath.Join(w.freshDir(t, "large"), "file") // more than is read ahead before the network goes
			w.run(t, w.dir, "sh", "-c", "head -c 256M /dev/urandom >"+large)
			w.run(t, w.dir, "cp", large, m.path(bucket, "read"))
			w.run(t, w.dir, w.binary, "evict", m.path(bucket))
			file, err := os.Open(m.path(bucket, "read"))
			fatal(t, err)
			_, err = io.ReadFull(file, make([]byte, 1<<20))
			fatal(t, err)

			n.gone(t)
			if asleep {
				fatal(t, m.front.Process.Signal(syscall.SIGSTOP))
			}
			done := make(chan error, 2)
			go func() {
				_, err := io.Copy(io.Discard, file)
				done <- errors.Join(err, file.Close())
			}()
			go func() { done <- exec.Command("/bin/cp", large, m.path(bucket, "written")).Run() }()
			time.Sleep(5 * time.Second) // so long is the way
			n.address(t, n.other)
			if asleep {
				fatal(t, m.front.Process.Signal(syscall.SIGCONT))
			}
			begin := time.Now()
			for range cap(done) {
				select {
				case err := <-done:
					fatal(t, err)
				case <-time.After(3 * time.Minute):
					t.Fatal("it does not go on")
				}
			}
			t.Logf("went on within %v", time.Since(begin).Round(100*time.Millisecond))
			if got := digest(t, m.path(bucket, "read")); got != digest(t, large) {
				t.Error("other bytes are read")
			}
			same(t, "the store", w.objects(t, bucket), tree{"read": digest(t, large), "written": digest(t, large)})
			m.unmount(t)
		})
	}
}
