"""What form a file has: CSV as it is read here, or another form that is refused by its name. One word at every door.

Read are rows separated by commas (tabs where the name ends in ``.tsv``), in UTF-8 with or without a byte-order mark,
plain or compressed by gzip. Everything else that a spreadsheet or an export makes of rows is recognised by its first
bytes and its first lines.
"""

from __future__ import annotations

import codecs
import gzip
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from contender.errors import InvalidInput, NotFound

HEAD: Final = 1 << 16
"""Bytes of a file that are looked at."""

_GZIP: Final = b"\x1f\x8b"
_UTF8_MARK: Final = codecs.BOM_UTF8
_SAVE: Final = "save it as CSV in UTF-8, separated by commas"

_WORDS: Final[Mapping[str, str]] = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars", ":": "colons"}
_RIVALS: Final = (";", "\t", "|")

_MAGIC: Final[tuple[tuple[bytes, str], ...]] = (
    (b"\xd0\xcf\x11\xe0", "an Excel workbook (.xls)"),
    (b"PAR1", "a Parquet file"),
    (b"%PDF", "a PDF document"),
    (b"BZh", "compressed by bzip2"),
    (b"\xfd7zXZ", "compressed by xz"),
    (b"\x28\xb5\x2f\xfd", "compressed by zstd"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"SQLite format 3", "an SQLite database"),
    (_GZIP, "compressed by gzip twice"),
)
_MARKS: Final = (
    ((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE), "UTF-32"),
    ((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE), "UTF-16"),
)
_ARCHIVE: Final = b"PK\x03\x04"
_WORKBOOKS: Final = ((b"xl/", "an Excel workbook"), (b"opendocument", "an OpenDocument spreadsheet"))
_PAGE: Final = re.compile(r"\s*<(!doctype|html|\?xml|table|meta|style)\b", re.IGNORECASE)
_JSON: Final = re.compile(r'\s*(\{\s*["}]|\[\s*[\[{"\]])')
_QUOTED: Final = re.compile(r'"[^"]*"')
_SEP_LINE: Final = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
_DECIMAL_COMMA: Final = re.compile(r"(?<![\w,.])[+-]?\d+,\d+(?![\w,.])")


