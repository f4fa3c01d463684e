#!/bin/bash
# bcftools and tabix: compress, index, regions by index, filters, concatenation.
set -euo pipefail
cp "$INPUTS/variants.vcf" .
bcftools view --no-version -Oz -o variants.vcf.gz variants.vcf
tabix -p vcf variants.vcf.gz
tabix variants.vcf.gz chr2:1000-9000 | md5sum
tabix -l variants.vcf.gz
bcftools view --no-version -Ob -o good.bcf -i 'QUAL>50 && INFO/DP>20' variants.vcf.gz
bcftools index good.bcf
bcftools query -r chr1:1-20000 -f '%CHROM %POS %REF %ALT %DP\n' good.bcf | md5sum
bcftools view --no-version -Oz -o one.vcf.gz variants.vcf.gz chr1
bcftools view --no-version -Oz -o two.vcf.gz variants.vcf.gz chr2
bcftools concat --no-version -Oz -o both.vcf.gz one.vcf.gz two.vcf.gz 2>/dev/null
tabix -p vcf both.vcf.gz
bcftools index --nrecords both.vcf.gz
bgzip -dc both.vcf.gz | md5sum
