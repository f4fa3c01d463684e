"""What users of the object store write today, one verb a run: download, files, list, upload, put."""
import os
import sys

import boto3

bucket = os.environ["BENCH_BUCKET"]
client = boto3.client("s3", endpoint_url=os.environ["BENCH_ENDPOINT"])


def download(key):
    client.download_file(bucket, key, os.path.basename(key))


def keys(prefix):
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for entry in page.get("Contents", []):
            yield entry["Key"]


def files(prefix, count):
    for number, key in enumerate(keys(prefix)):
        if number == int(count):
            return
        download(key)


def show(prefix):
    for key in keys(prefix):
        print(key)


def upload(path, key):
    client.upload_file(path, bucket, key)


def put(prefix, count):
    for number in range(int(count)):
        client.put_object(Bucket=bucket, Key=f"{prefix}{number:05d}", Body=bytes(4096))


verbs = {"download": download, "files": files, "list": show, "upload": upload, "put": put}
verbs[sys.argv[1]](*sys.argv[2:])
