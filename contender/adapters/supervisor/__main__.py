"""``python -m contender.adapters.supervisor --task T --home DIR``: supervise until told to stop."""

from __future__ import annotations

import argparse
import os
import secrets
import sys
from contextlib import closing
from pathlib import Path
from typing import Final

from contender.adapters.addresses import sqlite_url
from contender.adapters.process_environment import child_environment
from contender.adapters.supervisor.commands import ServingCommands, taken
from contender.adapters.supervisor.control import EXIT_REFUSED
from contender.adapters.supervisor.counting import Counting
from contender.adapters.supervisor.documents import RunFolder
from contender.adapters.supervisor.supervisor import Supervisor
from contender.errors import ContenderError
from contender.plain_text import visible

STORE_URL: Final = "CONTENDER_STORE_URL"


def main() -> int:
    """Exit code 0 after an orderly stop, 3 when refused; the reason is the last line on stderr."""
    arguments = _parser().parse_args()
    home = arguments.home.resolve()
    # Never an argument: it may hold a password, and everybody sees arguments.
    store = os.environ.get(STORE_URL) or sqlite_url(home / "store.db")
    try:
        supervisor = Supervisor(
            RunFolder(home, arguments.task),
            ServingCommands(arguments.task, home, store, taken(os.environ)),
            environment=child_environment(os.environ),
            chance=secrets.SystemRandom().random,
        )
        with closing(Counting(store)) as counting:
            counting.start()
            supervisor.run(arguments.port)
    except ContenderError as error:
        print(visible(str(error)), file=sys.stderr)  # noqa: T201 - the only word of this program to whoever started it
        return EXIT_REFUSED
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m contender.adapters.supervisor", description=__doc__)
    parser.add_argument("--task", required=True, help="whose servers to keep")
    parser.add_argument("--home", required=True, type=Path, help="the folder of this local run (CONTENDER_HOME)")
    parser.add_argument("--port", type=int, default=8080, help="the transformer's port; 0 finds a free one")
    return parser


if __name__ == "__main__":
    sys.exit(main())
