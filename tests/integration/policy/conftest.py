"""What the gate looks at, rendered once."""

from __future__ import annotations

import shutil
from collections.abc import Mapping

import pytest

from infrastructure.policy import render, tools
from infrastructure.policy.objects import Rendered


@pytest.fixture(scope="session")
def overlays() -> Mapping[str, Rendered]:
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl renders the overlays: install kubernetes-client or kubectl")
    return render.overlays()


@pytest.fixture(scope="session")
def installed() -> None:
    if not (tools.CHECKOV.exists() and (tools.TOOLS / "bin" / "zizmor").exists()):
        pytest.skip(f"checkov, zizmor and kubernetes-validate are needed: {tools.REMEDY}")
