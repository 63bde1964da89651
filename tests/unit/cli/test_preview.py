"""Choosing an arm from the command line: keys, headers, and what is refused."""

from __future__ import annotations

import json
import stat
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from cli import ask, preview
from cli.main import run
from contender.errors import InvalidInput, Refused
from contender.tasks.job_change.task import JobChange
from serving.transformer.preview import Previews, read_key


def made(folder: Path) -> Path:
    key = folder / "preview.key"
    assert run(["preview", "key", "--out", str(key), "--json"]) == 0
    return key


def test_a_key_is_made_for_its_owner_alone_and_never_overwritten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = made(tmp_path)
    assert json.loads(capsys.readouterr().out) == {"key": str(key), "variable": "CONTENDER_PREVIEW_KEY"}
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    before = read_key(key)
    assert run(["preview", "key", "--out", str(key)]) == 1
    assert read_key(key) == before
    assert run(["preview", "key", "--out", str(tmp_path / "no" / "where")]) == 2


@pytest.mark.parametrize("named", [("--unit", "c-17"), ()], ids=["a unit", "nobody"])
def test_a_signed_header_is_one_that_the_transformer_obeys(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], named: tuple[str, ...]
) -> None:
    key = made(tmp_path)
    capsys.readouterr()
    assert run(["preview", "sign", "--as", "challenger", *named, "--key", str(key), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["header"] == "X-Preview-Arm"
    obeyed = Previews("job-change", read_key(key), time.time)
    assert obeyed.arm(document["value"].encode(), named[1] if named else None) == "challenger"
    assert obeyed.arm(document["value"].encode(), "somebody else") is None


def test_the_key_may_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONTENDER_PREVIEW_KEY", str(made(tmp_path)))
    assert run(["preview", "sign", "--as", "challenger"]) == 0


def test_nobody_chooses_without_a_key_nor_for_many_nor_an_impossible_arm(tmp_path: Path) -> None:
    key = made(tmp_path)
    assert preview.header_for([{}, {}], None, "job-change", "") == {}
    for instances, given, arm in (([{}], None, "challenger"), ([{}, {}], key, "challenger"), ([{}], key, "a;b")):
        with pytest.raises(InvalidInput, match="--"):
            preview.header_for(instances, given, "job-change", arm)


def test_a_key_that_is_not_obeyed_is_told() -> None:
    preview.check_obeyed({"predictions": [{"assigned_to": "unassigned"}]}, "challenger")
    preview.check_obeyed({"predictions": [{"assigned_to": "champion"}]}, "")
    with pytest.raises(Refused, match="does not obey"):
        preview.check_obeyed({"predictions": [{"assigned_to": "champion"}]}, "challenger")


class FakeEndpoint:
    """Obeys every preview, or nobody's; remembers the headers."""

    def __init__(self, *, obeys: bool) -> None:
        self.obeys, self.headers = obeys, dict[str, str]()

    def __enter__(self) -> FakeEndpoint:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def predict(
        self, instances: Sequence[Mapping[str, object]], headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        self.headers = dict(headers or {})
        previewed = self.obeys and self.headers
        return {"predictions": [{"assigned_to": "unassigned" if previewed else "champion"} for _ in instances]}


class FakePlace:
    def __init__(self, *, obeys: bool) -> None:
        self.task, self.asked = JobChange(), FakeEndpoint(obeys=obeys)

    def endpoint(self) -> FakeEndpoint:
        return self.asked


@pytest.mark.parametrize(("obeys", "code"), [(True, 0), (False, 3)])
def test_predict_as_an_arm_signs_for_the_row_s_unit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, obeys: bool, code: int
) -> None:
    place, key = FakePlace(obeys=obeys), made(tmp_path)
    monkeypatch.setattr(ask, "workplace", lambda task: place)
    row = ["predict", "--row", '{"unit_id": "c-17"}']
    assert run([*row, "--as", "challenger", "--key", str(key), "--json"]) == code
    previews = Previews("job-change", read_key(key), time.time)
    assert previews.arm(place.asked.headers["X-Preview-Arm"].encode(), "c-17") == "challenger"
    assert run([*row, "--json"]) == 0
    assert place.asked.headers == {}
