"""The registry adapter against a real MLflow store on SQLite."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from mlflow import MlflowClient

from contender.adapters.addresses import sqlite_url
from contender.adapters.registry_mlflow import EVALUATED_ARTIFACT, Draft, MlflowRegistry
from contender.errors import NotFound, Unavailable
from contender.release.ports import Registry
from contender.values import ModelVersion

# MLflow 3.17 uses a loader strategy that SQLAlchemy 2.1 deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy")


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> MlflowRegistry:
    home = tmp_path_factory.mktemp("mlflow")
    return MlflowRegistry(f"sqlite:///{home}/new/mlflow.db", str(home / "artifacts"))


@pytest.fixture
def task(request: pytest.FixtureRequest) -> str:
    return str(request.node.name)


def drafted(registry: MlflowRegistry, task: str, folder: Path, run_id: str = "") -> Draft:
    (folder / "model").mkdir(parents=True, exist_ok=True)
    (folder / "model" / "MLmodel").write_text("flavors: {}\n")
    run_id = run_id or registry.start_run(task, "training")
    return registry.draft(task, run_id, registry.log_files(run_id, folder / "model", "model"))


def registered(registry: MlflowRegistry, task: str, folder: Path, run_id: str = "") -> ModelVersion:
    draft = drafted(registry, task, folder, run_id)
    (folder / "serving").mkdir(exist_ok=True)
    (folder / "serving" / "manifest.json").write_text(draft.version)
    return registry.publish(
        draft, folder / "serving", "abc", semver="1.0.0", metrics={"roc_auc": 0.8}, tags={"gate": "passed"}
    )


def test_a_published_version_is_found_by_number_and_alias(registry: MlflowRegistry, task: str, tmp_path: Path) -> None:
    made = registered(registry, task, tmp_path)
    registry.set_alias(task, "champion", made.version)
    assert registry.version(task, "champion") == registry.version(task, made.version) == made
    assert (made.task, made.version, made.semver, made.digest) == (task, "1", "1.0.0", "abc")
    assert made.metrics == {"roc_auc": 0.8}
    assert made.tags == {"gate": "passed", "validation_status": "passed"}


def test_every_version_keeps_files_of_its_own_even_of_one_run(
    registry: MlflowRegistry, task: str, tmp_path: Path
) -> None:
    run_id = registry.start_run(task, "training")
    first, second = (registered(registry, task, tmp_path, run_id) for _ in range(2))
    contents = [(registry.fetch(one, tmp_path / "copy") / "manifest.json").read_text() for one in (first, second)]
    assert contents == ["1", "2"]
    assert registry.versions(task) == [first, second]


def test_a_registration_that_broke_off_cannot_be_served(registry: MlflowRegistry, task: str, tmp_path: Path) -> None:
    draft = drafted(registry, task, tmp_path)
    with pytest.raises(NotFound, match="no serving artifact"):
        registry.version(task, draft.version)
    assert registry.versions(task) == []


def test_the_evaluated_artifact_is_the_served_one_unless_a_version_keeps_another(
    registry: MlflowRegistry, task: str, tmp_path: Path
) -> None:
    made = registered(registry, task, tmp_path)
    assert registry.fetch_evaluated(made, tmp_path / "copy") == registry.fetch(made, tmp_path / "copy")
    (tmp_path / "judged").mkdir()
    (tmp_path / "judged" / "manifest.json").write_text("unregistered")
    kept = registry.log_files(registry.start_run(task, "other"), tmp_path / "judged", "evaluated/1")
    registry.tag(task, made.version, {EVALUATED_ARTIFACT: kept})
    again = registry.version(task, made.version)
    assert (registry.fetch_evaluated(again, tmp_path / "copy") / "manifest.json").read_text() == "unregistered"
    assert registry.fetch(again, tmp_path / "copy") == registry.fetch(made, tmp_path / "copy")


def test_aliases_move_and_go(registry: MlflowRegistry, task: str, tmp_path: Path) -> None:
    first, second = (registered(registry, task, tmp_path) for _ in range(2))
    port: Registry = registry
    port.set_alias(task, "champion", first.version)
    registry.set_alias(task, "champion", second.version)
    registry.set_alias(task, "previous", first.version)
    assert registry.aliases(task) == {"champion": "2", "previous": "1"}
    registry.set_alias(task, "previous", None)
    registry.set_alias(task, "previous", None)
    assert registry.aliases(task) == {"champion": "2"}


def test_what_does_not_exist_is_not_found(registry: MlflowRegistry, task: str, tmp_path: Path) -> None:
    assert registry.aliases(task) == {}
    assert registry.versions(task) == []
    registered(registry, task, tmp_path)
    for ref in ("champion", "99", "not-an-alias", "v1"):
        with pytest.raises(NotFound):
            registry.version(task, ref)
    with pytest.raises(NotFound):
        registry.version("unheard-of", "champion")
    with pytest.raises(NotFound):
        registry.set_alias(task, "champion", "99")


def test_a_store_that_cannot_be_opened_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("this is no database" * 100)
    with pytest.raises(Unavailable):
        MlflowRegistry(f"sqlite:///{tmp_path}/mlflow.db").aliases("job-change")


def test_the_password_in_an_address_is_not_repeated() -> None:
    registry = MlflowRegistry("http://bob:hunter2@127.0.0.1:1")
    with pytest.raises(Unavailable) as caught:
        registry.version("job-change", "champion")
    assert "127.0.0.1:1" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def kept(registry: MlflowRegistry, version: ModelVersion, folder: Path) -> str:
    return (registry.fetch(version, folder / "copy") / "manifest.json").read_text()


def home_at(folder: Path) -> MlflowRegistry:
    return MlflowRegistry(sqlite_url(folder / "mlflow.db"), str(folder / "artifacts"))


def test_a_home_may_be_called_anything(tmp_path: Path) -> None:
    home = tmp_path / "a b %2F?#ü'\"&"
    registry = home_at(home)
    made = registered(registry, "job-change", tmp_path)
    assert Path(made.artifact).is_relative_to(home)
    assert kept(home_at(home), registry.version("job-change", "1"), tmp_path) == "1"
    assert {one.name for one in tmp_path.iterdir()} == {home.name, "model", "serving"}


@pytest.mark.parametrize("was_plain", [False, True], ids=["uri", "path"])
def test_a_home_that_was_moved_reads_and_writes_where_it_is_now(was_plain: bool, tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    registry = home_at(old)
    if was_plain:  # as homes were kept before
        MlflowClient(registry.tracking_uri).create_experiment("job-change", str(old / "artifacts" / "job-change"))
    first = registered(registry, "job-change", tmp_path)
    registry.tag("job-change", "1", {EVALUATED_ARTIFACT: first.artifact})
    old.rename(new)
    moved = home_at(new)
    found = moved.version("job-change", "1")
    assert Path(found.artifact).is_relative_to(new)
    assert kept(moved, first, tmp_path) == kept(moved, found, tmp_path) == "1"
    assert moved.fetch_evaluated(found, tmp_path / "copy") == Path(found.artifact)
    beside = replace(found, tags={**found.tags, "beside": first.artifact})
    assert moved.fetch_kept(beside, "beside", tmp_path / "copy") == Path(found.artifact)
    second = registered(moved, "job-change", tmp_path)
    assert Path(second.artifact).is_relative_to(new)
    assert [kept(moved, one, tmp_path) for one in moved.versions("job-change")] == ["1", "2"]
    assert not old.exists()


def test_variables_of_mlflow_do_not_say_where_records_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = f"sqlite:///{tmp_path}/corp.db"
    for name in ("TRACKING_URI", "REGISTRY_URI", "WORKSPACE_STORE_URI"):
        monkeypatch.setenv(f"MLFLOW_{name}", elsewhere)
    for name in ("EXPERIMENT_NAME", "EXPERIMENT_ID", "RUN_ID", "ARTIFACT_URI", "WORKSPACE"):
        monkeypatch.setenv(f"MLFLOW_{name}", "77")
    home = tmp_path / "home"
    made = registered(home_at(home), "job-change", tmp_path)
    home_at(home).set_alias("job-change", "champion", made.version)
    assert home_at(home).aliases("job-change") == {"champion": "1"}
    assert not (tmp_path / "corp.db").exists()


def test_a_file_that_is_no_registry_is_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("no database, but longer than a head")
    with pytest.raises(Unavailable, match=r"the registry cannot be read: .*mlflow.db is no database .*restore\.md"):
        home_at(tmp_path)
