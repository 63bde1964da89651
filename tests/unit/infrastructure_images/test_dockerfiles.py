"""What both Dockerfiles keep to: pinned, locked, not root, no shell needed, only what is named reaches the builder."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
DOCKERFILES = [ROOT / "serving" / "Dockerfile", ROOT / "pipelines" / "Dockerfile"]
PINNED = re.compile(r"docker\.io/library/python:3\.11\.\d+-slim-bookworm@sha256:[0-9a-f]{64}")


def instructions(path: Path) -> list[str]:
    """The instructions, comments left out and continued lines joined."""
    lines = [line for line in path.read_text().splitlines() if not line.lstrip().startswith("#")]
    return [line for line in "\n".join(lines).replace("\\\n", " ").splitlines() if line.strip()]


def values(path: Path, word: str) -> list[str]:
    return [line.removeprefix(f"{word} ") for line in instructions(path) if line.startswith(f"{word} ")]


def last_stage(path: Path) -> list[str]:
    told = instructions(path)
    starts = [number for number, line in enumerate(told) if line.startswith("FROM ")]
    return told[starts[-1] :]


@pytest.mark.parametrize("path", DOCKERFILES, ids=str)
def test_every_stage_starts_from_one_base_pinned_by_digest(path: Path) -> None:
    assert PINNED.fullmatch(values(path, "ARG")[0].removeprefix("PYTHON="))
    stages = {line.split()[-1] for line in values(path, "FROM") if " AS " in line}
    assert all(line.split()[0] in {"${PYTHON}", *stages} for line in values(path, "FROM"))


def test_both_images_stand_on_the_same_base() -> None:
    assert len({values(path, "ARG")[0] for path in DOCKERFILES}) == 1


@pytest.mark.parametrize("path", DOCKERFILES, ids=str)
def test_it_runs_as_a_numeric_user_without_a_shell(path: Path) -> None:
    assert values(path, "USER") == ["65532:65532"]
    assert all(line.startswith('["/opt/contender/bin/') for line in values(path, "ENTRYPOINT"))
    assert all(line.startswith("[") for line in values(path, "CMD"))
    assert not values(path, "HEALTHCHECK")
    assert not [line for line in last_stage(path) if line.startswith("RUN ")]


@pytest.mark.parametrize("path", DOCKERFILES, ids=str)
def test_dependencies_are_the_locked_ones_compiled(path: Path) -> None:
    syncs = [line for line in values(path, "RUN") if "uv sync" in line]
    assert syncs
    assert all({"--locked", "--no-default-groups", "--no-editable"} <= set(line.split()) for line in syncs)
    assert "UV_COMPILE_BYTECODE=1" in " ".join(values(path, "ENV"))


@pytest.mark.parametrize("path", DOCKERFILES, ids=str)
def test_uv_is_the_version_of_the_makefile(path: Path) -> None:
    wanted = re.search(r"^UV_VERSION := (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert wanted
    assert f"uv=={wanted[1]}" in " ".join(values(path, "RUN"))


@pytest.mark.parametrize("path", DOCKERFILES, ids=str)
def test_what_is_left_out_is_in_the_lock(path: Path) -> None:
    locked = {package["name"] for package in tomllib.loads((ROOT / "uv.lock").read_text())["package"]}
    left_out = re.findall(r"--no-install-package (\S+)", " ".join(values(path, "RUN")))
    assert left_out
    assert set(left_out) <= locked


@pytest.mark.parametrize("path", DOCKERFILES, ids=str)
def test_what_is_copied_reaches_the_builder(path: Path) -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    sources = {word for line in values(path, "COPY") if "--from=" not in line for word in line.split()[:-1]}
    assert sources <= allowed
    assert all((ROOT / name).exists() for name in allowed)


def test_the_builder_is_sent_nothing_that_is_not_named() -> None:
    assert "*" in (ROOT / ".dockerignore").read_text().splitlines()
