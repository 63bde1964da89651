"""Skill phrases: how a list of skills is cut, spelt one way, and hashed."""

from __future__ import annotations

import re
import unicodedata
import zlib
from typing import Final

MAX_TEXT: Final = 4000
"""Characters of a skills field."""
MAX_PHRASES: Final = 32
"""Different skills of one candidate."""
MAX_WORDS: Final = 4
"""Words of a skill that tell which other skills are spelt alike."""
WORD_NUMBERS: Final = 2**16
"""Words are hashed to the numbers 1 to this; 0 is no word."""

_SEPARATORS = re.compile(r"[;\n|]")
_OTHERS: Final = (
    ("commas", re.compile(r"[,\uff0c\u060c\u3001]"), 3),
    ("other semicolons", re.compile(r"[\uff1b\u061b]"), 2),
    ("bullets", re.compile(r"[\u2022\u00b7\u25cf\u25aa]"), 2),
    ("tabs", re.compile(r"\t"), 2),
    ("slashes", re.compile(r"\s/\s"), 3),
    ("slashes", re.compile(r"/"), 4),
)
"""How else lists are written, and from how many skills on it is one: ``C, C++`` and ``TCP/IP`` may be a skill each."""
_NOT_IN_A_WORD = re.compile(r"[^\w+#]+")


def normalise(phrase: str) -> str:
    """`phrase` spelt one way: compatibility characters resolved, lower case, words joined by single spaces.

    ``+`` and ``#`` stay, for C, C++ and C# are three skills.
    """
    return _NOT_IN_A_WORD.sub(" ", unicodedata.normalize("NFKC", phrase).casefold()).strip()


def phrases(text: str) -> list[str]:
    """The different skills that `text` lists, normalised and sorted: order and repetition carry no meaning."""
    return sorted({spelt for part in _SEPARATORS.split(text) if (spelt := normalise(part))})


def other_separator(text: str) -> str | None:
    """By what else `text` seems to separate skills, where it does not do so as it should; None for a single skill.

    A semicolon at its end makes one skill of anything.

    >>> other_separator("Python, SQL, Excel"), other_separator("C, C++"), other_separator("Python, SQL, Excel;")
    ('commas', None, None)
    """
    if _SEPARATORS.search(text):
        return None
    for name, separator, least in _OTHERS:
        if len({spelt for part in separator.split(text) if (spelt := normalise(part))}) >= least:
            return name
    return None


def phrase_hash(phrase: str) -> int:
    """A stable 32-bit hash of a normalised phrase (CRC-32 of its UTF-8 bytes).

    Among 2 000 phrases two share a hash with a chance of 1 in 2 000; chosen collisions only mislead about the
    candidate who sends them.
    """
    return zlib.crc32(phrase.encode())


def word_numbers(phrase: str) -> list[int]:
    """Numbers of the first `MAX_WORDS` words of a normalised phrase, each in [1, `WORD_NUMBERS`]; equal words agree."""
    return [1 + zlib.crc32(word.encode()) % WORD_NUMBERS for word in phrase.split(" ")[:MAX_WORDS]]
