"""What is really in the store, told by a client that shares nothing with allasfs.

store.py manifest BUCKET   one JSON object: key -> [size, sha256 of the bytes, content type]
store.py wipe BUCKET…      removes the buckets and all that is in them, open multipart uploads too
store.py uploads BUCKET    the keys of the multipart uploads that nobody finished
store.py share BUCKET      lets everybody list the bucket and read what is in it
store.py make BUCKET ACL   makes it; with public-read everybody may list it, and nobody read what is in it
store.py put BUCKET KEY    writes standard input as one object
"""

import hashlib
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore.config import Config


def connect():
    return boto3.client(
        "s3",
        endpoint_url=os.environ["ENDPOINT"],
        region_name="regionOne",
        config=Config(s3={"addressing_style": "path"}, max_pool_connections=8),
    )


def keys(s3, bucket):
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for entry in page.get("Contents", []):
            yield entry["Key"]


def describe(s3, bucket, key):
    answer = s3.get_object(Bucket=bucket, Key=key)
    digest, size = hashlib.sha256(), 0
    for piece in answer["Body"].iter_chunks(1 << 20):
        digest.update(piece)
        size += len(piece)
    assert size == answer["ContentLength"], (key, size)
    return key, [size, digest.hexdigest(), answer.get("ContentType", "")]


def manifest(s3, bucket):
    with ThreadPoolExecutor(8) as pool:
        found = dict(pool.map(lambda key: describe(s3, bucket, key), keys(s3, bucket)))
    json.dump(found, sys.stdout, sort_keys=True)


def uploads(s3, bucket):
    return s3.list_multipart_uploads(Bucket=bucket).get("Uploads", [])


def wipe(s3, *buckets):
    for bucket in buckets:
        try:
            names = list(keys(s3, bucket))
        except s3.exceptions.NoSuchBucket:
            continue
        for key in names:
            s3.delete_object(Bucket=bucket, Key=key)
        for upload in uploads(s3, bucket):
            s3.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
        s3.delete_bucket(Bucket=bucket)


def share(s3, bucket):
    own = "arn:aws:s3:::" + bucket
    allow = {"Effect": "Allow", "Principal": "*", "Action": ["s3:ListBucket", "s3:GetObject"], "Resource": [own, own + "/*"]}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [allow]}))


def main(step, *args):
    s3 = connect()
    if step == "manifest":
        manifest(s3, *args)
    elif step == "wipe":
        wipe(s3, *args)
    elif step == "share":
        share(s3, *args)
    elif step == "uploads":
        print(*(u["Key"] for u in uploads(s3, *args)), sep="\n")
    elif step == "make":
        bucket, acl = args
        s3.create_bucket(Bucket=bucket, ACL=acl)
    elif step == "put":
        bucket, key = args
        s3.put_object(Bucket=bucket, Key=key, Body=sys.stdin.buffer.read())
    else:
        sys.exit(__doc__)


main(*sys.argv[1:])
