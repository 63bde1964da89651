"""What the gate looks at, and a home in which commands run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from infrastructure.policy import tools
from tests.integration.policy.laptop import Laptop, served


@pytest.fixture(scope="session")
def installed() -> None:
    if not (tools.CHECKOV.exists() and (tools.TOOLS / "bin" / "zizmor").exists()):
        pytest.skip(f"checkov, zizmor and kubernetes-validate are needed: {tools.REMEDY}")


@pytest.fixture(scope="module")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laptop]:
    with served(tmp_path_factory.mktemp("home")) as made:
        yield made
