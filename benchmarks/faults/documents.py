"""Artifacts that were tampered with, and routing documents that are broken."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from benchmarks.chain import TASK, TRANSFORMER, request
from benchmarks.faults.world import Figures, World, at_least, at_most, delta, folder_of
from contender.artifact import MANIFEST, MAX_SIZES, digest
from contender.errors import InvalidArtifact
from contender.tasks.catalog import task_named
from serving.predictor.artifact import load

_Chance = np.random.Generator
Spoil = Callable[[Path, _Chance], None]


def _any(folder: Path, chance: _Chance) -> Path:
    return folder / str(chance.choice(list(MAX_SIZES)))


def _flip(folder: Path, chance: _Chance) -> None:
    path = _any(folder, chance)
    content = bytearray(path.read_bytes())
    content[int(chance.integers(len(content)))] ^= 1 << int(chance.integers(8))
    path.write_bytes(content)


def _cut(folder: Path, chance: _Chance) -> None:
    path = _any(folder, chance)
    content = path.read_bytes()
    path.write_bytes(content[: int(chance.integers(len(content)))])


def _grow(folder: Path, chance: _Chance) -> None:
    with _any(folder, chance).open("ab") as file:
        file.write(bytes(chance.bytes(int(chance.integers(1, 100)))))


def _pickle(folder: Path, chance: _Chance) -> None:
    _any(folder, chance).write_bytes(pickle.dumps(os.getcwd))


def _stranger(folder: Path, chance: _Chance) -> None:
    name = str(chance.choice(["model.pkl", "__init__.py", "sitecustomize.py", "model.onnx.data", ".hidden", "libx.so"]))
    (folder / name).write_bytes(pickle.dumps(os.getcwd))


def _link(folder: Path, chance: _Chance) -> None:
    path = _any(folder, chance)
    moved = folder.parent / f"moved-{path.name}"
    path.rename(moved)
    path.symlink_to(moved)


def _missing(folder: Path, chance: _Chance) -> None:
    _any(folder, chance).unlink()


def _traversal(folder: Path, chance: _Chance) -> None:
    manifest = json.loads((folder / MANIFEST).read_bytes())
    name = str(chance.choice(list(manifest["files"])))
    manifest["files"][f"../{name}"] = manifest["files"].pop(name)
    (folder / MANIFEST).write_text(json.dumps(manifest))


def _resealed(folder: Path, chance: _Chance) -> None:
    """A manifest that fits the changed file: only the released digest tells."""
    manifest = json.loads((folder / MANIFEST).read_bytes())
    name = str(chance.choice(list(manifest["files"])))
    content = (folder / name).read_bytes() + b" "
    (folder / name).write_bytes(content)
    manifest["files"][name] = {"sha256": digest(content), "size": len(content)}
    (folder / MANIFEST).write_text(json.dumps(manifest))


_SPOILS: tuple[Spoil, ...] = (_flip, _cut, _grow, _pickle, _stranger, _link, _missing, _traversal, _resealed)


def tampered(world: World, *, quick: bool) -> Figures:
    """Artifacts changed in every way that comes to mind, each offered under the released digest."""
    count = 1_000 if quick else 3_000
    task, good, home = task_named(TASK), world.home / "blue", folder_of(world, "tampered")
    released = digest((good / MANIFEST).read_bytes())
    load(good, task, released)
    chance, refused = np.random.default_rng(23), 0
    for index in range(count):
        folder = home / str(index)
        shutil.copytree(good, folder)
        _SPOILS[index % len(_SPOILS)](folder, chance)
        try:
            load(folder, task, released)
        except InvalidArtifact:
            refused += 1
        shutil.rmtree(folder)
    return {
        "tampered_artifacts": at_least(count, "mutations", 1_000),
        "tampered_refused": at_least(100 * refused / count, "%", 100),
    }


def broken_routing(world: World, *, quick: bool) -> Figures:
    """Documents that must not be obeyed, written as a careless or a hostile hand would."""
    path = world.home / "routing" / f"{TASK}.routing.json"
    good = path.read_bytes()
    count, changed = 500 if quick else 1_000, 0
    before, in_force = world.metrics(), _in_force(world)
    for number, content in zip(range(count), _documents(json.loads(good), np.random.default_rng(29)), strict=False):
        _write(path, content, atomic=number % 2 == 0)
        time.sleep(0.06)
        changed += _in_force(world) != in_force
    refused = sum(
        delta(before, world.metrics(), f'contender_routing_reloads_total{{result="{result}"')
        for result in ("broken", "stale")
    )
    _write(path, good, atomic=True)
    return {
        "broken_routings": at_least(refused, "documents refused", 500),
        "broken_routings_obeyed": at_most(changed, "documents", 0),
    }


def _in_force(world: World) -> bytes:
    return request(world.ports[TRANSFORMER], f"/v1/models/{TASK}/routing")[1]


def _write(path: Path, content: bytes, *, atomic: bool) -> None:
    if not atomic:
        path.write_bytes(content)
        return
    draft = path.with_suffix(".draft")
    draft.write_bytes(content)
    draft.replace(path)


def _documents(good: dict[str, object], chance: _Chance) -> Iterator[bytes]:
    newer = {**good, "generation": 10**6}
    whole, arms = json.dumps(newer).encode(), json.loads(json.dumps(good["arms"]))
    while True:
        weights = [{**arms[0], "range": [0.0, float(chance.uniform(0, 0.49))]}, arms[1]]
        yield whole[: int(chance.integers(1, len(whole) - 1))]
        yield json.dumps({**newer, "arms": weights}).encode()
        yield json.dumps({**newer, "arms": [{**arms[0], "slot": "red"}, arms[1]]}).encode()
        yield json.dumps({**good, "generation": int(chance.integers(0, 2)), "shadow": arms[1]}).encode()
        yield b" " * (10_000_000 if chance.integers(10) == 0 else 70_000)
        yield json.dumps({**newer, "generation": int(10 ** chance.integers(17, 300))}).encode()
        yield json.dumps({**newer, "task": "job-role"}).encode()
        yield json.dumps({**newer, "fallback": {**_policy(good), "deadline_ms": -1}}).encode()
        yield json.dumps({**newer, "arms": arms * int(chance.integers(2, 9))}).encode()
        yield bytes(chance.bytes(200))


def _policy(good: dict[str, object]) -> dict[str, object]:
    policy = good["fallback"]
    return dict(policy) if isinstance(policy, dict) else {}
