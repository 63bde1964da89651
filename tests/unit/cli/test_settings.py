"""What the command is told by its environment: a laptop needs nothing, a cluster says where its records are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cli.compose import Workplace, server_environment, workplace
from cli.settings import Settings
from contender.adapters.addresses import sqlite_file
from contender.adapters.supervisor.commands import SETTLED, TAKEN
from contender.errors import InvalidInput, Unavailable


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("BACKEND", "STORE_URL", "TRACKING_URI", "ARTIFACT_ROOT", "NAMESPACE"):
        monkeypatch.delenv(f"CONTENDER_{name}", raising=False)
    monkeypatch.setenv("CONTENDER_HOME", str(tmp_path))
    monkeypatch.setenv("CONTENDER_KUBECONFIG", str(tmp_path / "no-kubeconfig"))


def test_on_a_laptop_everything_lies_under_the_home_folder(tmp_path: Path) -> None:
    settings = Settings()
    assert settings.store_url == f"sqlite:///{tmp_path}/store.db"
    assert settings.tracking_uri == f"sqlite:///{tmp_path}/mlflow.db"
    assert settings.artifacts == str(tmp_path / "artifacts")


def test_what_is_said_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"STORE_URL": "postgresql://store", "TRACKING_URI": "http://mlflow:5000", "ARTIFACT_ROOT": "s3://models"}
    for name, value in said.items():
        monkeypatch.setenv(f"CONTENDER_{name}", value)
    settings = Settings()
    assert (settings.store_url, settings.tracking_uri, settings.artifacts) == tuple(said.values())


def test_a_cluster_must_say_where_its_store_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONTENDER_BACKEND", "cluster")
    with pytest.raises(InvalidInput, match="CONTENDER_STORE_URL must be set"):
        workplace("job-change")


def test_a_cluster_must_say_where_its_registry_is_once_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONTENDER_BACKEND", "cluster")
    monkeypatch.setenv("CONTENDER_STORE_URL", "postgresql://store")
    place = workplace("job-change")
    with pytest.raises(InvalidInput, match="CONTENDER_TRACKING_URI"):
        _ = place.registry


def test_a_setting_that_is_wrong_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONTENDER_PORT", "many")
    with pytest.raises(InvalidInput, match="CONTENDER_PORT: Input should be a valid integer"):
        workplace("job-change")


def test_without_a_login_the_remedy_is_told(tmp_path: Path) -> None:
    settings = Settings(backend="cluster", store_url=f"sqlite:///{tmp_path}/store.db")
    with pytest.raises(Unavailable, match="update-kubeconfig"):
        _ = Workplace(settings, "job-change").slots


def test_a_key_that_is_not_read_is_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CONTENDER_HOME", str(tmp_path))
    (tmp_path / "approvers").mkdir()
    assert not workplace("job-change").approvals.keys
    assert capsys.readouterr().err == ""
    (tmp_path / "approvers" / "ada").write_text("a key without .pub")
    assert not workplace("job-change").approvals.keys
    told = " ".join(capsys.readouterr().err.split())
    assert told.endswith("not read as approvers' keys: ada; a key's name is NAME.pub")


ODD = "a b %2F?#ü'\""


def test_a_home_may_be_called_anything(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CONTENDER_HOME", str(tmp_path / ODD))
    settings = Settings()
    assert sqlite_file(settings.store_url) == tmp_path / ODD / "store.db"
    assert sqlite_file(settings.tracking_uri) == tmp_path / ODD / "mlflow.db"


@pytest.mark.parametrize(
    ("home", "problem"),
    [
        ("/dev/null", "is no folder"),
        ("~nobody-of-that-name", "write the whole path"),
        ("/srv/two\nlines", "control character"),
        (os.fsdecode(b"/srv/\xff"), "no text in UTF-8"),
    ],
)
def test_a_home_that_cannot_be_is_refused_at_once(home: str, problem: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONTENDER_HOME", home)
    with pytest.raises(InvalidInput, match=f"CONTENDER_HOME: .*{problem}"):
        workplace("job-change")


def test_records_elsewhere_are_the_same_file_for_whoever_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CONTENDER_STORE_URL", "sqlite:///kept/store.db")
    monkeypatch.setenv("CONTENDER_ARTIFACT_ROOT", "kept")
    told = server_environment(Settings())
    assert told["CONTENDER_STORE_URL"] == f"sqlite:///{tmp_path}/kept/store.db"
    assert told["CONTENDER_ARTIFACT_ROOT"] == f"{tmp_path}/kept"
    assert told["CONTENDER_HOME"] == str(tmp_path)


def test_a_throw_away_home_keeps_all_of_it_to_itself(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    said = {
        "BACKEND": "cluster",
        "STORE_URL": "postgresql://store",
        "TRACKING_URI": "http://mlflow:5000",
        "ARTIFACT_ROOT": "s3://models",
        "ANCHORS": "s3://anchors",
        "REQUIRE_APPROVAL": "true",
    }
    for name, value in said.items():
        monkeypatch.setenv(f"CONTENDER_{name}", value)
    settings = Settings.throw_away(tmp_path)
    assert (settings.backend, settings.require_approval) == ("local", False)
    assert settings.store_url == f"sqlite:///{tmp_path}/store.db"
    assert settings.tracking_uri == f"sqlite:///{tmp_path}/mlflow.db"
    assert (settings.artifacts, settings.anchor_place) == (str(tmp_path / "artifacts"), str(tmp_path / "anchors"))


READ_BY: dict[str, str] = {
    "home": "told", "store_url": "told", "tracking_uri": "told", "artifact_root": "told",
    "port": "launched with",
    **dict.fromkeys(
        ("actor", "start_seconds", "switch_seconds", "require_approval", "approval_keys", "anchors",
         "retention_months", "rollback_hours", "slots"), "commands alone",
    ),
    **dict.fromkeys(
        ("backend", "namespace", "kubeconfig", "slot_url", "transformer_url", "pipelines_url", "pipelines_token",
         "pipelines_image", "monitoring_image", "pipelines_rows", "pipelines_namespace"), "a cluster's",
    ),
    "s3_endpoint": "taken",
}  # fmt: skip
"""Who reads a setting beside the command: servers are `told` it or have `taken` it from a person, or nobody does."""


def test_every_setting_is_obeyed_by_everybody_it_concerns() -> None:
    """Whoever adds a setting says here which programs read it, and has them told."""
    assert set(READ_BY) == set(Settings.model_fields)
    told = server_environment(Settings()).keys() - server_environment().keys() | {"CONTENDER_HOME"}
    assert told == {f"CONTENDER_{name.upper()}" for name, who in READ_BY.items() if who == "told"}
    assert {name.upper() for name, who in READ_BY.items() if who == "taken"} <= TAKEN
    alone = {name.upper() for name, who in READ_BY.items() if who not in {"told", "taken"}}
    assert not alone & (TAKEN | set(SETTLED))
