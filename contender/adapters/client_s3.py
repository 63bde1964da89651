"""The client of an S3 API, with deadlines; boto3 is imported when one is asked for."""

from __future__ import annotations

from typing import Any

from contender.errors import Unavailable


def connect(endpoint: str = "") -> Any:
    """A client, with the environment's credentials, for the S3 API at `endpoint`; Amazon's if that is empty."""
    import boto3

    return boto3.client("s3", endpoint_url=endpoint or None, config=limits())


def limits() -> Any:
    """How long any client of ours waits for S3, and how often it asks again: botocore's own are minutes."""
    from botocore.config import Config

    return Config(connect_timeout=3, read_timeout=10, retries={"max_attempts": 2})


def no_bucket(name: str) -> Unavailable:
    """The error of an S3 API that knows no bucket `name`: nothing is said of what would be in it."""
    remedy = "make the bucket, or check CONTENDER_ARTIFACT_ROOT, CONTENDER_ANCHORS and CONTENDER_S3_ENDPOINT"
    return Unavailable(f"the S3 API has no bucket {name!r}", remedy=remedy)
