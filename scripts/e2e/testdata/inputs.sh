#!/bin/bash
# Makes in the current folder what the tools work on: the same bytes in every run, but for git's packs.
set -euo pipefail

python3 "$TOOLS/inputs.py"
find tree -exec touch -h -d 2024-03-01T12:00:00Z {} +
tar --create --file tree.tar --sort=name --mtime=@1709294400 --owner=0 --group=0 --numeric-owner tree

export GIT_AUTHOR_DATE=2024-03-01T12:00:00Z GIT_COMMITTER_DATE=2024-03-01T12:00:00Z
git init --quiet source
cp -r tree/. source/
git -C source add .
git -C source commit --quiet --message 'all files'
git -C source tag v1
rm -r source/docs
echo changed >source/README.md
git -C source commit --quiet --all --message 'fewer files'
git clone --quiet --bare source repo.git
rm -rf source
