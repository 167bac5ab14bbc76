"""The S3 protocol under /storage/v1/s3, as AWS documents it and its clients speak it."""

PREFIX = "/s3"
