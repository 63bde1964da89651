"""Each part of the house in PostgreSQL under a user of its own: it can do its work, and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
import typer
from psycopg.errors import InsufficientPrivilege

from cli import database
from contender.adapters.store_sql import Store
from contender.adapters.store_sql.users import PARTS, Users
from contender.errors import InvalidInput, Refused, Unavailable
from contender.values import Covariate, Exposure, Outcome, Prediction

SECRET = "".join(("it's\\100%", '"fine"'))
TASK = "job-change"


def reward(prediction: Prediction, outcome: object) -> float:
    return float(str(outcome) == prediction.label)


def url_of(owner: str, part: str, password: str = SECRET) -> str:
    from sqlalchemy import make_url

    url = make_url(owner).set(username=f"it's-{part}", password=password)
    return url.render_as_string(hide_password=False)


@pytest.fixture(scope="module")
def owner(fresh_schema: Callable[[], str]) -> str:
    return fresh_schema()


@pytest.fixture(scope="module")
def urls(owner: str) -> Mapping[str, str]:
    made = {part: url_of(owner, part) for part in PARTS}
    users = Users(owner, clock=lambda: 0.0)
    users.grant(made)
    assert [one.user for one in users.grant(made)] == [f"it's-{part}" for part in PARTS]
    users.close()
    return made


@pytest.fixture
def as_part(urls: Mapping[str, str]) -> Iterator[Callable[[str], Store]]:
    made: list[Store] = []

    def connect(part: str) -> Store:
        made.append(Store(urls[part], clock=lambda: 1_000.0))
        return made[-1]

    yield connect
    for store in made:
        store.close()


def refused(url: str, statement: str) -> bool:
    with psycopg.connect(url) as connection:
        try:
            connection.execute(statement.encode())
        except InsufficientPrivilege:
            return True
    return False


def exposures(count: int) -> list[Exposure]:
    return [
        Exposure(
            f"p{number}",
            TASK,
            "e1",
            2,
            f"u{number}",
            assigned_to="champion",
            served_by="champion",
            model_version="1",
            label="1",
            score=0.5,
            confidence=0.9,
            fallback_reason=None,
            latency_ms=1.0,
            at=10.0,
            features={"experience": 1},
        )
        for number in range(count)
    ]


def test_a_transformer_records_and_repeats_itself(as_part: Callable[[str], Store]) -> None:
    store = as_part("transformer")
    for _ in range(2):
        store.append(exposures(3), [Outcome("o1", "p1", TASK, 1, 20.0)], [Covariate("p1", TASK, "1", 0.5)])


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM inputs",
        "SELECT * FROM unit_groups",
        "SELECT * FROM audit",
        "UPDATE exposures SET label = '0'",
        "DELETE FROM exposures",
        "INSERT INTO audit VALUES ('t', 1, '{}')",
        "UPDATE releases SET revision = 1",
        "CREATE TABLE mine (id int)",
        "TRUNCATE exposures",
    ],
)
def test_a_transformer_does_nothing_else(urls: Mapping[str, str], statement: str) -> None:
    assert refused(urls["transformer"], statement)


def test_a_release_counts_judges_and_appends(as_part: Callable[[str], Store]) -> None:
    store = as_part("release")
    store.settle(TASK, reward)
    store.save_experiment({"id": "e1", "task": TASK, "status": "running"})
    assert store.experiment_data("e1").arms
    store.save_release(TASK, {"revision": 1}, expected=None)
    store.append_audit(TASK, {"sequence": 1, "at": 0.0})
    store.keep_note(TASK, "quality", "k", 1.0, {})


@pytest.mark.parametrize(
    "statement", ["UPDATE audit SET record = '{}'", "UPDATE contender_version SET version_num = 3"]
)
def test_a_release_does_not_rewrite_the_trail(urls: Mapping[str, str], statement: str) -> None:
    assert refused(urls["release"], statement)


def test_an_exporter_reads_and_writes_nothing(urls: Mapping[str, str], as_part: Callable[[str], Store]) -> None:
    store = as_part("exporter")
    assert store.audit(TASK)
    assert store.experiments(TASK)
    assert store.notes(TASK, "quality")
    for table, change in (("notes", "DELETE FROM notes"), ("inputs", "SELECT * FROM inputs")):
        assert refused(urls["exporter"], change), table
    with pytest.raises(Unavailable, match=r"lacks a right: permission denied for table audit .*database users"):
        store.append_audit(TASK, {"sequence": 2})


def test_an_exporter_tells_of_an_experiment_whose_exposures_wait(as_part: Callable[[str], Store]) -> None:
    as_part("transformer").append([replace(one, prediction_id=f"late-{one.prediction_id}") for one in exposures(2)], [])
    assert as_part("exporter").counted_already("e1").arms["champion"].exposures == 3
    assert as_part("release").experiment_data("e1").arms["champion"].exposures == 5
    assert as_part("exporter").counted_already("e1").arms["champion"].exposures == 5


def test_pipelines_judge_and_watch_but_release_nothing(
    urls: Mapping[str, str], as_part: Callable[[str], Store]
) -> None:
    store = as_part("pipelines")
    store.settle(TASK, reward)
    assert store.inputs(TASK, since=0.0)
    store.keep_note(TASK, "drift", "k", 1.0, {})
    assert refused(urls["pipelines"], "UPDATE releases SET revision = 9")
    assert refused(urls["pipelines"], "INSERT INTO audit VALUES ('t', 1, '{}')")


def test_a_right_too_many_is_taken_away_and_a_new_password_taken_over(owner: str, urls: Mapping[str, str]) -> None:
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute(b'GRANT DELETE ON exposures TO "it\'s-exporter"')
        before = connection.execute("SELECT rolpassword FROM pg_authid WHERE rolname = 'it''s-exporter'").fetchone()
    assert not refused(urls["exporter"], "DELETE FROM exposures WHERE false")
    users = Users(owner, clock=lambda: 0.0)
    users.grant({"exporter": url_of(owner, "exporter", "another")})
    users.close()
    assert refused(urls["exporter"], "DELETE FROM exposures WHERE false")
    with psycopg.connect(owner) as connection:
        after = connection.execute("SELECT rolpassword FROM pg_authid WHERE rolname = 'it''s-exporter'").fetchone()
    assert before != after
    assert str(after).startswith("('SCRAM-SHA-256$")


Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(owner: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.setenv("CONTENDER_STORE_URL", owner)
    root = typer.Typer()
    database.register(root)

    def call(*arguments: str) -> tuple[int, str]:
        code = root(args=["database", "users", *arguments], standalone_mode=False)
        return code, capsys.readouterr().out

    return call


def test_the_command_reads_what_a_secret_mounts_and_tells_no_password(
    owner: str, urls: Mapping[str, str], run: Run, tmp_path: Path
) -> None:
    for part, url in urls.items():
        (tmp_path / part).write_text(url + "\n")
    code, said = run("--urls", str(tmp_path), "--json")
    told: dict[str, Any] = json.loads(said)
    assert (code, [one["part"] for one in told["users"]]) == (0, list(PARTS))
    assert SECRET not in said + run("--urls", str(tmp_path))[1]
    (tmp_path / "release").write_text(url_of(owner, "x").replace("it%27s-x", "contender"))
    found = {one["part"]: one["owner"] for one in json.loads(run("--urls", str(tmp_path), "--json")[1])["users"]}
    assert found == {**dict.fromkeys(PARTS, False), "release": True}


def test_a_task_has_users_of_its_own_with_the_rights_of_their_part(owner: str, run: Run, tmp_path: Path) -> None:
    made = {f"{task}/transformer": url_of(owner, f"{task}-transformer") for task in ("job-change", "job-role")}
    made["exporter"] = url_of(owner, "exporter")
    (tmp_path / "..data").mkdir()
    (tmp_path / "..data" / "release").write_text("a mount's own copy")
    for name, url in made.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(url)
    told = json.loads(run("--urls", str(tmp_path), "--json")[1])["users"]
    assert {one["part"]: one["user"] for one in told} == {
        "job-change/transformer": "it's-job-change-transformer",
        "job-role/transformer": "it's-job-role-transformer",
        "exporter": "it's-exporter",
    }
    for task in ("job-change", "job-role"):
        url = made[f"{task}/transformer"]
        assert refused(url, "SELECT * FROM audit")
        assert not refused(url, "SELECT * FROM exposures")


@pytest.mark.parametrize(("part", "password"), [("release", SECRET), ("transformer", "another")])
def test_a_user_with_two_parts_or_passwords_is_refused(owner: str, part: str, password: str) -> None:
    users = Users(owner, clock=lambda: 0.0)
    both = {"job-change/transformer": url_of(owner, "x"), f"job-role/{part}": url_of(owner, "x", password)}
    with pytest.raises(InvalidInput, match="holds the user of job-change/transformer") as caught:
        users.grant(both)
    assert SECRET not in str(caught.value)
    users.close()


@pytest.mark.parametrize("content", ["", "not a url secret", "postgresql://host/db", "postgresql://user@host/db"])
def test_what_is_no_url_with_a_user_is_refused_without_repeating_it(run: Run, tmp_path: Path, content: str) -> None:
    (tmp_path / "release").write_text(content)
    with pytest.raises(InvalidInput) as caught:
        run("--urls", str(tmp_path))
    assert "secret" not in str(caught.value)


def test_a_file_has_no_users_and_an_unknown_part_no_rights(tmp_path: Path) -> None:
    users = Users(f"sqlite:///{tmp_path}/store.db", clock=lambda: 0.0)
    with pytest.raises(Refused, match="only PostgreSQL"):
        users.grant({"release": "postgresql://a:b@c/d"})
    with pytest.raises(InvalidInput, match="no part of the house"):
        users.grant({"cook": "postgresql://a:b@c/d"})


def test_a_command_under_a_user_that_lacks_a_right_says_what_to_do(urls: Mapping[str, str], tmp_path: Path) -> None:
    environment = {**os.environ, "CONTENDER_HOME": str(tmp_path), "CONTENDER_STORE_URL": urls["transformer"]}
    program = "import sys; from cli.main import run; sys.exit(run(['audit', 'show', '--json']))"
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (5, "")
    told = json.loads(done.stdout)
    assert told["error"] == "the store's user lacks a right: permission denied for table audit"
    assert told["remedy"] == "as the owner: contender database users --urls FOLDER"
