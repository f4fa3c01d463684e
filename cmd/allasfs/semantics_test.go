package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every test that the page on semantics, or that on security, names is there, and every statement of the former names one.
func TestSemanticsNamesTests(t *testing.T) {
	top := filepath.Join("..", "..")
	var code strings.Builder
	fatal(t, filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		code.Write(text)
		return err
	}))
	named := regexp.MustCompile("`((?:Test|Fuzz)[A-Za-z0-9_]+|[a-z]+\\.txtar)`")
	for _, page := range []string{filepath.Join("docs", "semantics.md"), "SECURITY.md"} {
		text, err := os.ReadFile(filepath.Join(top, page))
		fatal(t, err)
		for _, m := range named.FindAllStringSubmatch(string(text), -1) {
			there := strings.Contains(code.String(), "\nfunc "+m[1]+"(")
			if strings.HasSuffix(m[1], ".txtar") {
				_, err := os.Stat(filepath.Join(scripts, m[1]))
				there = err == nil
			}
			if !there {
				t.Errorf("%s names %s, which is not there", page, m[1])
			}
		}
		if page == "SECURITY.md" {
			continue
		}
		for _, statement := range strings.Split(string(text), "\n- ")[1:] {
			if !named.MatchString(statement) {
				t.Errorf("no test is named for: %s", statement)
			}
		}
	}
}
