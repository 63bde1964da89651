"""The dossier from a real store and a real registry: as a file, and attached to the version it decides on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.compose import Workplace
from cli.dossier.attach import attach, attach_or_say
from cli.main import run
from cli.settings import Settings
from contender.adapters.registry_mlflow import MlflowRegistry
from contender.errors import NotFound
from contender.experiment.analysis import Experiment, look
from contender.experiment.plan import Plan
from contender.release import audit
from contender.tasks.catalog import task_named
from contender.values import CHALLENGER, CHAMPION, Exposure, Outcome

TASK = "job-change"
AT = 1_790_000_000.0
SIZE = 240
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy")


def version(registry: MlflowRegistry, folder: Path) -> str:
    (folder / "serving").mkdir(parents=True, exist_ok=True)
    (folder / "serving" / "manifest.json").write_text("{}")
    run_id = registry.start_run(TASK, "training")
    draft = registry.draft(TASK, run_id, registry.log_files(run_id, folder / "serving", "model"))
    tags = {"mlflow_run_id": run_id, "git_sha": "c0ffee", "schema_digest": "5c4e"}
    made = registry.publish(draft, folder / "serving", f"d{draft.version}", semver="1.0.0", metrics={}, tags=tags)
    return made.version


def exposure(number: int, experiment: Experiment) -> Exposure:
    arm = CHALLENGER if number % 2 else CHAMPION
    return Exposure(
        prediction_id=f"p{number}",
        task=TASK,
        experiment_id=experiment.id,
        generation=4,
        unit_id=f"candidate-{number}",
        assigned_to=arm,
        served_by=arm,
        model_version=experiment.challenger,
        label="looking",
        score=0.9 if arm == CHALLENGER else 0.6,
        confidence=0.9,
        fallback_reason=None,
        latency_ms=3.0,
        at=AT + number,
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workplace]:
    """A home in which version 2 was compared with version 1 and promoted."""
    home = tmp_path_factory.mktemp("home")
    place = Workplace(Settings(home=home), TASK)
    champion, challenger = (version(place.registry, home / "made") for _ in range(2))
    plan = Plan(min_units=100, tuning_units=SIZE)
    experiment = Experiment("e1", TASK, "e1", plan, champion, challenger, AT, ((4, 0.5),))
    place.store.save_experiment(experiment.to_document())
    exposures = [exposure(number, experiment) for number in range(SIZE)]
    outcomes = [Outcome(f"o{one.prediction_id}", one.prediction_id, TASK, 1, one.at + 1) for one in exposures]
    place.store.append(exposures, outcomes)
    place.store.settle(TASK, task_named(TASK).reward)
    look(place.store, experiment)
    last = None
    for event, detail in (("start", {"experiment": "e1"}), ("promote", {"reason": "better"})):
        last = audit.record(last, at=AT, actor="anna", task=TASK, event=event, detail=detail)
        place.store.append_audit(TASK, last)
    yield place
    place.store.close()


@pytest.fixture(autouse=True)
def environment(place: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONTENDER_HOME", str(place.settings.home))


def test_the_command_writes_one_whole_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "dossier.html"
    assert run(["experiment", "report", "--out", str(file), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    content = file.read_bytes()
    assert told["experiment"] == "e1"
    assert told["decisions"] == ["promote"]
    assert told["audit_ok"] is True
    assert told["sha256"] == hashlib.sha256(content).hexdigest()
    assert b"Version 2 was promoted in place of version 1" in content
    assert content.endswith(b"</html>\n")


def test_the_page_names_nobody_who_was_asked_about(place: Workplace, tmp_path: Path) -> None:
    file = tmp_path / "dossier.html"
    run(["experiment", "report", "--out", str(file)])
    assert f"{SIZE // 2}" in file.read_text()
    assert "candidate-" not in file.read_text()


def test_it_is_attached_to_the_version_it_decides_on(place: Workplace) -> None:
    kept = attach(place)
    tagged = place.registry.version(TASK, "2").tags
    assert tagged["dossier"] == kept
    assert kept.endswith("/dossier/e1-2.html")
    assert "Version 2 was promoted" in Path(kept).read_text()
    assert "dossier" not in place.registry.version(TASK, "1").tags


def test_a_missing_experiment_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["experiment", "report", "--out", str(tmp_path / "x.html"), "--experiment", "e9"]) == 1
    assert "e9" in capsys.readouterr().err
    assert not (tmp_path / "x.html").exists()


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["experiment", "report", "--out", str(tmp_path / "missing" / "x.html")]) == 2
    assert "--out" in capsys.readouterr().err


def test_a_release_is_not_stopped_by_a_dossier_that_cannot_be_attached(
    place: Workplace, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(NotFound):
        attach(place, "e9")
    assert attach_or_say(place, "e9") is None
    assert "contender experiment report" in capsys.readouterr().err


def test_a_registry_whose_files_cannot_be_written_stops_no_release(
    place: Workplace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """MLflow's client lets the S3 library's own errors through: here that it has no credentials."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    missing = str(place.settings.home / "none")
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, missing)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    registry = MlflowRegistry(place.settings.tracking_uri, "s3://nowhere/artifacts")
    run_id = registry._client.create_run(
        registry._client.create_experiment("elsewhere", artifact_location="s3://nowhere/elsewhere")
    ).info.run_id
    before = place.registry.version(TASK, "2").tags["mlflow_run_id"]
    place.registry.tag(TASK, "2", {"mlflow_run_id": run_id})
    try:
        assert attach_or_say(place) is None
    finally:
        place.registry.tag(TASK, "2", {"mlflow_run_id": before})
    assert "the dossier is not attached" in capsys.readouterr().err


def test_the_page_is_printed_for_a_dash(place: Workplace, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert run(["experiment", "report", "--out", "-"]) == 0
    printed = capfdbinary.readouterr().out
    assert printed.startswith(b"<!doctype html>")
    assert printed.rstrip().endswith(b"</html>")
    assert run(["experiment", "report", "--out", "-", "--json"]) == 2


def test_a_task_without_an_experiment_has_no_dossier(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty = Workplace(Settings(home=tmp_path), TASK)
    assert attach_or_say(empty) is None
    assert capsys.readouterr().err == ""
    empty.store.close()
