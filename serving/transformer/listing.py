"""`GET …/predictions`: what was predicted, filtered and in pages."""

from __future__ import annotations

import asyncio
import base64
import binascii
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Final, Protocol, TypeVar
from urllib.parse import parse_qsl

import orjson

from contender.adapters.store_sql.listing import Place, Sought
from contender.errors import InvalidInput, Unavailable
from contender.units import unit_id
from contender.values import Exposure
from serving.front import Reply, Request

Value = TypeVar("Value")

PAGE: Final = 100
MAX_PAGE: Final = 1_000
MAX_TEXT: Final = 128
MAX_CURSOR: Final = 512

AT_ONCE: Final = 2
"""Pages read at a time: a store that is slow must not hold up all threads, which check people's batches, too."""

PATIENCE_S: Final = 10.0
"""For how long a page may wait for its turn."""

PARAMETERS: Final[Mapping[str, str]] = {
    "since": "Made at or after this moment, in seconds since the epoch.",
    "until": "Made before this moment, in seconds since the epoch.",
    "source": "Where the request came from: live, rehearsal, scheduled or preview.",
    "arm": "Assigned to this arm, or unassigned.",
    "unit": "Of this unit.",
    "limit": f"At most so many, 1 to {MAX_PAGE}; {PAGE} if left out.",
    "cursor": "The `next` of the page before.",
}
"""The query's parameters and what they mean."""

_SHOWN: Final = tuple(field.name for field in fields(Exposure) if field.name not in ("groups", "features"))


class Records(Protocol):
    """The part of the store that is read."""

    def page(self, task: str, sought: Sought, *, limit: int, after: Place | None = None) -> Sequence[Exposure]:
        """At most `limit` predictions, newest first, behind `after`."""
        ...


class Listing:
    """Past predictions of `task`. What is still in the spool comes a moment later."""

    def __init__(self, task: str, records: Records) -> None:
        self._task, self._records = task, records
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def answer(self, request: Request) -> Reply:
        """One page: ``{"predictions": […], "next": cursor or null}``.

        Raises:
            InvalidInput: naming the parameter.
            Unavailable: the store does not answer, or too many ask at once.
        """
        query = _query(request.query)
        sought, limit, after = _sought(query), _limit(query), _after(query)
        page = await self._page(sought, limit, after)
        more = len(page) > limit
        found = page[:limit]
        following = _cursor(found[-1]) if more else None
        return Reply({"predictions": [_plain(one) for one in found], "next": following})

    async def _page(self, sought: Sought, limit: int, after: Place | None) -> Sequence[Exposure]:
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._turns.acquire()
        except TimeoutError as error:
            raise Unavailable("too many read predictions at once; try again later") from error
        try:
            # One more than asked for tells whether there is a next page.
            return await asyncio.to_thread(self._records.page, self._task, sought, limit=limit + 1, after=after)
        except Unavailable as error:
            # The store's own words name machines and users of ours.
            raise Unavailable("predictions cannot be read now; try again later") from error
        finally:
            self._turns.release()


def _plain(exposure: Exposure) -> dict[str, object]:
    """All that is recorded of a prediction, but not what law protects about the person, nor what they sent."""
    return {name: getattr(exposure, name) for name in _SHOWN}


def _query(text: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            text.decode("ascii"), keep_blank_values=True, strict_parsing=bool(text), errors="strict", max_num_fields=16
        )
    except ValueError as error:
        raise InvalidInput("query", "is not name=value pairs in UTF-8") from error
    query = dict(pairs)
    if len(query) != len(pairs) or not query.keys() <= PARAMETERS.keys():
        raise InvalidInput("query", f"may have each of {', '.join(PARAMETERS)} once")
    return query


def _sought(query: Mapping[str, str]) -> Sought:
    return Sought(
        since=_read(query, "since", _moment),
        until=_read(query, "until", _moment),
        source=_read(query, "source", _short),
        arm=_read(query, "arm", _short),
        unit=unit_id(query["unit"], "unit") if "unit" in query else None,
    )


def _limit(query: Mapping[str, str]) -> int:
    text = query.get("limit", str(PAGE))
    if not (text.isascii() and text.isdigit() and len(text) < 9 and 0 < int(text) <= MAX_PAGE):
        raise InvalidInput("limit", f"must be a whole number from 1 to {MAX_PAGE}")
    return int(text)


def _after(query: Mapping[str, str]) -> Place | None:
    return _read(query, "cursor", _place)


def _read(query: Mapping[str, str], name: str, read: Callable[[str], Value]) -> Value | None:
    if name not in query:
        return None
    try:
        return read(query[name])
    except ValueError as error:
        raise InvalidInput(name, PARAMETERS[name]) from error


def _moment(text: str) -> float:
    moment = float(text)
    if not math.isfinite(moment):
        raise ValueError("not finite")
    return moment


def _short(text: str) -> str:
    if not 0 < len(text) <= MAX_TEXT or "\0" in text:
        raise ValueError("too long")
    return text


def _cursor(last: Exposure) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([last.at, last.prediction_id])).decode()


def _place(cursor: str) -> Place:
    if len(cursor) > MAX_CURSOR:
        raise ValueError("too long")
    try:
        at, prediction_id = orjson.loads(base64.b64decode(cursor, altchars=b"-_", validate=True))
    except (binascii.Error, TypeError) as error:
        raise ValueError("not a cursor") from error
    return Place(_moment(at), _short(prediction_id))
