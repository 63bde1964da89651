"""Keeps an experiment's running totals up to date while servers are up, so that a look finds little left to count."""

from __future__ import annotations

import threading
import time
from typing import Final

from contender.adapters.addresses import sqlite_file
from contender.errors import ContenderError

EVERY_S: Final = 1.0
"""Between two rounds: at 2 000 exposures a second a look then counts for some tens of ms."""


class Counting(threading.Thread):
    """Counts what waits in the store at `url`, again and again until `stop`, beside the main thread.

    If it is a file of SQLite, nothing happens before a server has made it. A store that does not answer, or is of
    another version, is asked again at the next round: whoever looks counts what this did not.
    """

    def __init__(self, url: str) -> None:
        super().__init__(name="counting", daemon=True)
        self._url, self._file = url, sqlite_file(url)
        self._stopped = threading.Event()

    def run(self) -> None:
        """Count until told to stop."""
        while not self._stopped.wait(EVERY_S) and self._file and not self._file.is_file():
            continue
        if self._stopped.is_set():
            return
        from contender.adapters.store_sql import Store

        store = Store(self._url, clock=time.time)
        while not self._stopped.wait(EVERY_S):
            try:
                while store.count_pending() and not self._stopped.is_set():
                    continue
            except ContenderError:
                continue
        store.close()

    def close(self) -> None:
        """Stop after the chunk at hand."""
        self._stopped.set()
        if self.is_alive():
            self.join()
