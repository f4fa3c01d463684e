#!/bin/bash
# differs: \.zip$
# zip and unzip: an archive made on the mount from files there, tested, updated in place, unpacked beside them.
set -euo pipefail
cp -r "$INPUTS/tree" .
zip -q -r -X tree.zip tree
unzip -tq tree.zip
echo more >tree/more.txt
zip -q -X tree.zip tree/more.txt
zip -q -d tree.zip tree/large.bin
mkdir out
unzip -q tree.zip -d out
rm tree/large.bin
diff -r tree out/tree
unzip -Z1 tree.zip | sort
