"""A database as it was made before versions were kept, with data in it, brought to the tables of today."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect, text

from contender.adapters.store_sql import Store
from contender.adapters.store_sql.versions import MIGRATIONS, NEWEST, Versions
from contender.errors import Unavailable
from contender.experiment.analysis import from_document, look, observe
from contender.experiment.data import Events, Sample
from contender.experiment.health import oddities
from contender.experiment.plan import digest_of
from contender.values import Prediction

Make = Callable[..., Any]
TASK = "job-change"
EXPOSED = """INSERT INTO exposures (prediction_id, task, experiment_id, generation, unit_id, assigned_to, served_by,
    model_version, label, score, confidence, fallback_reason, latency_ms, at, source, baseline_label, baseline_score)
    VALUES ('{0}', 'job-change', 'e1', 2, '{1}', 'champion', 'champion', '7', '1', 0.75, 0.9, NULL, 3.5, 100.0, 'live',
    {2})"""
BEFORE = (
    EXPOSED.format("p1", "u1", "'1', 0.25"),
    EXPOSED.format("p2", "u2", "NULL, NULL"),
    "INSERT INTO outcomes (event_id, prediction_id, task, value, at) VALUES ('o1', 'p1', 'job-change', '1', 200.0)",
    "INSERT INTO spans (experiment_id, first_at, last_at) VALUES ('e1', 100.0, 100.0)",
    """INSERT INTO units (experiment_id, unit_id, arm, generation, exposures, fallbacks, reviews, errors, slow,
    selections, rewards, reward_total, pairs, paired_total, baseline_total)
    VALUES ('e1', '{0}', 'champion', 2, 1, 0, 0, 0, 0, 0, 0, 0.0, 0, 0.0, 0.0)""",
    """INSERT INTO tallies VALUES ('e1', '', 2, 'champion', 2, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)""",
    """INSERT INTO tallies
    VALUES ('e1', 'first', 2, 'champion', 2, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)""",
    "INSERT INTO audit VALUES ('job-change', 1, '{{\"sequence\": 1}}')",
)

PLAN = {"unit": "unit_id", "metric": "reward", "outcome_days": 1.0, "max_late_share": 0.1, "leave_out_late": False}
RUNNING = {
    "task": "job-change",
    "words": json.dumps(
        {
            "id": "e1",
            "task": "job-change",
            "salt": "e1",
            "plan": PLAN,
            "plan_digest": digest_of(PLAN),
            "champion": "7",
            "challenger": "8",
            "started_at": 0.0,
            "status": "running",
            "shares": [[1, 0.1], [2, 0.5]],
        }
    ),
}


def by_score(prediction: Prediction, _outcome: object) -> float:
    return prediction.score


@pytest.fixture
def old(url: str) -> Iterator[Store]:
    store = Store(url, clock=lambda: 1_000.0)
    if store._file:
        store._file.parent.mkdir(parents=True)
    _fill(store._engine)
    yield store
    store.close()


@pytest.fixture
def between(old: Store) -> Store:
    """The store of version 3, with a running experiment."""
    with old._engine.begin() as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "3")
        connection.execute(text("INSERT INTO experiments VALUES ('e1', :task, 'running', 1.0, :words)"), RUNNING)
    return old


def _config() -> Config:
    config = Config(attributes={"version_table": "contender_version"})
    config.set_main_option("script_location", str(MIGRATIONS))
    return config


def _fill(engine: Engine) -> None:
    script = (Path(__file__).parent / f"version_1_{engine.dialect.name}.sql").read_text()
    with engine.begin() as connection:
        for statement in script.splitlines():
            connection.exec_driver_sql(statement)
        for statement, unit in [(words, unit) for words in BEFORE for unit in ("u1", "u2")]:
            if unit == "u1" or "{0}" in statement:
                connection.exec_driver_sql(statement.format(unit))


def shape(store: Store) -> dict[str, Any]:
    tables = inspect(store._engine)
    return {
        name: (
            sorted((column["name"], str(column["type"]), column["nullable"]) for column in tables.get_columns(name)),
            sorted(str((index["name"], index["column_names"])) for index in tables.get_indexes(name)),
            tables.get_pk_constraint(name)["constrained_columns"],
        )
        for name in tables.get_table_names()
    }


def test_older_tables_are_refused_and_untouched(old: Store, expose: Make) -> None:
    before = shape(old)
    for call in (lambda: old.append([expose("p9")], []), lambda: old.predictions(TASK)):
        with pytest.raises(Unavailable, match="has version 1 of its tables") as refusal:
            call()
        assert refusal.value.remedy == "contender database upgrade"
    assert old.versions() == Versions(1, NEWEST)
    assert shape(old) == before


def test_an_upgrade_makes_the_tables_of_a_new_database(old: Store, fresh_url: Callable[[], str]) -> None:
    new = Store(fresh_url(), clock=lambda: 1_000.0)
    assert (new.versions(), new.upgrade()) == (Versions(None), Versions(None))
    assert old.upgrade() == Versions(1)
    assert (old.versions(), old.upgrade()) == (Versions(NEWEST), Versions(NEWEST))
    assert shape(old) == shape(new)
    new.close()


def test_what_was_kept_goes_on_counting(old: Store, expose: Make) -> None:
    old.upgrade()
    arm = old.experiment_data("e1").arms["champion"]
    assert (arm.assigned, arm.exposures, arm.groups) == (2, 2, {})
    old.append([expose("p2", "u2"), expose("p3", "u3")], [])
    assert old.settle(TASK, by_score) == 1
    data = old.experiment_data("e1")
    assert (data.arms["champion"].assigned, data.events.replayed) == (3, 1)
    assert old.counted("e1").data() == data
    assert [record["sequence"] for record in old.audit(TASK)] == [1]


def test_the_groups_of_units_that_nobody_had_counted_are_kept(between: Store) -> None:
    with between._engine.begin() as connection:
        columns, values = EXPOSED.split("VALUES")
        columns, values = columns.replace(", baseline_label, baseline_score", ""), values.replace(",\n    {2}", "")
        connection.execute(text(f"{columns}VALUES{values.format('p3', 'u3')}"))
        connection.execute(
            text("INSERT INTO uncounted VALUES ('e1', 'p3', :groups)"), {"groups": '{"gender": "Female"}'}
        )
    between.upgrade()
    arm = between.experiment_data("e1").arms["champion"]
    assert (arm.assigned, arm.groups["gender=Female"].units) == (3, 1)


def test_a_running_experiment_of_the_version_before_goes_on(between: Store, expose: Make) -> None:
    """Under the old rule, with a ramp, outcomes of the old key and a queue: nothing is lost, and nothing doubled."""
    assert between.versions() == Versions(3, NEWEST)
    between.upgrade()
    assert between.settle(TASK, by_score) == 1
    running = from_document(between.experiment("e1"))
    assert running.rule == "shares"
    data = observe(between, running)
    arm = data.arms["champion"]
    assert (arm.assigned, arm.exposures, arm.metric("reward").value) == (2, 2, Sample(1, 0.75, 0.5625))
    assert data.pooled is False
    between.append([expose("p2", "u2"), expose("p3", "u3", "challenger", generation=3)], [])
    again = observe(between, running)
    assert {name: arm.assigned for name, arm in again.arms.items()} == {"champion": 2, "challenger": 1}
    assert again.events.replayed == 1
    assert between.outcome_counts(TASK) == {"pending": 0, "judged": 1, "refused": 0}
    assert look(between, running).decision == "hold"


@pytest.mark.parametrize(("stated", "noted", "kept"), [({}, 2, 2), ({"max_contradictory_share": 0.9}, 1, 0)])
def test_contradictions_that_held_an_experiment_go_on_holding_it(
    between: Store, expose: Make, stated: dict[str, float], noted: int, kept: int
) -> None:
    """Of two exposures, which contradict something; whose records they were nobody knows any more."""
    plan = PLAN | stated
    words = json.dumps(json.loads(RUNNING["words"]) | {"plan": plan, "plan_digest": digest_of(plan)})
    with between._engine.begin() as connection:
        connection.execute(text("UPDATE experiments SET document = :words"), {"words": words})
        connection.execute(text("UPDATE spans SET contradictory = :noted"), {"noted": noted})
    between.upgrade()
    assert between.experiment_data("e1").events == Events(contradictory=kept)
    between.append([expose("p1", label="0")], [])
    assert between.faulty_units("e1")["contradictory"] == ["u1"]
    assert between.experiment_data("e1").events == Events(contradictory=kept + 1)
    assert between.experiment_data("e1", {"u1"}).events == Events(contradictory=kept)
    faults = oddities(between.experiment_data("e1", {"u1"}), from_document(between.experiment("e1")).plan)
    assert ("contradictory" in [fault.kind for fault in faults]) == bool(kept)


def test_newer_tables_are_refused(store: Store) -> None:
    store.upgrade()
    with store._engine.begin() as connection:
        connection.execute(text("UPDATE contender_version SET version_num = '99'"))
    again = Store(store._engine.url.render_as_string(hide_password=False), clock=float)
    for call in (again.upgrade, lambda: again.audit(TASK)):
        with pytest.raises(Unavailable, match="has version 99") as refusal:
            call()
        assert "newer" in refusal.value.remedy
    again.close()


def test_a_failed_upgrade_leaves_everything_as_it_was(old: Store) -> None:
    with old._engine.begin() as connection:
        connection.execute(text("CREATE TABLE notes (mine INTEGER)"))
    before = shape(old)
    with pytest.raises(Exception, match="already exists"):
        old.upgrade()
    assert shape(old) == before


def test_the_last_migration_leads_to_the_version_of_the_code() -> None:
    script = ScriptDirectory.from_config(_config())
    assert script.get_current_head() == str(NEWEST)
    steps = [int(step.revision) for step in script.walk_revisions()]
    assert steps == list(itertools.accumulate([NEWEST] + [-1] * (NEWEST - 2)))