class Unreadable(InvalidInput):
    """A file that is not read here, in our own words: a library's would repeat what the file says.

    `code` is our word for the form, ``unreadable`` where it has no name.
    """

    def __init__(self, field: str, message: str, *, remedy: str = "", code: str = "unreadable") -> None:
        super().__init__(field, message, remedy=remedy)
        self.code = code
        self.words = message


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a file that is read is written: its separator, whether by gzip, whether with a byte-order mark."""

    separator: str = ","
    compressed: bool = False
    marked: bool = False


def dialect_of(path: Path) -> Dialect:
    """The dialect of the file at `path`.

    Raises:
        NotFound: it cannot be read.
        Unreadable: it is of a form that is refused; says which, and what to do.
    """
    try:
        with path.open("rb") as content:
            head = content.read(HEAD)
    except OSError as error:
        raise gone(path, error) from error
    compressed = head.startswith(_GZIP)
    head = _expanded(head) if compressed else head
    _refuse_formats(head)
    text = _text(head)
    separator = "\t" if _is_tabbed(path) else ","
    _refuse_separator(text, separator)
    return Dialect(separator, compressed, head.startswith(_UTF8_MARK))


def gone(path: Path, error: OSError) -> NotFound:
    """The error for a file that is not there or may not be read."""
    return NotFound(f"cannot read {path}: {error.strerror}", remedy="check the path and its permissions")


def wrong_encoding(content: bytes) -> Unreadable:
    """The error for bytes that are not UTF-8."""
    try:
        likely = content.decode("cp1252")
    except UnicodeDecodeError:
        likely = "\0"
    seems = "; it seems to be Windows-1252 (Latin-1)" if all(map(_is_printed, likely)) else ""
    return Unreadable("", f"is not text in UTF-8{seems}", remedy=_SAVE, code="other_encoding")


def _is_tabbed(path: Path) -> bool:
    return path.name.lower().removesuffix(".gz").endswith((".tsv", ".tab"))


def _expanded(head: bytes) -> bytes:
    try:
        return zlib.decompressobj(wbits=zlib.MAX_WBITS | 16).decompress(head, HEAD)
    except zlib.error as error:
        raise broken_gzip() from error


def broken_gzip() -> Unreadable:
    """The error for a file that begins as gzip does and does not go on so."""
    return Unreadable("", "is not whole: gzip cannot expand it", remedy="make or copy it again", code="other_format")


GZIP_ERRORS: Final = (gzip.BadGzipFile, EOFError, zlib.error)
"""What reading a broken file compressed by gzip raises."""


def _refuse_formats(head: bytes) -> None:
    """Refuse what is no text at all."""
    if name := next((name for marks, name in _MARKS if head.startswith(marks)), ""):
        raise _other_encoding(name)
    if head.startswith(_ARCHIVE):
        raise _other_format(next((name for mark, name in _WORKBOOKS if mark in head), "a ZIP archive"))
    if name := next((name for magic, name in _MAGIC if head.startswith(magic)), ""):
        raise _other_format(name)
    if b"\0" in head:
        # Of Latin letters in UTF-16 every second byte is NUL.
        raise _other_encoding("UTF-16") if head.count(0) * 3 > len(head) else holds_nul()


def holds_nul() -> Unreadable:
    """The error for text with NUL characters."""
    return Unreadable("", "holds NUL characters", remedy=_SAVE)


def _other_encoding(name: str) -> Unreadable:
    return Unreadable("", f"is in {name}, UTF-8 is needed", remedy=_SAVE, code="other_encoding")


def _other_format(name: str) -> Unreadable:
    return Unreadable("", f"is {name}, not CSV", remedy=_SAVE, code="other_format")


def _text(head: bytes) -> str:
    """The head as text, a character that is cut at its end left out."""
    try:
        return codecs.getincrementaldecoder("utf-8-sig")().decode(head)
    except UnicodeDecodeError as error:
        raise wrong_encoding(head) from error


def _is_printed(char: str) -> bool:
    return char.isprintable() or char in "\r\n\t"


def _refuse_separator(text: str, expected: str) -> None:
    if _PAGE.match(text):
        raise _other_format("a page in HTML or XML")
    if _JSON.match(text):
        raise _other_format("JSON")
    lines = [line for line in text.splitlines() if line.strip()]
    header = lines[0] if lines else ""
    if told := _SEP_LINE.fullmatch(header):
        if told.group(1) != expected:
            raise _separated_by(told.group(1), expected, lines)
        raise Unreadable("", "begins with Excel's line sep=", remedy="remove that line", code="other_separator")
    if expected in header and not _QUOTED.sub("", header):
        raise Unreadable("", "has each line as one cell in quotes", remedy=_SAVE, code="other_separator")
    bare = [_QUOTED.sub("", line) for line in lines[:2]]
    for found in (",", *_RIVALS):
        if found != expected and bare and _parts_better(found, expected, bare):
            raise _separated_by(found, expected, lines)


def _parts_better(found: str, expected: str, bare: list[str]) -> bool:
    """Whether `found` parts the header, without what is in quotes, into more cells, and the line below into as many."""
    counts = [line.count(found) for line in bare]
    return counts[0] > 0 == bare[0].count(expected) or (counts[0] > bare[0].count(expected) and len(set(counts)) == 1)


def _separated_by(found: str, expected: str, lines: list[str]) -> Unreadable:
    decimals = found != "," and any(_DECIMAL_COMMA.search(line) for line in lines[1:])
    points = " (decimal commas, too: points are needed)" if decimals else ""
    message = f"is separated by {_WORDS.get(found, 'another character')}, {_WORDS[expected]} are needed{points}"
    remedy = _SAVE + (", decimals with a point" if decimals else "")
    if expected == "\t":
        remedy = "name it .csv" if found == "," else _SAVE
    return Unreadable("", message, remedy=remedy, code="other_separator")
