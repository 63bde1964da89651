"""`contender database`: the version of the store's tables, and bringing them to this one."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from cli.compose import settings_from
from cli.documents import text_of
from cli.exit_codes import FAULT
from cli.output import JsonFlag, note, show, table
from contender.errors import NotFound

if TYPE_CHECKING:
    from contender.adapters.store_sql import Store


app = typer.Typer(no_args_is_help=True, help="The store's tables: check that they fit this version, upgrade them.")


@app.command()
def check(as_json: JsonFlag = False) -> int:
    """Whether the store's tables are those that this version of contender needs; changes nothing. Exit code 4 if not.

    Example: contender database check
    """
    with _store() as store:
        kept, needed = store.versions()
    fits = kept in (None, needed)
    show({"ok": fits, "version": kept, "needed": needed}, as_json, _checked)
    if not fits:
        older = (kept or 0) < needed
        remedy = "contender database upgrade" if older else "run the newer contender that upgraded it"
        note(f"the store's tables do not fit: {remedy}")
        return FAULT
    return 0


@app.command()
def upgrade(as_json: JsonFlag = False) -> int:
    """Make the store's tables, or bring older ones to this version: all of it or nothing. Back it up first.

    Servers of the older version hold their records until they are replaced.

    Example: contender database upgrade
    """
    with _store() as store:
        kept, needed = store.upgrade()
    show({"before": kept, "version": needed, "changed": kept != needed}, as_json, _upgraded)
    return 0


@app.command()
def users(
    urls: Annotated[Path, typer.Option(help="A folder of files, or of folders by task: a part's name, its URL.")],
    as_json: JsonFlag = False,
) -> int:
    """Make a database user for each part of the house, with no more rights than it needs. PostgreSQL only.

    CONTENDER_STORE_URL is the owner's; --urls is what Secrets mount: transformer, release, exporter, pipelines, each a
    file there for the part of every task, or in a folder by the task's name for a user of that task alone. The users
    and passwords are those in the URLs. Again after a password has changed, or with new tables.

    Example: contender database users --urls /etc/contender/store
    """
    from contender.adapters.store_sql.users import PARTS, Users

    told = {name: text_of("--urls", place) for name, place in _places(urls, PARTS) if place.is_file()}
    if not told:
        raise NotFound(
            f"{urls} holds none of {', '.join(PARTS)}",
            remedy="mount the Secrets contender-store and <task>-store there",
        )
    owner = Users(settings_from().store_url, clock=time.time)
    try:
        granted = owner.grant(told)
    finally:
        owner.close()
    show({"users": [asdict(one) for one in granted]}, as_json, _made)
    return 0


def _places(urls: Path, parts: Iterable[str]) -> Iterator[tuple[str, Path]]:
    """Where a part's URL may be: in the folder itself, and in its folders by task. Hidden ones are a mount's own."""
    folders = sorted(one for one in urls.glob("*") if one.is_dir() and not one.name.startswith("."))
    for part in parts:
        yield part, urls / part
        yield from ((f"{folder.name}/{part}", folder / part) for folder in folders)


@contextmanager
def _store() -> Iterator[Store]:
    from contender.adapters.store_sql import Store

    store = Store(settings_from().store_url, clock=time.time)
    try:
        yield store
    finally:
        store.close()


def _made(document: Mapping[str, Any]) -> Table:
    grid = table("part", "user", "may", title="users of the store")
    for one in document["users"]:
        grid.add_row(one["part"], one["user"], "everything: it is the owner" if one["owner"] else "what its part needs")
    return grid


def _checked(document: Mapping[str, Any]) -> str:
    if document["version"] is None:
        return f"the store has no tables yet; they are made at version {document['needed']} when they are first needed"
    return f"the store's tables have version {document['version']}, needed is {document['needed']}"


def _upgraded(document: Mapping[str, Any]) -> str:
    if not document["changed"]:
        return f"the store's tables have version {document['version']} already: nothing to do"
    before = f"from version {document['before']} " if document["before"] else ""
    return f"the store's tables were brought {before}to version {document['version']}"


def register(root: typer.Typer) -> None:
    """Add the command group to `root`."""
    root.add_typer(app, name="database")
