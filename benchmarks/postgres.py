"""A PostgreSQL cluster of one's own, for as long as a benchmark takes."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_INSTALLED = "/usr/lib/postgresql/*/bin/initdb"


@contextmanager
def cluster(*, durable: bool = True) -> Iterator[str | None]:
    """The URL of an empty database that ends with the context; None where PostgreSQL is not installed.

    A commit waits for the disk if `durable`. It listens on a socket in its own folder only. As root the server runs as
    the user ``postgres``, for it refuses to run as root.
    """
    programs = _programs()
    if programs is None:
        yield None
        return
    folder = Path(tempfile.mkdtemp(prefix="contender-pg-"))
    root = os.geteuid() == 0
    if root:
        shutil.chown(folder, "postgres")

    def run(name: str, *arguments: str) -> None:
        command = [str(programs / name), "-D", str(folder / "data"), *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, user="postgres" if root else None, cwd=folder)

    run("initdb", "-U", "contender", "--auth=trust", "--no-sync")
    settings = f"-k {folder} -c listen_addresses='' -c work_mem=64MB -c max_wal_size=8GB -c shared_buffers=256MB"
    settings += f" -c fsync={'on' if durable else 'off'}"
    run("pg_ctl", "-w", "-l", str(folder / "log"), "-o", settings, "start")
    try:
        yield f"postgresql://contender@/postgres?host={folder}"
    finally:
        run("pg_ctl", "-w", "-m", "immediate", "stop")
        shutil.rmtree(folder)


def memory_mb() -> float:
    """The most memory that this process has held so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _programs() -> Path | None:
    found = shutil.which("initdb")
    places = [Path(found).resolve()] if found else sorted(Path("/").glob(_INSTALLED.lstrip("/")))
    return places[-1].parent if places else None
