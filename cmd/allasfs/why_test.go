package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// TestEveryOptionHasAReason: each option of each command says why it is there, in the manual page too, and nothing gives a reason for what is no option.
func TestEveryOptionHasAReason(t *testing.T) {
	dir := t.TempDir()
	root := rootCommand(&streams{io.Discard, io.Discard})
	root.SetArgs([]string{"man", dir})
	fatal(t, root.Execute())
	used := map[string]bool{}
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		if cmd.Hidden || cmd.Name() == "completion" || cmd.Name() == "help" { // the library's
			return
		}
		cmd.InitDefaultHelpFlag()
		cmd.InitDefaultVersionFlag()
		page, err := os.ReadFile(filepath.Join(dir, strings.ReplaceAll(cmd.CommandPath(), " ", "-")+".1"))
		fatal(t, err)
		text := strings.NewReplacer("\\-", "-", "\\", "").Replace(string(page))
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			r := reason(cmd, f.Name)
			used[cmd.Name()+" "+f.Name], used[f.Name] = true, true
			switch {
			case r == "":
				t.Errorf("%s --%s has no reason", cmd.CommandPath(), f.Name)
			case f.Name != "help" && !f.Hidden && !strings.Contains(text, r):
				t.Errorf("the page of %s does not say of --%s: %s", cmd.CommandPath(), f.Name, r)
			}
		})
		for _, c := range cmd.Commands() {
			walk(c)
		}
	}
	walk(root)
	for option := range reasons {
		if !used[option] {
			t.Errorf("a reason for %q, which is no option", option)
		}
	}
}
