#!/bin/bash
# coverage.sh DIR  sorts and indexes DIR/reads.sam, and writes the coverage of each sequence to DIR/results/coverage.txt. What is temporary stays on the local disk
set -euo pipefail
cd "$1"
mkdir -p results
samtools sort --no-PG -T "${TMPDIR:-/tmp}/sort" -o results/sorted.bam reads.sam
samtools index results/sorted.bam
samtools coverage results/sorted.bam >results/coverage.txt
samtools view -c results/sorted.bam chr2:10000-12000
