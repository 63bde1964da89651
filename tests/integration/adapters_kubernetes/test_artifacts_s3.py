"""Artifacts on an S3 API: found at their exact address, refused when they are missing or too large."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from moto.server import ThreadedMotoServer

from contender.adapters.artifacts_s3 import S3Artifacts, exact_address
from contender.artifact import MANIFEST, MAX_SIZES
from contender.errors import InvalidArtifact, InvalidInput, Unavailable

HOME = "s3://models/job-change/1/artifacts/serving/7"


def client(url: str) -> Any:
    import boto3
    from botocore.config import Config

    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    return boto3.client("s3", endpoint_url=url, config=Config(retries={"max_attempts": 1}, connect_timeout=1), **keys)


@pytest.fixture(scope="module")
def s3() -> Iterator[Any]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    made = client(f"http://{host}:{port}")
    made.create_bucket(Bucket="models")
    made.put_object(Bucket="models", Key="job-change/1/artifacts/serving/7/manifest.json", Body=b"{}")
    yield made
    server.stop()


def test_a_file_is_read_at_its_exact_address(s3: Any) -> None:
    artifacts = S3Artifacts(lambda: s3)
    assert artifacts.read(HOME, MANIFEST) == b"{}"
    assert artifacts.read(HOME + "/", MANIFEST) == b"{}"


@pytest.mark.parametrize("address", ["s3://models/job-change/2", "/home/me/7", "file:///home/me/7"])
def test_what_is_not_there_is_told(s3: Any, address: str) -> None:
    with pytest.raises(InvalidArtifact, match="is not"):
        S3Artifacts(lambda: s3).read(address, MANIFEST)


def test_a_bucket_that_is_not_there_is_told_by_its_name(s3: Any) -> None:
    with pytest.raises(Unavailable, match="no bucket 'elsewhere'") as caught:
        S3Artifacts(lambda: s3).read("s3://elsewhere/7", MANIFEST)
    assert MANIFEST not in str(caught.value)
    assert "CONTENDER_S3_ENDPOINT" in str(caught.value.remedy)


def test_a_file_that_is_too_large_is_not_read_to_its_end(s3: Any) -> None:
    s3.put_object(Bucket="models", Key="big/manifest.json", Body=b" " * (MAX_SIZES[MANIFEST] + 1))
    with pytest.raises(InvalidArtifact, match="may have at most"):
        S3Artifacts(lambda: s3).read("s3://models/big", MANIFEST)


def test_an_s3_that_is_away_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="cannot be read"):
        S3Artifacts(lambda: client("http://127.0.0.1:9")).read(HOME, MANIFEST)


def test_the_proxy_of_mlflow_is_seen_through() -> None:
    proxied = "mlflow-artifacts:/1/run/artifacts/serving/8"
    assert exact_address(proxied, "s3://models/mlflow/") == "s3://models/mlflow/1/run/artifacts/serving/8"
    assert exact_address("mlflow-artifacts://host:5000/1/x", "s3://models") == "s3://models/1/x"
    assert exact_address(HOME, "") == HOME
    with pytest.raises(InvalidInput, match="CONTENDER_ARTIFACT_ROOT"):
        exact_address(proxied, "")
