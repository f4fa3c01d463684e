package main

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// foreignOptions are options of other programs that the pages name by themselves.
var foreignOptions = []string{
	"--vfs-cache-mode", "--fusemount", "--device", "--cap-add", "--array", "--user", "--",
}

// pages are the texts for users, by their paths below the top of the repository.
func pages(t *testing.T) map[string]string {
	t.Helper()
	top := filepath.Join("..", "..")
	files, err := filepath.Glob(filepath.Join(top, "docs", "*.md"))
	fatal(t, err)
	all := map[string]string{}
	for _, file := range append(files, filepath.Join(top, "docs", "examples", "README.md"), filepath.Join(top, "README.md"), filepath.Join(top, "SECURITY.md")) {
		text, err := os.ReadFile(file)
		fatal(t, err)
		name, err := filepath.Rel(top, file)
		fatal(t, err)
		all[name] = string(text)
	}
	return all
}

// Every link in the pages that leads to the repository leads to a file, and to a heading of it.
func TestPagesLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	all := pages(t)
	for page, text := range all {
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			path, heading, _ := strings.Cut(m[1], "#")
			target := filepath.Join(filepath.Dir(page), path)
			if path == "" {
				target = page
			}
			if _, err := os.Stat(filepath.Join("..", "..", target)); err != nil {
				t.Errorf("%s leads to %s: %v", page, m[1], err)
			}
			if heading != "" && !slices.Contains(headings(all[target]), heading) {
				t.Errorf("%s leads to %s, which has no such heading", page, m[1])
			}
		}
	}
}

// headings are the anchors of a page.
func headings(text string) (all []string) {
	for line := range strings.Lines(text) {
		if title, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " "); ok && strings.HasPrefix(line, "#") {
			slug := regexp.MustCompile(`[^a-z0-9 -]`).ReplaceAllString(strings.ToLower(strings.TrimSpace(title)), "")
			all = append(all, strings.ReplaceAll(slug, " ", "-"))
		}
	}
	return all
}

// Every command of allasfs and every option that the pages name is there.
func TestPagesNameWhatIs(t *testing.T) {
	root := rootCommand(&streams{io.Discard, io.Discard})
	root.InitDefaultHelpCmd()
	span := regexp.MustCompile("`([^`\n]+)`|(?m)^(allasfs .*|exec allasfs .*)$")
	for page, text := range pages(t) {
		for _, m := range span.FindAllStringSubmatch(text, -1) {
			checkSpan(t, root, page, strings.TrimPrefix(m[1]+m[2], "exec "))
		}
	}
}

// checkSpan looks at one piece of code of a page: a command line of allasfs, or an option by itself.
func checkSpan(t *testing.T, root *cobra.Command, page, text string) {
	t.Helper()
	text, _, _ = strings.Cut(text, " # ")
	words := strings.Fields(text)
	if len(words) > 0 && strings.HasPrefix(words[0], "--") {
		name := optionName(words[0])
		if !slices.Contains(foreignOptions, name) && !anyHas(root, name) {
			t.Errorf("%s names %s, which no command has", page, name)
		}
		return
	}
	if len(words) < 2 || words[0] != "allasfs" || !regexp.MustCompile(`^[a-z-]+$`).MatchString(words[1]) {
		return
	}
	command, _, err := root.Find(words[1:])
	if err != nil || command == root {
		t.Errorf("%s: no command: %s", page, text)
		return
	}
	for _, word := range words[2:] {
		if word == "--" {
			return
		}
		if name := optionName(word); strings.HasPrefix(name, "--") && command.Flags().Lookup(name[2:]) == nil {
			t.Errorf("%s: allasfs %s has no option %s: %s", page, command.Name(), name, text)
		}
	}
}

// optionName is the option of a word as a text has it: --name, without its value or what ends a sentence.
func optionName(word string) string {
	return regexp.MustCompile(`^--[a-z0-9-]*`).FindString(word)
}

func anyHas(command *cobra.Command, option string) bool {
	found := false
	command.Flags().VisitAll(func(f *pflag.Flag) { found = found || "--"+f.Name == option })
	for _, c := range command.Commands() {
		found = found || anyHas(c, option)
	}
	return found
}
