"""What machines depend on stays as it is: tables, metrics, manifests. Whoever changes one names it in the changelog.

`pytest tests/frozen --snapshot-update` writes the new form.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable, ExecutableDDLElement
from syrupy.assertion import SnapshotAssertion

from contender.adapters.store_sql import Store
from contender.adapters.store_sql.schema import METADATA
from monitoring.metrics import CATALOGUE


def test_the_tables_of_sqlite(tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    """As they are in a store, with their indexes and triggers."""
    Store(f"sqlite:///{tmp_path}/store.db", clock=time.time).upgrade()
    with closing(sqlite3.connect(tmp_path / "store.db")) as store:
        statements = store.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name").fetchall()
    assert [_neat(str(sql)) for (sql,) in statements] == snapshot


def test_the_tables_of_postgresql(snapshot: SnapshotAssertion) -> None:
    statements = []
    for table in METADATA.sorted_tables:
        indexes = sorted(table.indexes, key=lambda index: str(index.name))
        elements: list[ExecutableDDLElement] = [CreateTable(table), *map(CreateIndex, indexes)]
        statements += [_neat(str(element.compile(dialect=postgresql.dialect()))) for element in elements]  # type: ignore[no-untyped-call]
    assert statements == snapshot


def _neat(statement: str) -> str:
    return "\n".join(line.rstrip() for line in statement.strip().splitlines())


def test_the_metrics(snapshot: SnapshotAssertion) -> None:
    series = [(spec.name, spec.kind, spec.labels, spec.buckets) for spec in CATALOGUE]
    assert sorted(series) == snapshot


def test_the_manifests(overlays: Mapping[str, Any], snapshot: SnapshotAssertion) -> None:
    """A digest of each object: `kubectl kustomize` of before and after shows what is another."""
    digests = {name: dict(sorted(map(_digest, rendered))) for name, rendered in overlays.items()}
    assert digests == snapshot


def _digest(document: Mapping[str, Any]) -> tuple[str, str]:
    metadata = document["metadata"]
    name = "/".join((document["kind"], metadata.get("namespace", "-"), metadata["name"]))
    return name, hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:16]
