"""What the gate looks at, rendered once."""

from __future__ import annotations

import pytest

from infrastructure.policy import tools


@pytest.fixture(scope="session")
def installed() -> None:
    if not (tools.CHECKOV.exists() and (tools.TOOLS / "bin" / "zizmor").exists()):
        pytest.skip(f"checkov, zizmor and kubernetes-validate are needed: {tools.REMEDY}")
