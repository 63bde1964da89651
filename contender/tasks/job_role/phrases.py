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
_NOT_IN_A_WORD = re.compile(r"[^\w+#]+")


def normalise(phrase: str) -> str:
    """`phrase` spelt one way: compatibility characters resolved, lower case, words joined by single spaces.

    ``+`` and ``#`` stay, for C, C++ and C# are three skills.
    """
    return _NOT_IN_A_WORD.sub(" ", unicodedata.normalize("NFKC", phrase).casefold()).strip()


def phrases(text: str) -> list[str]:
    """The different skills that `text` lists, normalised and sorted: order and repetition carry no meaning."""
    return sorted({spelt for part in _SEPARATORS.split(text) if (spelt := normalise(part))})


def phrase_hash(phrase: str) -> int:
    """A stable 32-bit hash of a normalised phrase (CRC-32 of its UTF-8 bytes).

    Among 2 000 phrases two share a hash with a chance of 1 in 2 000; chosen collisions only mislead about the
    candidate who sends them.
    """
    return zlib.crc32(phrase.encode())


def word_numbers(phrase: str) -> list[int]:
    """Numbers of the first `MAX_WORDS` words of a normalised phrase, each in [1, `WORD_NUMBERS`]; equal words agree."""
    return [1 + zlib.crc32(word.encode()) % WORD_NUMBERS for word in phrase.split(" ")[:MAX_WORDS]]
