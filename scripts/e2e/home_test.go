package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// writeHome writes the files that clients read, in the form in which allas-conf leaves them, but with our endpoint.
func (w *world) writeHome() error {
	host := strings.TrimPrefix(strings.TrimPrefix(w.gw.url, "http://"), "https://")
	https := "False"
	if strings.HasPrefix(w.gw.url, "https://") {
		https = "True"
	}
	files := map[string]string{
		".aws/credentials": fmt.Sprintf("[default]\naws_access_key_id=%s\naws_secret_access_key=%s\n", w.gw.access, w.gw.secret),
		".aws/config":      fmt.Sprintf("[default]\nendpoint_url = %s\ns3 =\n  addressing_style = path\n", w.gw.url),
		".s3cfg": fmt.Sprintf("[allas-project_2001234]\naccess_key   = %s\nsecret_key   = %s\nhost_base    = %s\nhost_bucket  = %s\nuse_https    = %s\n",
			w.gw.access, w.gw.secret, host, host, https),
		".config/rclone/rclone.conf": fmt.Sprintf("[s3allas]\ntype = s3\nprovider = Other\nenv_auth = false\naccess_key_id = %s\nsecret_access_key = %s\nendpoint = %s\nacl = private\n",
			w.gw.access, w.gw.secret, w.gw.url),
		".gitconfig": "[user]\n\tname = Test\n\temail = test@example.org\n[init]\n\tdefaultBranch = main\n[safe]\n\tdirectory = *\n",
	}
	for name, text := range files {
		path := filepath.Join(w.home, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return err
		}
	}
	return os.Mkdir(filepath.Join(w.dir, "run"), 0o700)
}
