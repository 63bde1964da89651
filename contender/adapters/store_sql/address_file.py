"""The store's address from a file, read again for every connection: a rotated password needs no restart.

Kubernetes replaces the files of a mounted Secret while the process runs; what a process had in its environment stays.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Engine, event, exc, make_url

SCHEME: Final = "file://"
_MADE_FOR: Final = "contender_address"


class AddressFile:
    """The address in the file at `path`; `completed` turns one as people write it into one to connect with."""

    def __init__(self, path: Path, completed: Callable[[URL], URL]) -> None:
        self._path, self._completed = path, completed
        self._text = path.read_text().strip()
        self._address = completed(make_url(self._text))

    def now(self) -> URL:
        """The address as the file has it; the last good one while the file cannot be read or holds none."""
        try:
            text = self._path.read_text().strip()
            if text != self._text:
                self._address, self._text = self._completed(make_url(text)), text
        except (OSError, exc.ArgumentError, ValueError):
            return self._address
        return self._address


def follow(engine: Engine, file: AddressFile) -> None:
    """Have `engine` connect to where `file` says at that moment, and give up connections made for another address.

    To be called before anybody else listens for `do_connect`: whoever makes the connection ends the round.
    """

    @event.listens_for(engine, "do_connect")
    def _address(dialect: Any, record: Any, arguments: list[Any], parameters: dict[str, Any]) -> None:
        address = file.now()
        positional, named = dialect.create_connect_args(address)
        arguments[:] = positional
        parameters.update(named)
        if record is not None:
            record.info[_MADE_FOR] = address

    @event.listens_for(engine, "checkout")
    def _still_there(_connection: object, record: Any, _proxy: object) -> None:
        if record.info.get(_MADE_FOR) != file.now():
            raise exc.DisconnectionError("the store's address was changed")
