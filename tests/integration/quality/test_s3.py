"""Raw files in a bucket, through boto3 against a real S3 API."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from contender.errors import NotFound
from monitoring.quality.sources import files_of


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        environment.setenv("AWS_ACCESS_KEY_ID", "test")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "test")
        environment.setenv("AWS_DEFAULT_REGION", "eu-central-1")
        place = {"LocationConstraint": "eu-central-1"}
        boto3.client("s3").create_bucket(Bucket="raw", CreateBucketConfiguration=place)
        yield "raw"
    server.stop()


def test_files_of_a_prefix_are_brought_in_order(bucket: str, raw: Path) -> None:
    client = boto3.client("s3")
    for key in ("in/b.csv", "in/a.csv", "in/notes.txt", "other/c.csv"):
        client.upload_file(str(raw), bucket, key)
    with files_of(f"s3://{bucket}/in/") as files:
        assert [path.name for path in files] == ["a.csv", "b.csv"]
        assert files[0].read_bytes() == raw.read_bytes()
    assert not files[0].exists()


@pytest.mark.parametrize("url", ["s3://raw/nothing", "s3://no-such-bucket/in"])
def test_nothing_there_is_named(bucket: str, url: str) -> None:
    with pytest.raises(NotFound, match=r"s3://"), files_of(url):
        pass
