package main

import (
	"context"
	"fmt"
)

// treeDir holds the objects of -tree: ten a directory, a hundred directories below each of a hundred or fewer, as projects file their runs.
const (
	treeDir     = "runs/"
	treeFiles   = 10
	treeBranch  = 100
	treeSmaller = treeFiles * treeBranch
)

func treeKept(n int) *kept {
	key := func(i int) string {
		return fmt.Sprintf(treeDir+"batch-%03d/run-%02d/part-%d.csv", i/treeSmaller, i/treeFiles%treeBranch, i%treeFiles)
	}
	return &kept{name: "tree", title: "a tree of directories", n: n, dir: treeDir, key: key, raw: "tree-find", scene: (*stage).keptTree}
}

// keptTree is the scene of a tree of very many directories.
func (s *stage) keptTree(ctx context.Context) error {
	n := s.r.o.kept.n
	dirs := (n+treeFiles-1)/treeFiles + (n+treeSmaller-1)/treeSmaller + 1
	find := func(ctx context.Context) error { return s.command(ctx, n, "find", treeDir, "-type", "f") }
	return s.keptRows(ctx, []keptRow{
		{name: "tree-find", do: find},
		{name: "tree-find-again", do: find, warm: true},
		{name: "tree-du", do: func(ctx context.Context) error { return s.command(ctx, dirs, "du", treeDir) }},
		{name: "tree-ls-lR", do: func(ctx context.Context) error { return s.command(ctx, -1, "ls", "-lR", treeDir) }},
		{name: "tree-grep", do: func(ctx context.Context) error { return s.command(ctx, n, "grep", "-rl", ".", treeDir) }},
	})
}

func treeRows() []row {
	return []row{
		{name: "tree-find", title: "find -type f through -tree objects, ten a directory, cold (raw: page after page)", base: "raw"},
		{name: "tree-find-again", title: "again"},
		{name: "tree-du", title: "du of it, cold", base: "raw", of: "tree-find"},
		{name: "tree-ls-lR", title: "ls -lR of it, cold", base: "raw", of: "tree-find"},
		{name: "tree-grep", title: "grep -r through it, which reads every file, cold"},
	}
}
