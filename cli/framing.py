"""How a command's result is told apart from the rest of a job's log, where stdout and stderr are one.

A job's command is started with a mark that nobody can guess. Its stdout is kept until it ends and then written as lines
that begin with the mark: compressed, in pieces shorter than a container runtime splits, and sealed by a last line.
"""

from __future__ import annotations

import base64
import hashlib
import os
import sys
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from contender.errors import ContenderError

_PIECE: Final = 6_000
"""Bytes of a line before base64: container runtimes split lines at 16 KiB."""

_END: Final = "end"
_DRAIN_S: Final = 10.0


@contextmanager
def framing(mark: str) -> Iterator[None]:
    """Frame with `mark` what the block and its children write to stdout; leave stdout as it is without one."""
    if not mark:
        yield
        return
    sys.stdout.flush()
    kept, outer = bytearray(), os.dup(1)
    reading, writing = os.pipe()
    os.dup2(writing, 1)
    os.close(writing)
    drain = threading.Thread(target=_drain, args=(reading, kept), daemon=True)
    drain.start()
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(outer, 1)
        drain.join(_DRAIN_S)  # a child that lives on holds the pipe open
        _write(outer, "".join(f"{line}\n" for line in frames(bytes(kept), mark)))


def _write(descriptor: int, text: str) -> None:
    """Write what can be written: whoever reads notices that the last line is missing."""
    with suppress(OSError), os.fdopen(descriptor, "w") as file:
        file.write(text)


def frames(document: bytes, mark: str) -> Iterator[str]:
    """The lines that carry `document`."""
    packed = zlib.compress(document)
    pieces = [packed[at : at + _PIECE] for at in range(0, len(packed), _PIECE)]
    for number, piece in enumerate(pieces):
        yield f"{mark} {number} {base64.b64encode(piece).decode()}"
    yield f"{mark} {_END} {hashlib.sha256(document).hexdigest()}"


def unframed(log: str, mark: str) -> tuple[list[str], bytes | None]:
    """The lines of `log` that are no frames, and the document that the frames carry; None until the last is there.

    A frame may begin in the middle of a line: after what another stream wrote without an end of line.

    Raises:
        ContenderError: frames are missing or damaged.
    """
    words, pieces, seal = [], [], ""
    for line in log.splitlines():
        before, found, frame = line.partition(f"{mark} ") if mark else (line, "", "")
        if before or not found:
            words.append(before)
        number, _, content = frame.partition(" ")
        if number == _END:
            seal = content
        elif found:
            pieces.append(content)
    return words, _document(pieces, seal) if seal else None


def _document(pieces: list[str], seal: str) -> bytes:
    try:
        document = zlib.decompress(b"".join(map(base64.b64decode, pieces)))
    except (ValueError, zlib.error):
        document = b""
    if hashlib.sha256(document).hexdigest() != seal:
        remedy = "run the command again; it may be that the log was rotated while the job ran"
        raise ContenderError("the result in the job's log is incomplete", remedy=remedy)
    return document


def _drain(descriptor: int, kept: bytearray) -> None:
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        while piece := file.read(65_536):
            kept.extend(piece)
