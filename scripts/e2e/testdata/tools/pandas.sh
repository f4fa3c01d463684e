#!/bin/bash
# pandas: read, group, write, read again; plain and compressed.
set -euo pipefail
cp "$INPUTS/table.csv" .
python3 - <<'END'
import pandas as pd

table = pd.read_csv("table.csv")
means = table.groupby("station")["value"].agg(["mean", "count"]).round(6)
means.to_csv("means.csv")
table.to_csv("table.csv.gz", index=False, compression={"method": "gzip", "mtime": 1})
table.to_pickle("table.pkl")
assert pd.read_csv("table.csv.gz").equals(table)
assert pd.read_pickle("table.pkl").equals(table)
with open("means.csv", "a") as f:
    f.write("# end\n")
for piece in pd.read_csv("table.csv", chunksize=20_000):
    print(len(piece), round(piece["value"].sum(), 3))
print(means.head())
END
