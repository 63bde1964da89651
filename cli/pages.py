"""Pages that a command is asked to write: told before the work when they cannot be, rather than after it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from contender.errors import InvalidInput

_REMEDY: Final = "name a file in a folder that is there and may be written to"


def writable(option: str, file: Path | None) -> None:
    """Nothing, where `file` can be written, or none is asked for.

    Raises:
        InvalidInput: its folder is missing or closed, or it is a folder itself; `option` named it.
    """
    if file is None:
        return
    if file.is_dir():
        raise InvalidInput(option, f"{file} is a folder", remedy=_REMEDY)
    if not file.parent.is_dir():
        raise InvalidInput(option, f"there is no folder {file.parent}", remedy=_REMEDY)
    if not os.access(file if file.exists() else file.parent, os.W_OK):
        raise InvalidInput(option, f"{file} cannot be written", remedy=_REMEDY)


@contextmanager
def writing(option: str) -> Iterator[None]:
    """A block that writes what `option` named.

    Raises:
        InvalidInput: the disk is full, or the like.
    """
    try:
        yield
    except OSError as error:
        raise InvalidInput(option, f"cannot be written: {error.strerror}", remedy=_REMEDY) from error
