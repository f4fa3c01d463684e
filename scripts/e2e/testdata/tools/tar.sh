#!/bin/bash
# tar: out of an archive, into one that lies on the mount, out of that one again.
set -euo pipefail
tar xf "$INPUTS/tree.tar"
diff -r "$INPUTS/tree" tree
tar cf again.tar --sort=name --mtime=@1709294400 --mode=u=rwX,go=rX tree
tar czf again.tgz -C tree docs data/run1
tar tf again.tgz | sort
tar df again.tar
mkdir out
tar xf again.tar -C out
diff -r tree out/tree
rm again.tgz # it holds times
md5sum again.tar
