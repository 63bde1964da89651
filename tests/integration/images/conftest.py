"""The overlays as kubectl renders them, and the serving image's contents as its Dockerfile installs them."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest
import yaml

ROOT = Path(__file__).parents[3]
KUBERNETES = ROOT / "infrastructure" / "kubernetes"
OVERLAYS = ("local", "staging", "production")
SERVING = ROOT / "serving" / "Dockerfile"
INSTALLED = "/opt/contender"
NOBODY = 65532

Document = dict[str, Any]


class Rendered(list[Document]):
    """What an overlay applies."""

    def of(self, kind: str) -> list[Document]:
        return [one for one in self if one["kind"] == kind]

    def one(self, kind: str, name: str) -> Document:
        (found,) = [one for one in self.of(kind) if one["metadata"]["name"] == name]
        return found


@pytest.fixture(scope="session")
def rendered() -> Mapping[str, Rendered]:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl renders the overlays: install kubernetes-client or kubectl")
    made = {}
    for overlay in OVERLAYS:
        command = [kubectl, "kustomize", str(KUBERNETES / "overlays" / overlay)]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        made[overlay] = Rendered(yaml.safe_load_all(text))
    return made


@pytest.fixture(scope="session")
def stack() -> ModuleType:
    """What the tests of the servers make artifacts and ask servers with."""
    path = ROOT / "tests" / "integration" / "serving" / "conftest.py"
    spec = importlib.util.spec_from_file_location("serving_stack", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["serving_stack"] = module
    spec.loader.exec_module(module)
    return module


class Image(NamedTuple):
    """An image's contents on this machine: where its environment lies, what it sets, and who runs in it."""

    folder: Path
    environment: Mapping[str, str]
    user: int | None


@pytest.fixture(scope="session")
def image() -> Iterator[Image]:
    """The serving image: its own `uv sync`, run into an empty folder that anybody may read."""
    uv = shutil.which("uv") or str(ROOT / ".tools" / "uv" / "bin" / "uv")
    home = Path(tempfile.mkdtemp(prefix="contender-image-"))
    home.chmod(0o755)
    python, user = _interpreter()
    try:
        environment = {**os.environ, "UV_PROJECT_ENVIRONMENT": str(home / "env"), "UV_PYTHON": python}
        environment |= {"UV_COMPILE_BYTECODE": "1"}
        command = shlex.split(_sync())
        assert command[0] == "uv"
        subprocess.run([uv, *command[1:], "--quiet"], cwd=ROOT, env=environment, check=True)
        yield Image(home / "env", _environment(home / "env"), user)
    finally:
        shutil.rmtree(home)


def _joined() -> str:
    return SERVING.read_text().replace("\\\n", " ")


def _sync() -> str:
    (command,) = re.findall(r"^RUN (uv sync .*)$", _joined(), re.MULTILINE)
    return str(command)


def _environment(folder: Path) -> dict[str, str]:
    """What the last stage sets, with the environment where it is here."""
    (line,) = re.findall(r"^ENV (.*)$", _joined().rpartition("\nFROM ")[2], re.MULTILINE)
    pairs = dict(word.split("=", 1) for word in shlex.split(line))
    return {name: value.replace(INSTALLED, str(folder)).replace("$PATH", os.defpath) for name, value in pairs.items()}


def _interpreter() -> tuple[str, int | None]:
    """A Python 3.11, and the user to run it as: the image's where this process may become it."""
    own = Path(sys.base_prefix) / "bin" / "python3.11"
    if os.geteuid() != 0:
        return str(own), None
    for python in (own, Path("/usr/local/bin/python3.11"), Path("/usr/bin/python3.11")):
        if python.exists() and all(parent.stat().st_mode & 0o001 for parent in python.resolve().parents):
            return str(python), NOBODY
    return str(own), None
