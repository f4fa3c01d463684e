#!/bin/bash
# HDF5: created, written in pieces out of order, reopened, grown, changed in place, read by pieces.
set -euo pipefail
export HDF5_USE_FILE_LOCKING=TRUE
python3 - <<'END'
import h5py
import numpy as np

rng = np.random.default_rng(3)
with h5py.File("data.h5", "w") as f:
    grid = f.create_dataset("grid", (1000, 500), chunks=(100, 100), maxshape=(None, 500), compression="gzip")
    for row in (900, 0, 500, 100):
        grid[row : row + 100] = rng.normal(size=(100, 500))
    f.attrs["what"] = "test"
with h5py.File("data.h5", "r+") as f:
    f["grid"].resize(1200, axis=0)
    f["grid"][1100:1200, 200:300] = 7
    f.create_group("more")["counts"] = np.arange(100_000)
    f["more/counts"][500:510] = -1
with h5py.File("data.h5", "r") as f:
    print(f["grid"].shape, float(f["grid"][905, 17]), float(f["grid"][1150].sum()), float(f["grid"][:, 250].sum()))
    print(f["more/counts"][495:515], f.attrs["what"])
END
h5ls -r data.h5 2>/dev/null || true
