"""The workplace that commands are tried in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.settings import Settings
from tests.integration.cli.bench import TASK, WIDE, Bench


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(Settings(home=tmp_path, slots=WIDE), TASK)
    made.release.install("1")
    yield made
    made.store.close()
