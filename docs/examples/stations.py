"""stations.py DIR  reads DIR/table.csv, writes DIR/results/means.csv and the values of each station to DIR/results/stations.h5"""

import sys
from pathlib import Path

import h5py
import pandas as pd

data = Path(sys.argv[1])
results = data / "results"
results.mkdir(exist_ok=True)

table = pd.read_csv(data / "table.csv")
table.groupby("station")["value"].agg(["mean", "min", "max", "count"]).round(4).to_csv(results / "means.csv")

with h5py.File(results / "stations.h5", "w") as f:
    for name, rows in table.sort_values("year", kind="stable").groupby("station"):
        group = f.create_group(name)
        group["year"] = rows["year"].to_numpy()
        group.create_dataset("value", data=rows["value"].to_numpy(), compression="gzip")

with h5py.File(results / "stations.h5") as f:
    print(len(f), "stations,", sum(len(f[name]["value"]) for name in f), "values")
