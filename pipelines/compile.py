"""Graphs to YAML for a cluster: ``python -m pipelines.compile [--check]``."""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from pipelines import settings

GENERATED: Final = settings.ROOT / "pipelines" / "generated"

_HEADER: Final = "# Written by `python -m pipelines.compile`; change the graph instead.\n"


def compile_all(folder: Path = GENERATED) -> list[Path]:
    """Write every graph's YAML into `folder` and return the files; equal graphs give equal bytes."""
    from kfp.compiler import Compiler

    folder.mkdir(parents=True, exist_ok=True)
    written = [folder / f"{name}.yaml" for name in _graphs()]
    for graph, path in zip(_graphs().values(), written, strict=True):
        Compiler().compile(graph, str(path))
        path.write_text(_HEADER + _without_comments(path.read_text()))
    return written


def _without_comments(text: str) -> str:
    """The YAML below kfp's leading comment, which lists defaults in an order that differs from run to run."""
    lines = text.splitlines(keepends=True)
    return "".join(itertools.dropwhile(lambda line: line.startswith("#"), lines))


def drifted(folder: Path = GENERATED) -> list[Path]:
    """The files of `folder` that differ from what the graphs give now."""
    with tempfile.TemporaryDirectory() as scratch:
        fresh = compile_all(Path(scratch))
        pairs = [(folder / path.name, path.read_bytes()) for path in fresh]
    return [path for path, content in pairs if not path.is_file() or path.read_bytes() != content]


def main() -> None:
    """Write the files; with ``--check`` write none, and exit 1 when one is out of date."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only see whether the files are up to date")
    if not parser.parse_args().check:
        compile_all()
    elif stale := drifted():
        names = ", ".join(path.name for path in stale)
        sys.exit(f"out of date: {names} (run `python -m pipelines.compile`)")


def _graphs() -> dict[str, Callable[..., Any]]:
    from pipelines.graphs.analysis import analysis
    from pipelines.graphs.drift import drift
    from pipelines.graphs.ingestion import ingestion
    from pipelines.graphs.scoring import scoring
    from pipelines.graphs.training import training

    return {"analysis": analysis, "drift": drift, "ingestion": ingestion, "scoring": scoring, "training": training}


if __name__ == "__main__":
    main()
