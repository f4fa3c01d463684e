#!/bin/bash
# The small things of shell scripts: redirections, appends, edits in place, pieces of files.
set -euo pipefail
cp "$INPUTS/table.csv" table.csv
head -n 1000 table.csv >head.csv
tail -n 5 table.csv >>head.csv
wc head.csv
for i in 1 2 3; do echo "line $i" >>log.txt; done
tee -a log.txt <head.csv | md5sum
sed -i 's/^s01/S01/' head.csv
grep -c '^S01' head.csv
sort -t, -k3g -o head.csv head.csv
awk -F, '{ n[$1]++ } END { for (s in n) print s, n[s] }' table.csv | sort >counts.txt
split -l 20000 table.csv piece.
cat piece.* | cmp - table.csv
printf 'HERE' | dd of=table.csv bs=1 seek=100000 conv=notrunc status=none
dd if=table.csv bs=1 skip=99990 count=30 status=none | md5sum
truncate -s 12345 piece.aa
truncate -s 5000000 piece.ab
dd if=/dev/zero of=sparse.bin bs=1 count=1 seek=9000000 status=none
ln -s counts.txt link.txt 2>/dev/null && rm link.txt
mkdir -p a/b/c
echo deep >a/b/c/file
mv a z
cat z/b/c/file
gzip -n -k head.csv
gzip -t head.csv.gz
md5sum ./*.csv ./*.txt ./*.bin ./piece.*
find . -type f -exec stat -c '%n %s' {} + | sort
