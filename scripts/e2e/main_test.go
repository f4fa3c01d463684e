// Package e2e tests the program as its users have it: the binary, mounted on a real gateway, under stock tools and beside other clients of
// the same store. Every check of what is in the store goes through a client that shares no code with allasfs.
//
// The suites want the variables that `scripts/gateway env` prints, and the programs that `scripts/setup tools` installs. Without a gateway
// they are skipped, unless ALLASFS_TEST_REQUIRE_GATEWAY=1 makes that a failure, as in scripts/test.
package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// toolPath is where Debian's programs are: others of the same names, as a Python of one's own brings them, must not come first.
const toolPath = "/usr/sbin:/usr/bin:/sbin:/bin"

// world is what all tests of one run share; read only after setUp.
type world struct {
	dir    string // short, as paths of sockets are made below it; removed at the end
	home   string // a home as allas-conf leaves it
	binary string // allasfs
	tools  string // testdata, absolute
	inputs string // files that the tools work on
	gw     gateway
}

// gateway is the store under test.
type gateway struct {
	url, access, secret              string
	swiftAuth, swiftUser, swiftKey   string
	otherAccess, otherSecret, region string
}

var shared *world // set once by TestMain, before any test runs

func TestMain(m *testing.M) {
	var err error
	if shared, err = setUp(); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		os.Exit(1)
	}
	code := m.Run()
	if shared != nil {
		if err := os.RemoveAll(shared.dir); err != nil {
			fmt.Fprintln(os.Stderr, "e2e: clean up:", err)
			code = 1
		}
	}
	os.Exit(code)
}

// setUp returns nil and no error where there is no gateway and none is required.
func setUp() (*world, error) {
	gw, err := findGateway()
	if err != nil {
		if os.Getenv("ALLASFS_TEST_REQUIRE_GATEWAY") == "1" {
			return nil, err
		}
		return nil, nil
	}
	dir, err := os.MkdirTemp("", "e2e")
	if err != nil {
		return nil, err
	}
	tools, err := filepath.Abs("testdata")
	if err != nil {
		return nil, err
	}
	n := &world{dir: dir, home: filepath.Join(dir, "home"), tools: tools, inputs: filepath.Join(dir, "inputs"), gw: gw}
	for _, step := range []func() error{n.findBinary, n.writeHome, n.makeInputs} {
		if err := step(); err != nil {
			os.RemoveAll(dir)
			return nil, err
		}
	}
	return n, nil
}

// need gives the shared world, or skips the test where there is no gateway.
func need(t *testing.T) *world {
	t.Helper()
	if shared == nil {
		t.Skip("no gateway: ALLASFS_TEST_GATEWAY is not set (scripts/gateway brings one up)")
	}
	return shared
}

func findGateway() (gateway, error) {
	gw := gateway{region: "regionOne"}
	for name, field := range map[string]*string{
		"GATEWAY": &gw.url, "ACCESS_KEY": &gw.access, "SECRET_KEY": &gw.secret,
		"SWIFT_AUTH": &gw.swiftAuth, "SWIFT_USER": &gw.swiftUser, "SWIFT_KEY": &gw.swiftKey,
		"ACCESS_KEY2": &gw.otherAccess, "SECRET_KEY2": &gw.otherSecret,
	} {
		if *field = os.Getenv("ALLASFS_TEST_" + name); *field == "" {
			return gw, fmt.Errorf("ALLASFS_TEST_%s is not set: scripts/gateway up DIR brings up a gateway, scripts/gateway env DIR tells it", name)
		}
	}
	return gw, nil
}

// findBinary takes the program that ALLASFS_BIN names, or builds it.
func (w *world) findBinary() error {
	if w.binary = os.Getenv("ALLASFS_BIN"); w.binary != "" {
		_, err := os.Stat(w.binary)
		return err
	}
	w.binary = filepath.Join(w.dir, "allasfs")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", w.binary, "allasfs/cmd/allasfs")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // as it is released
	out, err := build.CombinedOutput()
	if err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
}

// makeInputs writes what the tools work on, the same bytes in every run.
func (w *world) makeInputs() error {
	if err := os.Mkdir(w.inputs, 0o755); err != nil {
		return err
	}
	cmd := exec.Command("/bin/bash", filepath.Join(w.tools, "inputs.sh"))
	cmd.Dir, cmd.Env = w.inputs, w.env()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("inputs.sh: %w\n%s", err, out)
	}
	return nil
}
