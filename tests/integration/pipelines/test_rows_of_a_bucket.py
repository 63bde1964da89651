"""Rows to learn from in a bucket, as a step on a cluster reads them: boto3 against a real S3 API."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from contender.errors import InvalidInput, NotFound
from contender.tasks.job_change.task import JobChange
from pipelines.params import DataParams
from pipelines.steps.ingest import ingest
from tests.stand_ins.s3 import s3_api


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    rows = tmp_path_factory.mktemp("rows") / "rows.csv"
    made = JobChange().generate(100, seed=1)
    with rows.open("w", newline="") as stream:
        table = csv.DictWriter(stream, list(made[0]))
        table.writeheader()
        table.writerows(made)
    with s3_api("rows") as url, pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ENDPOINT_URL", url)
        for key in ("data/newest.csv", "both/a.csv", "both/b.csv"):
            boto3.client("s3").upload_file(str(rows), "rows", key)
        yield "s3://rows"


def test_rows_of_a_bucket_are_those_of_the_same_file_here(bucket: str, tmp_path: Path) -> None:
    report = ingest("job-change", DataParams(file=f"{bucket}/data/newest.csv"), tmp_path / "there")
    boto3.client("s3").download_file("rows", "data/newest.csv", str(tmp_path / "newest.csv"))
    assert report == ingest("job-change", DataParams(file=str(tmp_path / "newest.csv")), tmp_path / "here")
    assert (report["rows"], report["synthetic"], report["source"]) == (100, False, "newest.csv")
    lines = [json.loads(line) for line in (tmp_path / "there" / "rows.jsonl").read_text().splitlines()]
    assert len(lines) == 100


def test_an_address_of_nothing_and_one_of_several_files_are_refused(bucket: str, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"s3://rows/none\.csv"):
        ingest("job-change", DataParams(file=f"{bucket}/none.csv"), tmp_path)
    with pytest.raises(InvalidInput, match="names 2 files"):
        ingest("job-change", DataParams(file=f"{bucket}/both/"), tmp_path)


def test_who_has_no_credentials_is_told_how_to_give_them(bucket: str, tmp_path: Path) -> None:
    known = {name: value for name, value in os.environ.items() if name != "AWS_ACCESS_KEY_ID"}
    known |= {"HOME": str(tmp_path), "AWS_EC2_METADATA_DISABLED": "true", "CONTENDER_HOME": str(tmp_path)}
    command = [
        sys.executable,
        "-c",
        "from cli.main import main; main()",
        "quality",
        "check",
        f"{bucket}/data/",
        "--json",
    ]
    done = subprocess.run(command, env=known, capture_output=True, text=True, check=False, timeout=120)
    told = json.loads(done.stdout)
    assert done.returncode == 5, told
    assert "without credentials" in told["error"]
    assert "AWS_ACCESS_KEY_ID" in told["remedy"]
