"""Writes a tree of files, a genome with reads and variants, two elevation grids and a table, always the same."""

import os
import random

rng = random.Random(7)
CONTIGS = {"chr1": 120_000, "chr2": 80_000, "chrM": 16_000}


def tree():
    for i in range(60):
        path = f"tree/data/run{i % 6}/part{i:03}.bin"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(rng.randbytes(rng.choice([0, 1, 100, 5_000, 70_000])))
    os.makedirs("tree/docs/ä ö", exist_ok=True)
    for name in ("README.md", "docs/ä ö/muistio.txt", "docs/plan (1).txt"):
        with open("tree/" + name, "w") as f:
            f.writelines(f"line {i} of {name}\n" for i in range(200))
    with open("tree/large.bin", "wb") as f:
        f.write(rng.randbytes(12_000_000))


def genome():
    seqs = {name: "".join(rng.choices("ACGT", k=size)) for name, size in CONTIGS.items()}
    with open("ref.fa", "w") as f:
        for name, seq in seqs.items():
            f.write(f">{name}\n")
            f.writelines(seq[i : i + 60] + "\n" for i in range(0, len(seq), 60))
    reads(seqs)
    variants(seqs)


def reads(seqs):
    with open("reads.sam", "w") as f:
        f.write("@HD\tVN:1.6\tSO:unsorted\n")
        f.writelines(f"@SQ\tSN:{name}\tLN:{len(seq)}\n" for name, seq in seqs.items())
        for i in range(30_000):
            name = rng.choice(list(seqs))
            pos = rng.randrange(len(seqs[name]) - 100)
            quality = "".join(rng.choices("FGHI:,#", k=100))
            f.write(f"read{i}\t{rng.choice([0, 16])}\t{name}\t{pos + 1}\t{rng.randrange(61)}\t100M\t*\t0\t0\t{seqs[name][pos:pos + 100]}\t{quality}\n")


def variants(seqs):
    with open("variants.vcf", "w") as f:
        f.write("##fileformat=VCFv4.2\n")
        f.writelines(f"##contig=<ID={name},length={len(seq)}>\n" for name, seq in seqs.items())
        f.write('##INFO=<ID=DP,Number=1,Type=Integer,Description="Depth">\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n')
        for name, seq in seqs.items():
            for pos in sorted(rng.sample(range(len(seq)), len(seq) // 20)):
                alt = rng.choice([b for b in "ACGT" if b != seq[pos]])
                f.write(f"{name}\t{pos + 1}\t.\t{seq[pos]}\t{alt}\t{rng.randrange(10, 99)}\tPASS\tDP={rng.randrange(5, 80)}\n")


def grids():
    for n, east in enumerate((385000, 385400)):
        with open(f"dem{n + 1}.asc", "w") as f:
            f.write(f"ncols 400\nnrows 300\nxllcorner {east}\nyllcorner 6671000\ncellsize 1\nNODATA_value -9999\n")
            for _ in range(300):
                f.write(" ".join(f"{rng.uniform(0, 120):.2f}" for _ in range(400)) + "\n")


def table():
    with open("table.csv", "w") as f:
        f.write("station,year,value\n")
        f.writelines(f"s{rng.randrange(40):02},{rng.randrange(1960, 2024)},{rng.uniform(-30, 30):.3f}\n" for _ in range(50_000))


for part in (tree, genome, grids, table):
    part()
