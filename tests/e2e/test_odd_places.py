"""A newcomer's walk from the worst of places: every command of it works there as it does anywhere."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CONTENDER = Path(sys.executable).with_name("contender")
ODD = "a b %2F?#ü'"
"""The name of a home that is quoted in a URL, in a shell, or not at all."""

MODULES = ("cli", "contender", "json", "kfp", "mlflow", "serving", "sitecustomize", "sqlite3", "typing")
DEAD = "http://127.0.0.1:9"
NOBODY = 54_321
"""A uid that no system knows by name."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


class Place:
    """A folder full of other people's files, and an environment full of other tools' variables."""

    def __init__(self, folder: Path) -> None:
        self.home, self.here, self.scratch = folder / ODD, folder / "here", folder / "scratch"
        self.corporate = folder / "corporate.db"
        for made in (self.here / "sklearn", self.scratch):
            made.mkdir(parents=True)
        for name in (*MODULES, "sklearn/__init__"):
            (self.here / f"{name}.py").write_text("raise SystemExit('a file of the current folder ran')\n")
        for name in ("pyproject.toml", "setup.cfg", "alembic.ini", "matplotlibrc", ".env", "mlruns"):
            (self.here / name).write_text("[nothing of Contender's\n")

    @property
    def environment(self) -> dict[str, str]:
        """No name, no HOME, a narrow terminal without Unicode, dead proxies, and what is set for other tools."""
        corporate = f"sqlite:///{self.corporate}"
        proxies = {f"{kind}_PROXY": DEAD for kind in ("HTTP", "HTTPS", "ALL")}
        return {
            "PATH": "/usr/bin:/bin",
            "TMPDIR": str(self.scratch),
            "CONTENDER_HOME": str(self.home),
            "COLUMNS": "40",
            "LC_ALL": "C",
            "PYTHONIOENCODING": "ascii",
            **proxies,
            **{name.lower(): DEAD for name in proxies},
            **dict.fromkeys(("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"), corporate),
            **dict.fromkeys(("MLFLOW_EXPERIMENT_ID", "MLFLOW_RUN_ID", "_KFP_RUNTIME", "WEB_CONCURRENCY"), "4"),
            "PGHOST": "nowhere.invalid",
            "OTEL_EXPORTER_OTLP_ENDPOINT": DEAD,
            "GIT_DIR": "/nowhere",
        }

    def contender(self, *arguments: str, code: int = 0) -> dict[str, Any]:
        """What the command says as JSON."""
        done = subprocess.run(
            [*nameless(), str(CONTENDER), *arguments, "--json"],
            cwd=self.here, env=self.environment, capture_output=True, text=True, timeout=600, check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stderr[-4000:]
        document: dict[str, Any] = json.loads(done.stdout)
        return document

    def move(self) -> None:
        """Put the home somewhere else."""
        moved = self.home.with_name("moved home")
        self.home.rename(moved)
        self.home = moved


def nameless() -> list[str]:
    """What runs a command as an account without a name, where this system lets us."""
    become = ["unshare", "--user", f"--map-user={NOBODY}"]
    tried = subprocess.run([*become, "true"], capture_output=True, check=False)
    return become if tried.returncode == 0 else []


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path)
    yield place
    place.contender("down")


def answered(place: Place) -> dict[str, Any]:
    """The answer to one person."""
    (answer,) = place.contender("predict")["predictions"]
    assert answer["fallback_reason"] is None
    return dict(answer)


def test_a_walk_from_the_worst_of_places(place: Place) -> None:
    assert place.contender("doctor")["healthy"]
    trained = place.contender("train", "--trials", "0")
    assert trained["alias"] == "champion"
    assert list(place.scratch.iterdir()) == []

    first = place.contender("up", "--port", "0")
    again = place.contender("up")
    assert again["url"] == first["url"]
    refused = place.contender("up", "--port", "1", code=3)
    assert "is already up on port" in refused["error"]
    assert answered(place)["model_version"] == trained["version"]
    assert place.contender("down")["stopped"]

    place.move()
    moved = place.contender("up", "--port", "0")
    assert moved["home"] == str(place.home)
    assert answered(place)["model_version"] == trained["version"]
    record = place.contender("audit", "show")["records"][-1]
    assert record["actor"] == (f"uid-{NOBODY}" if nameless() else record["actor"])
    assert not place.corporate.exists()
    assert not (place.home.parent / ODD).exists()
