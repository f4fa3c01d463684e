#!/bin/bash
# Times and modes: cp -p, touch, chmod, install and tar leave what they leave in a local folder, to the nanosecond.
set -euo pipefail
show() { stat -c '%n %a %y %s' "$@"; }
touch -d '2001-02-03 04:05:06.123456789 UTC' "$SCRATCH/old"
chmod 640 "$SCRATCH/old"
cp -p "$SCRATCH/old" copy
install -m 750 -p "$SCRATCH/old" installed
show copy installed
cp -p copy again
mv copy moved
show again moved
touch -d '1999-12-31 23:59:59 UTC' again
touch -r again moved
chmod 604 again
show again moved
echo more >>moved
touch -d @1700000000.5 moved
show moved
mkdir tree
cp -p again moved installed tree/
tar cf "$SCRATCH/tree.tar" tree
rm -r tree
tar xpf "$SCRATCH/tree.tar"
show tree/*
tar df "$SCRATCH/tree.tar"
test moved -nt again && echo newer
find . -type f -newermt 2002-01-01 | sort
