// Command fsx exercises one file by random operations and compares what it reads with what must be there; see package fsx. A run that failed in a
// test is done again on a mount by
//
//	go run ./scripts/fsx -replay FILE MOUNT/new-file
package main

import (
	"fmt"
	"os"

	"allasfs/fs/mount/fsx"
)

func main() {
	if err := fsx.Main(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
