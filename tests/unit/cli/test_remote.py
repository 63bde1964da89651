"""What `contender cluster run` needs is what the dependency group `remote` installs."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions, requires
from pathlib import Path

ROOT = Path(__file__).parents[3]
PROGRAM = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in sys.argv[1:]:
            raise ModuleNotFoundError(f"{name} is not installed by the group remote")

sys.meta_path.insert(0, Absent())
from cli.main import run
from kubernetes import client, config
sys.exit(run(["cluster", "run", "--help"]))
"""


def named(requirement: str) -> str:
    found = re.match(r"[\w.-]+", requirement)
    assert found
    return found[0].lower().replace("_", "-")


def closure(names: set[str]) -> set[str]:
    """The distributions and all that they require."""
    known, left = set[str](), {named(one) for one in names}
    while left:
        name = left.pop()
        known.add(name)
        try:
            needed = {named(one) for one in requires(name) or () if "extra ==" not in one}
        except ModuleNotFoundError:  # of another platform
            needed = set()
        left |= needed - known
    return known


def test_nothing_else_is_needed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    installed = closure({*project["project"]["dependencies"], *project["dependency-groups"]["remote"]}) | {"contender"}
    homes = packages_distributions().items()
    absent = [module for module, found in homes if not installed & {one.lower().replace("_", "-") for one in found}]
    assert {"mlflow", "sqlalchemy", "scipy"} <= set(absent)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *absent], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-1_000:]
