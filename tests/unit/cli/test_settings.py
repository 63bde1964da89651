"""What the command is told by its environment: a laptop needs nothing, a cluster says where its records are."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.compose import Workplace, workplace
from cli.settings import Settings
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
