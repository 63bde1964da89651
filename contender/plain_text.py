"""What others wrote, made safe to show: no control sequence of theirs reaches a terminal, a log or a page.

A reason, a name, an id, a server's message or a job's log may hold characters that move the cursor, wipe a line or
turn the direction of reading. They are shown by their number instead, so that nothing is hidden and nothing acts.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

_BIDI: Final = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_SEPARATORS: Final = (0x2028, 0x2029)
_SURROGATES: Final = range(0xD800, 0xE000)
"""Half a character; those from 0xDC80 on stand for a byte of a file name that is no text."""

_BYTES: Final = range(0xDC80, 0xDD00)
_NAMED: Final = {0x09: "\\t", 0x0A: "\\n", 0x0D: "\\r"}


def _escape(code: int) -> str:
    if code in _BYTES:
        return f"\\x{code - 0xDC00:02x}"
    return _NAMED.get(code) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")


def _escapes(codes: Iterable[int]) -> dict[int, str]:
    return {code: _escape(code) for code in codes}


_LINE: Final = _escapes((*range(0x20), *range(0x7F, 0xA0), *_BIDI, *_SEPARATORS, *_SURROGATES))
_LINES: Final = {code: text for code, text in _LINE.items() if chr(code) not in "\n\t"}


def visible(text: str) -> str:
    r"""`text` with what could act on a terminal shown by its number; its lines and tabs stay.

    >>> visible("a\x1b[2Kb\nc")
    'a\\x1b[2Kb\nc'
    """
    return text if text.isprintable() else text.translate(_LINES)


def one_line(text: str) -> str:
    r"""`text` as `visible` shows it, and on one line: a value of others cannot begin a line of ours.

    >>> one_line("done\n   7  promote")
    'done\\n   7  promote'
    """
    return text if text.isprintable() else text.translate(_LINE)


def shown(value: object) -> object:
    """A value on its way into a page: a text as `visible` shows it, all else, and a page's own markup, as it is."""
    return visible(value) if type(value) is str else value
