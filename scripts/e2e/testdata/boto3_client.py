"""The steps of the boto3 workflow that Allas' documentation shows, one a call."""

import sys

import boto3
from botocore.config import Config
import os


def main(step, *args):
    resource = boto3.resource(
        "s3",
        endpoint_url=os.environ["ENDPOINT"],
        region_name="regionOne",
        config=Config(s3={"addressing_style": "path"}),
    )
    steps = {
        "make-bucket": lambda bucket: resource.create_bucket(Bucket=bucket),
        "list-buckets": lambda: print(*(b.name for b in resource.buckets.all()), sep="\n"),
        "list-objects": lambda bucket: print(*(o.key for o in resource.Bucket(bucket).objects.all()), sep="\n"),
        "upload": lambda file, bucket, key: resource.Object(bucket, key).upload_file(file),
        "download": lambda bucket, key, file: resource.Object(bucket, key).download_file(file),
        "delete": lambda bucket, key: resource.Object(bucket, key).delete(),
        "delete-all": lambda bucket: resource.Bucket(bucket).objects.all().delete(),
        "delete-bucket": lambda bucket: resource.Bucket(bucket).delete(),
    }
    steps[step](*args)


main(*sys.argv[1:])
