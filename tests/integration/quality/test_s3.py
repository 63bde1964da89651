"""Raw files in a bucket, through boto3 against a real S3 API."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from contender.errors import NotFound
from monitoring.quality.sources import files_of
from tests.stand_ins.s3 import s3_api


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    with s3_api("raw") as url, pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ENDPOINT_URL", url)
        yield "raw"


def test_files_of_a_prefix_are_brought_in_order(bucket: str, raw: Path) -> None:
    client = boto3.client("s3")
    for key in ("in/b.csv", "in/A.CSV", "in/notes.txt", "other/c.csv"):
        client.upload_file(str(raw), bucket, key)
    with files_of(f"s3://{bucket}/in/") as (files, passed_over):
        assert [path.name for path in files] == ["A.CSV", "b.csv"]
        assert passed_over == ["in/notes.txt"]
        assert files[0].read_bytes() == raw.read_bytes()
    assert not files[0].exists()


def test_one_object_is_taken_whatever_its_name_and_a_prefix_of_others_holds_none(bucket: str, raw: Path) -> None:
    boto3.client("s3").upload_file(str(raw), bucket, "odd/people.txt")
    with files_of(f"s3://{bucket}/odd/people.txt") as found:
        assert [path.name for path in found.files] == ["people.txt"]
    with files_of(f"s3://{bucket}/odd/") as found:
        assert found == ([], ["odd/people.txt"])


@pytest.mark.parametrize("url", ["s3://raw/nothing", "s3://no-such-bucket/in"])
def test_nothing_there_is_named(bucket: str, url: str) -> None:
    with pytest.raises(NotFound, match=r"s3://"), files_of(url):
        pass
