"""stdout and stderr, whatever has become of them: no write to them raises, so that no change fails for being told.

A terminal may know few characters, a reader may have gone, a disk may be full, a descriptor may be closed. What cannot
be encoded is replaced; what cannot be written is dropped, and `Stream.trouble` says why.
"""

from __future__ import annotations

import codecs
import contextlib
import errno
import io
import os
import sys
from typing import Final, Literal, TextIO

_ERRORS: Final = "contender.plain"
_DESCRIPTORS: Final = (0, 1, 2)
_SIGNS: Final = str.maketrans({
    "–": "-", "—": "-", "−": "-", "×": "x", "·": "|", "…": "...", "→": "->", "±": "+-", "≤": "<=", "≥": ">=", "‖": "=",
    "✓": "+", "✔": "+", "✗": "x", "✖": "x", "⚠": "!", "◌": "o", "•": "*", "⟳": "@", "□": "-", "█": "#", "Σ": "S",
    "│": "|", "├": "|", "└": "`", "─": "-", "━": "-", "“": '"', "”": '"', "’": "'", "‘": "'", "α": "alpha", "Δ": "d",
})  # fmt: skip


class Stream:
    """stdout or stderr of this process as they are now. Of a failed write the first reason stays in `trouble`."""

    def __init__(self, name: Literal["stdout", "stderr"]) -> None:
        self._name = name
        self.trouble: OSError | None = None

    def forget(self) -> None:
        """Begin a command anew."""
        self.trouble = None

    @property
    def unread(self) -> bool:
        """Whether nobody reads any more: whoever did has seen enough, which is no fault."""
        return self.trouble is not None and self.trouble.errno == errno.EPIPE

    @property
    def encoding(self) -> str:
        """How text becomes bytes there."""
        return getattr(self._file, "encoding", None) or "utf-8"

    def write(self, text: str) -> int:
        """Write `text` if that is possible."""
        try:
            self._file.write(text)
        except (OSError, ValueError) as error:
            self._give_up(error)
        return len(text)

    def write_bytes(self, content: bytes) -> None:
        """Write `content` as it is, if that is possible."""
        self.flush()
        try:
            self._file.buffer.write(content)
        except (OSError, ValueError) as error:
            self._give_up(error)
        self.flush()

    def flush(self) -> None:
        """Hand on what was written."""
        try:
            self._file.flush()
        except (OSError, ValueError) as error:
            self._give_up(error)

    def isatty(self) -> bool:
        """Whether a person reads there."""
        try:
            return self._file.isatty()
        except (OSError, ValueError):
            return False

    def fileno(self) -> int:
        """The descriptor below."""
        return self._file.fileno()

    @property
    def _file(self) -> TextIO:
        # While something moves on the screen rich stands in the place of both streams, and writes here itself.
        file: TextIO | None = getattr(sys, self._name)
        return getattr(file, "rich_proxied_file", file) or io.TextIOWrapper(io.BytesIO())

    def _give_up(self, error: OSError | ValueError) -> None:
        """Drop what is left: Python would try again at its end, and end with a code of its own."""
        self.trouble = self.trouble or (error if isinstance(error, OSError) else OSError(errno.EBADF, "is closed"))
        with contextlib.suppress(OSError, ValueError):
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, self.fileno())
            os.close(nothing)


def prepare_streams() -> None:
    """Make this process's streams ready for anything: what they cannot encode is replaced, closed ones lead nowhere.

    A closed descriptor is filled first: the next file to be opened, such as the store, would take its number.
    """
    _fill_descriptors()
    codecs.register_error(_ERRORS, _replaced)
    if sys.stdin is None:
        sys.stdin = os.fdopen(os.open(os.devnull, os.O_RDONLY), encoding="utf-8")
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8"))
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_ERRORS)


def _fill_descriptors() -> None:
    for number in _DESCRIPTORS:
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: this one


def _replaced(error: UnicodeError) -> tuple[str, int]:
    """What stands for characters that an encoding lacks: signs of ours in ASCII, a question mark for each other one."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    plain = error.object[error.start : error.end].translate(_SIGNS)
    return plain.encode("ascii", "replace").decode(), error.end
