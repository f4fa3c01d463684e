#!/bin/bash
# differs: ^clone/\.git/(index$|objects/pack/)
# git: clone into the mount, check every object, work there, push back.
set -euo pipefail
export GIT_AUTHOR_DATE=2024-03-02T12:00:00Z GIT_COMMITTER_DATE=2024-03-02T12:00:00Z
cp -r "$INPUTS/repo.git" "$SCRATCH/repo.git"
git clone --quiet "file://$SCRATCH/repo.git" clone 2>&1
sed -i "s|file://.*|file://elsewhere|" clone/.git/config clone/.git/logs/HEAD clone/.git/logs/refs/heads/main clone/.git/logs/refs/remotes/origin/HEAD
cd clone
git config gc.auto 0
git fsck --full --strict 2>&1
git status --porcelain
git log --format='%h %s'
git checkout --quiet -b work v1
echo new >docs/new.txt
git add docs/new.txt
git mv README.md LUEMINUT.md
git commit --quiet --message 'from the mount'
git status --porcelain
git rev-parse HEAD
git diff --stat v1
git push --quiet "file://$SCRATCH/repo.git" work 2>&1
git gc --quiet
git fsck --full --strict 2>&1
git -C "$SCRATCH/repo.git" log --format='%h %s' work
git checkout --quiet main
git ls-files | wc -l
