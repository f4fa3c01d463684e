"""Writes a Python wheel that carries the programs (PEP 427): pip puts them on the path, without root.

wheel.py VERSION ARCH ALLASFS S3SERVER ROOT DIST
"""

import base64
import hashlib
import os
import re
import sys
import time
import zipfile

MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}


def normal(version):
    """PEP 440 knows no ~ and no second hyphen."""
    return re.sub(r"[~-]", ".", version) if re.fullmatch(r"[0-9.]+([~-].*)?", version) else version


def metadata(version, readme):
    head = {
        "Metadata-Version": "2.1",
        "Name": "allasfs",
        "Version": version,
        "Summary": "CSC's object store Allas as a directory",
        "License": "Apache-2.0",
        "Classifier": "Operating System :: POSIX :: Linux",
        "Requires-Python": ">=3.6",
        "Description-Content-Type": "text/markdown",
    }
    return "".join(f"{k}: {v}\n" for k, v in head.items()) + "\n" + readme


def main(version, arch, allasfs, server, root, dist):
    version = normal(version)
    machine = MACHINES[arch]
    tags = [f"py3-none-manylinux_2_17_{machine}", f"py3-none-manylinux2014_{machine}", f"py3-none-musllinux_1_1_{machine}"]
    info, data = f"allasfs-{version}.dist-info", f"allasfs-{version}.data/scripts"
    read = lambda path: open(path, "rb").read()
    files = [
        (f"{data}/allasfs", read(allasfs), 0o755),
        (f"{data}/allasfs-s3server", read(server), 0o755),
        (f"{info}/LICENSE", read(os.path.join(root, "LICENSE")), 0o644),
        (f"{info}/METADATA", metadata(version, read(os.path.join(root, "README.md")).decode()).encode(), 0o644),
        (f"{info}/WHEEL", ("Wheel-Version: 1.0\nGenerator: allasfs\nRoot-Is-Purelib: false\n" + "".join(f"Tag: {t}\n" for t in tags)).encode(), 0o644),
    ]
    record = "".join(f"{n},sha256={base64.urlsafe_b64encode(hashlib.sha256(b).digest()).rstrip(b'=').decode()},{len(b)}\n" for n, b, _ in files)
    files.append((f"{info}/RECORD", (record + f"{info}/RECORD,,\n").encode(), 0o644))
    platforms = ".".join(t.split("-", 2)[2] for t in tags)
    at = time.gmtime(max(int(os.environ["SOURCE_DATE_EPOCH"]), 315532800))[:6]  # a zip file knows no time before 1980
    with zipfile.ZipFile(os.path.join(dist, f"allasfs-{version}-py3-none-{platforms}.whl"), "w", zipfile.ZIP_DEFLATED) as z:
        for name, content, mode in files:
            entry = zipfile.ZipInfo(name, at)
            entry.external_attr = (0o100000 | mode) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            z.writestr(entry, content)


if __name__ == "__main__":
    if len(sys.argv) != 7:
        sys.exit(__doc__)
    main(*sys.argv[1:])
