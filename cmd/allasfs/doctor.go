package main

// This file holds `allasfs doctor`: what mounting needs, looked at one by one, each fault with its remedy. The checks are in checkup.go.

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"allasfs/cmd/allasfs/internal/exit"
)

// finding is the result of one check.
type finding struct {
	Name    string `json:"name"`   // what was looked at
	Result  string `json:"result"` // ok, warning, missing
	Text    string `json:"text"`
	Remedy  string `json:"remedy,omitempty"`
	details []string
}

const (
	resultOK      = "ok"
	resultWarning = "warning" // works, but
	resultMissing = "missing" // essential
)

func doctorCommand(s *streams) *cobra.Command {
	var a access
	var cacheDir string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor [DIR]",
		Short: "Check what mounting needs, and say what to do about what is missing",
		Long: `Check FUSE, credentials of every project, the object store, this machine's clock and the cache folder, and whether DIR could be mounted on.
Ends with 13 when something essential is missing.`,
		Args:              args(cobra.MaximumNArgs(1)),
		ValidArgsFunction: completeDirs,
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := findDefaults()
			if err == nil {
				err = d.apply(cmd.Flags())
			}
			if err == nil {
				err = a.takeKeys(os.Stdin)
			}
			if err != nil {
				return err
			}
			findings := examine(cmd.Context(), a, cacheDir)
			if len(args) > 0 {
				findings = append(findings, checkMountpoint(args[0]))
			}
			if err := cmd.Context().Err(); err != nil {
				return err
			}
			if err := printFindings(s.out, findings, asJSON); err != nil {
				return err
			}
			return verdict(findings)
		},
	}
	addAccessFlags(cmd, &a)
	cmd.Flags().StringVar(&cacheDir, "cache-dir", "", "cache folder to look at (default: where a mount would have it)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON list with one element a check")
	return cmd
}

// examine makes every check, in the order in which a mount would need them.
func examine(ctx context.Context, a access, cacheDir string) []finding {
	findings := []finding{checkDevice(), checkHelper(), checkPassing()}
	found, profiles := checkCredentials(a)
	findings = append(findings, found...)
	findings = append(findings, checkStores(ctx, profiles)...)
	return append(findings, checkCache(cacheDir))
}

func printFindings(w io.Writer, findings []finding, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(findings)
	}
	var b strings.Builder
	for _, f := range findings {
		fmt.Fprintf(&b, "%-8s %-12s %s\n", mark(f.Result), f.Name, f.Text)
		for _, d := range f.details {
			fmt.Fprintf(&b, "%-8s %-12s   %s\n", "", "", d)
		}
		if f.Remedy != "" {
			fmt.Fprintf(&b, "%-8s %-12s what to do: %s\n", "", "", f.Remedy)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func mark(result string) string {
	switch result {
	case resultOK:
		return "ok"
	case resultWarning:
		return "warning"
	}
	return "MISSING"
}

// verdict is an error when something essential is missing.
func verdict(findings []finding) error {
	var missing []string
	for _, f := range findings {
		if f.Result == resultMissing {
			missing = append(missing, f.Name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return exit.New(exit.Missing, "what to do is said above", "mounting cannot work yet: %s", strings.Join(missing, ", "))
}

// judge turns an error into a finding of a fault, and nil into one that says text.
func judge(name, text string, err error) finding {
	if err == nil {
		return finding{Name: name, Result: resultOK, Text: text}
	}
	e := exit.Of(err)
	lines := strings.Split(e.Text, "\n")
	return finding{Name: name, Result: resultMissing, Text: lines[0], Remedy: e.Hint, details: lines[1:]}
}
