"""The registry adapter against a real MLflow store on SQLite."""

from __future__ import annotations

from pathlib import Path

import pytest

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
