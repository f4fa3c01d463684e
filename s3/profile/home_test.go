package profile

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// home copies a home directory of testdata with the modes that the tools give, and then writes the extra files (path to text; "" removes).
func home(t *testing.T, name string, extra map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	if name != "" {
		copyTree(t, filepath.Join("testdata", name), dir)
	}
	for path, text := range extra {
		path = filepath.Join(dir, path)
		if text == "" {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			continue
		}
		write(t, path, text)
	}
	return dir
}

func copyTree(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if d.Type() == fs.ModeSymlink {
			target, err := os.Readlink(path)
			if err != nil {
				return err
			}
			return os.Symlink(target, filepath.Join(to, rel))
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		write(t, filepath.Join(to, rel), string(text))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// env makes an environment of nothing but m.
func env(m map[string]string) func(string) string {
	return func(name string) string { return m[name] }
}
