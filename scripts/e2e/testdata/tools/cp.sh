#!/bin/bash
# cp: a tree in, a second copy inside, and the comparison of all three.
set -euo pipefail
cp -r "$INPUTS/tree" .
cp -r tree copy
diff -r tree copy
diff -r "$INPUTS/tree" copy
mv copy/data/run0 copy/moved
mv copy/large.bin copy/moved/
rm -r copy/data
find . -type f | sort
du -a --apparent-size --block-size=1 copy/moved | grep bin | sort
