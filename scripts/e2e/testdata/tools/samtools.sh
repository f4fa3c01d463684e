#!/bin/bash
# differs: \.cram(\.crai)?$
# samtools: sort through temporary files, index, regions by index, statistics.
set -euo pipefail
cp "$INPUTS/reads.sam" "$INPUTS/ref.fa" .
samtools sort -m 2M -o sorted.bam reads.sam 2>/dev/null
samtools index sorted.bam
samtools quickcheck sorted.bam
samtools view sorted.bam chr2:10000-12000 | md5sum
samtools view -c sorted.bam chrM
samtools idxstats sorted.bam
samtools flagstat sorted.bam
samtools faidx ref.fa
samtools faidx ref.fa chr1:5000-5100 chrM:1-60
samtools view -C -T ref.fa -o sorted.cram sorted.bam
samtools index sorted.cram
samtools view -T ref.fa sorted.cram chr1:1-3000 | cut -f 1-11 | md5sum
samtools depth -r chr1:100-200 sorted.bam | md5sum
find . -type f | sort
