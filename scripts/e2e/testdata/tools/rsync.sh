#!/bin/bash
# rsync -a: the second run copies nothing, and after one change exactly that one file.
set -euo pipefail
rsync -a "$INPUTS/tree/" tree/
echo 'second run:'
rsync -a --itemize-changes "$INPUTS/tree/" tree/ | grep -v '^\.d' || true
echo 'back, nothing either:'
cp -a "$INPUTS/tree" "$SCRATCH/tree"
rsync -a --itemize-changes tree/ "$SCRATCH/tree/" | grep -v '^\.d' || true
echo 'one change:'
echo more >>"$SCRATCH/tree/README.md"
rm "$SCRATCH/tree/large.bin"
rsync -a --delete --itemize-changes "$SCRATCH/tree/" tree/ | grep -v '^\.d'
diff -r "$SCRATCH/tree" tree
