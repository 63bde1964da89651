"""An S3 API of moto's over a real socket, and the credentials to use it with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import boto3
import pytest
from moto.server import ThreadedMotoServer

REGION = "us-east-1"


@contextmanager
def s3_api(*buckets: str) -> Iterator[str]:
    """The URL of an S3 API that has these buckets; the environment's credentials are right for as long as it is there.

    Its buckets are those of the whole process: a name of its own keeps a test from another's objects.
    """
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "test")
        patch.setenv("AWS_DEFAULT_REGION", REGION)
        try:
            for name in buckets:
                boto3.client("s3", endpoint_url=url).create_bucket(Bucket=name)
            yield url
        finally:
            server.stop()
