"""New transformers before the new store: what they answer waits in their spools, and arrives once the tables are new.

The other way round loses records: a transformer of before cannot write to newer tables; its spool ends with its pod.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

from contender.adapters.store_sql.versions import MIGRATIONS, NEWEST

SCRIPT = Path(__file__).parents[1] / "adapters_store" / "version_1_sqlite.sql"
PEOPLE = 20


def wait_for(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def older(database: Path) -> None:
    """Tables of the version before the newest, without anything in them."""
    engine = create_engine(f"sqlite:///{database}")
    with engine.begin() as connection:
        for statement in SCRIPT.read_text().splitlines():
            connection.exec_driver_sql(statement)
        config = Config(attributes={"version_table": "contender_version", "connection": connection})
        config.set_main_option("script_location", str(MIGRATIONS))
        command.upgrade(config, str(NEWEST - 1))
    engine.dispose()


def kept(database: Path, table: str) -> int:
    with sqlite3.connect(database, timeout=10) as connection:
        (count,) = connection.execute(f"SELECT COUNT(*) FROM {table}").fetchone()  # noqa: S608 - a name of ours
    connection.close()
    return int(count)


def test_what_a_newer_transformer_answers_waits_for_the_store(alone: Any) -> None:
    database = alone.home / "store.db"
    older(database)
    alone.start("transformer")
    alone.route()
    alone.wait_ready("transformer")
    row = alone.rows(1)[0]
    told = [alone.ask([{**row, "unit_id": f"u{n}"}]).body["predictions"][0] for n in range(PEOPLE)]
    event = {"event_id": "o1", "prediction_id": told[0]["prediction_id"], "value": 1}
    assert alone.tell({"outcomes": [event]}).status == 200
    wait_for(lambda: "ship_failed" in alone.log("transformer"), "the older store is refused")
    assert (kept(database, "exposures"), kept(database, "outcomes")) == (0, 0)
    alone.store.upgrade()
    wait_for(lambda: (kept(database, "exposures"), kept(database, "outcomes")) == (PEOPLE, 1), "all of it arrives")
