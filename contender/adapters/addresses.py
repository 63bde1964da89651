"""Addresses as they may be told to people and logs."""

from __future__ import annotations

import re
from typing import Final

_USER: Final = re.compile(r"//[^/\s]*@")


def tellable(words: str) -> str:
    """`words` without the user and the password of any URL in them.

    >>> tellable("no answer at https://bob:secret@example.org/a?b")
    'no answer at https://example.org/a?b'
    """
    return _USER.sub("//", words)
