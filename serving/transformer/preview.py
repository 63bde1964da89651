"""An arm that the operator chose, for tests and previews: a signed header, bound to unit and task, that expires.

``X-Preview-Arm: <arm>;<expires>;<signature>``, `expires` in seconds since the epoch, the signature the HMAC-SHA256
(RFC 2104) in hex over the JSON list ``[task, unit, arm, expires]`` under the operator's key. Whatever is not signed
like that is ignored, as if nothing had been asked for: a client cannot choose its arm.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from pathlib import Path
from typing import Final

import orjson

from contender.errors import InvalidInput

HEADER: Final = "X-Preview-Arm"
SOURCE: Final = "preview"
"""The `source` of such an exposure, which is ``unassigned`` and so takes no part in analysis."""

LONGEST_S: Final = 24 * 3600
"""A signature that is good for longer is not good at all."""

KEY_BYTES: Final = 32
"""The fewest bytes of a key."""


def read_key(path: Path) -> bytes:
    """The operator's key: what `path` holds, blanks at its ends aside.

    Raises:
        InvalidInput: it cannot be read, or is too short to be a secret.
    """
    try:
        key = path.read_bytes().strip()
    except OSError as error:
        raise InvalidInput("preview_key", f"cannot be read: {error.strerror}") from error
    if len(key) < KEY_BYTES:
        raise InvalidInput("preview_key", f"must have at least {KEY_BYTES} bytes", remedy="openssl rand -hex 32")
    return key


def sign(key: bytes, task: str, unit: str | None, arm: str, expires: int) -> str:
    """The header's value that lets `unit` (None: a request without one) see `arm` of `task` until `expires`."""
    return f"{arm};{expires};{_signature(key, task, unit, arm, expires)}"


class Previews:
    """Reads the header for `task`. Without a `key` nobody chooses. `now` gives seconds since the epoch."""

    def __init__(self, task: str, key: bytes | None, now: Callable[[], float]) -> None:
        self._task, self._key, self._now = task, key, now

    def arm(self, header: bytes | None, unit: str | None) -> str | None:
        """The arm that the operator chose for `unit`; None without a valid signature."""
        if header is None or self._key is None:
            return None
        arm, _, rest = header.decode("latin-1").partition(";")
        expires, _, signature = rest.partition(";")
        if not expires.isascii() or not expires.isdigit() or len(expires) > 12 or not signature.isascii():
            return None
        if not 0 < int(expires) - self._now() <= LONGEST_S:
            return None
        expected = _signature(self._key, self._task, unit, arm, int(expires))
        return arm if hmac.compare_digest(signature, expected) else None


def _signature(key: bytes, task: str, unit: str | None, arm: str, expires: int) -> str:
    return hmac.new(key, orjson.dumps([task, unit, arm, expires]), hashlib.sha256).hexdigest()
