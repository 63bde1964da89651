"""Databases to keep an audit trail in: SQLite always, PostgreSQL where its server is installed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from contender.adapters.store_sql import Store

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URL of a server of our own, reachable by a socket in its folder only."""
    if not BINARIES:
        pytest.skip("needs a PostgreSQL server: install the package postgresql")
    # Not under tmp_path: the server refuses to run as root, and its own account may not enter there.
    folder = Path(tempfile.mkdtemp(prefix="contender-postgresql-"))
    owner = "postgres" if os.geteuid() == 0 else None
    if owner:
        shutil.chown(folder, owner)
    try:
        with _server(folder, owner):
            yield f"postgresql+psycopg://contender@/postgres?host={folder}"
    finally:
        shutil.rmtree(folder)


def _server(folder: Path, owner: str | None) -> subprocess.Popen[bytes]:
    data, programs = folder / "data", BINARIES[-1]
    made = [str(programs / "initdb"), "--username=contender", "--auth=trust", "--no-sync", str(data)]
    subprocess.run(made, check=True, capture_output=True, user=owner, cwd=folder)
    options = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={folder}", "-c", "fsync=off"]
    return _Server([str(programs / "postgres"), "-D", str(data), *options], folder, owner)


class _Server(subprocess.Popen[bytes]):
    """Up when entered, stopped when left."""

    def __init__(self, command: list[str], folder: Path, owner: str | None) -> None:
        super().__init__(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, user=owner, cwd=folder)
        asked = [str(BINARIES[-1] / "pg_isready"), "-h", str(folder), "-q", "-t", "30"]
        while subprocess.run(asked, check=False).returncode and self.poll() is None:
            time.sleep(0.1)

    def __exit__(self, *_: object) -> None:
        self.send_signal(signal.SIGINT)
        self.wait(30)


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    url = f"sqlite:///{tmp_path}/store.db"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgresql")
    found = Store(url, clock=lambda: 1.0)
    yield found
    found.close()
