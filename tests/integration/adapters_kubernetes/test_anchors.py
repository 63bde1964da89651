"""What anchors promise, kept in files and on an S3 API."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse

from contender.adapters.anchor_file import AnchorFiles
from contender.adapters.anchor_s3 import S3Anchors
from contender.adapters.client_s3 import connect
from contender.errors import FaultFound, InvalidInput, Unavailable
from contender.release.ports import Anchors
from tests.stand_ins.s3 import s3_api


@pytest.fixture(scope="module")
def s3() -> Iterator[Any]:
    with s3_api("evidence") as url:
        yield connect(url)


PREFIXES = map(str, itertools.count(1))


@pytest.fixture(params=["file", "s3"])
def anchors(request: pytest.FixtureRequest, tmp_path: Path) -> Anchors:
    if request.param == "file":
        return AnchorFiles(tmp_path / "anchors")
    client = request.getfixturevalue("s3")
    return S3Anchors(f"s3://evidence/{next(PREFIXES)}/anchors", lambda: client)


def anchor(number: int, sign: str = "a") -> dict[str, object]:
    return {"sequence": number, "hash": sign * 64, "at": 1_700_000_000.123456 + number}


def test_anchors_follow_each_other_and_repeat_nothing(anchors: Anchors) -> None:
    assert anchors.kept("t") == []
    for number in (1, 2, 2, 3):
        anchors.keep("t", anchor(number))
    assert anchors.kept("t") == [anchor(1), anchor(2), anchor(3)]


def test_two_ends_of_one_trail_are_both_kept(anchors: Anchors) -> None:
    anchors.keep("t", anchor(1))
    anchors.keep("t", anchor(1, "b"))
    assert [one["hash"][0] for one in anchors.kept("t")] == ["a", "b"]


def test_tasks_have_trails_of_their_own(anchors: Anchors) -> None:
    anchors.keep("job", anchor(1))
    anchors.keep("job-change", anchor(2))
    assert anchors.kept("job") == [anchor(1)]


def test_more_anchors_than_a_page_holds_are_all_told(s3: Any) -> None:
    anchors = S3Anchors("s3://evidence/many", lambda: s3)
    for number in range(1_002):
        name = f"many/t/{number:012d}-{float(number)!r}-{'c' * 64}.json"
        s3.put_object(Bucket="evidence", Key=name, Body=b"")
    assert [one["sequence"] for one in anchors.kept("t")] == list(range(1_002))


def test_an_overwritten_object_forges_nothing(s3: Any) -> None:
    anchors = S3Anchors("s3://evidence/forged/", lambda: s3)
    anchors.keep("t", anchor(7))
    (found,) = s3.list_objects_v2(Bucket="evidence", Prefix="forged/t/")["Contents"]
    s3.put_object(Bucket="evidence", Key=found["Key"], Body=b'{"sequence": 1}')
    assert anchors.kept("t") == [anchor(7)]


def test_a_stray_object_is_a_fault(s3: Any) -> None:
    s3.put_object(Bucket="evidence", Key="stray/t/notes.txt", Body=b"")
    with pytest.raises(FaultFound, match=r"damaged: 'notes\.txt' is none"):
        S3Anchors("s3://evidence/stray", lambda: s3).kept("t")


def test_an_s3_that_is_away_or_has_no_bucket_stops_the_change(s3: Any) -> None:
    del s3
    away = S3Anchors("s3://evidence", lambda: connect("http://127.0.0.1:9"))
    for call in (lambda: away.keep("t", anchor(1)), lambda: away.kept("t")):
        with pytest.raises(Unavailable, match="anchors cannot be used"):
            call()


def test_a_bucket_that_is_missing_stops_the_change(s3: Any) -> None:
    with pytest.raises(Unavailable, match="NoSuchBucket"):
        S3Anchors("s3://elsewhere/x", lambda: s3).keep("t", anchor(1))


@pytest.mark.parametrize("address", ["s3:///x", "http://bucket/x"])
def test_what_is_no_bucket_is_refused(address: str) -> None:
    with pytest.raises(InvalidInput, match="CONTENDER_ANCHORS"):
        S3Anchors(address, connect)


def test_another_writer_changes_nothing_that_is_there(s3: Any) -> None:
    s3.put_bucket_versioning(Bucket="evidence", VersioningConfiguration={"Status": "Enabled"})
    for _ in range(2):
        S3Anchors("s3://evidence/once", lambda: s3).keep("t", anchor(1))
    (version,) = s3.list_object_versions(Bucket="evidence", Prefix="once/")["Versions"]
    assert version["IsLatest"]


class Conflicts:
    """An S3 that answers so many puts with a conflict before it takes one."""

    def __init__(self, s3: Any, times: int) -> None:
        self.left, self._events = times, s3.meta.events
        self._events.register("before-send.s3.PutObject", self.answer)

    def answer(self, request: Any, **_: object) -> AWSResponse | None:
        if not self.left:
            return None
        self.left -= 1
        raw = Raw()
        raw.write(b"<Error><Code>ConditionalRequestConflict</Code></Error>")
        raw.seek(0)
        return AWSResponse(request.url, 409, {}, raw)

    def close(self) -> None:
        self._events.unregister("before-send.s3.PutObject", self.answer)


class Raw(io.BytesIO):
    """A body as botocore streams it."""

    def stream(self) -> Iterator[bytes]:
        yield self.read()


@pytest.mark.parametrize("times", [1, 3])
def test_a_writer_at_the_same_moment_is_let_by(s3: Any, times: int) -> None:
    conflicts, waited = Conflicts(s3, times), list[float]()
    anchors = S3Anchors(f"s3://evidence/raced-{times}", lambda: s3, sleep=waited.append)
    anchors.keep("t", anchor(1))
    conflicts.close()
    assert anchors.kept("t") == [anchor(1)]
    assert len(waited) == times


def test_a_conflict_that_does_not_end_stops_the_change(s3: Any) -> None:
    conflicts = Conflicts(s3, 99)
    anchors = S3Anchors("s3://evidence/jammed", lambda: s3, sleep=lambda _seconds: None)
    with pytest.raises(Unavailable, match="ConditionalRequestConflict"):
        anchors.keep("t", anchor(1))
    conflicts.close()
    assert anchors.kept("t") == []
