"""A server loads what it needs and nothing else, and its stand-ins leave no trace."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
FOREIGN = {"pandas", "sklearn", "scipy", "mlflow", "imblearn", "kubernetes", "contender.release", "pipelines"}


def run(program: str) -> str:
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize("room", ["predictor", "transformer"])
def test_a_server_loads_no_training_library(room: str) -> None:
    loaded = run(f"import sys, serving.process, serving.{room}.bootstrap; print(*sys.modules)").split()
    assert "kserve" in loaded
    assert FOREIGN & set(loaded) == set()


def test_whoever_wants_pandas_afterwards_gets_the_real_one() -> None:
    assert run("import serving.sdk, pandas; print(pandas.DataFrame({'a': [1, 2]}).a.sum())") == "3"
