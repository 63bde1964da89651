from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest

from contender.adapters.store_sql.listing import Place, Sought
from contender.errors import InvalidInput, Unavailable
from contender.values import Exposure
from serving.front import Request
from serving.transformer.listing import AT_ONCE, MAX_PAGE, Listing


def exposure(number: int) -> Exposure:
    return Exposure(
        f"p{number}", "t", "e", 3, "u", "champion", "champion", "7", "looking", 0.8, 0.9, None, 1.0, float(number),
        groups={"gender": "Female"},
    )  # fmt: skip


class Known:
    """Predictions p9 … p0, newest first, and what was asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Sought, int, Place | None]] = []

    def page(self, task: str, sought: Sought, *, limit: int, after: Place | None = None) -> Sequence[Exposure]:
        self.asked.append((task, sought, limit, after))
        first = 9 if after is None else int(after.at) - 1
        return [exposure(number) for number in range(first, -1, -1)][:limit]


def ask(known: Known, query: str) -> Any:
    reply = asyncio.run(Listing("t", known).answer(Request(b"", {}, query.encode())))
    return orjson.loads(orjson.dumps(reply.content))


def test_pages_follow_each_other_until_there_is_no_more() -> None:
    known, seen, query = Known(), [], "limit=4"
    while True:
        page = ask(known, query)
        assert len(page["predictions"]) <= 4
        seen += [one["prediction_id"] for one in page["predictions"]]
        if page["next"] is None:
            break
        query = urlencode({"limit": 4, "cursor": page["next"]})
    assert seen == [f"p{number}" for number in range(9, -1, -1)]
    assert len(known.asked) == 3


class Away:
    """A store that does not answer, and says more about it than clients should hear."""

    def page(self, task: str, sought: Sought, *, limit: int, after: Place | None = None) -> Sequence[Exposure]:
        raise Unavailable('the store does not answer: password of "contender" at 10.0.0.5 is wrong')


def test_a_client_is_not_told_what_ails_the_store() -> None:
    with pytest.raises(Unavailable) as caught:
        asyncio.run(Listing("t", Away()).answer(Request(b"", {}, b"")))
    assert str(caught.value) == "predictions cannot be read now; try again later"


class Slow(Known):
    """Holds every page back until it is let go, and counts how many it holds at most."""

    def __init__(self) -> None:
        super().__init__()
        self.let_go, self.inside, self.most = threading.Event(), 0, 0

    def page(self, task: str, sought: Sought, *, limit: int, after: Place | None = None) -> Sequence[Exposure]:
        self.inside += 1
        self.most = max(self.most, self.inside)
        self.let_go.wait(10)
        self.inside -= 1
        return super().page(task, sought, limit=limit, after=after)


def test_a_slow_store_does_not_hold_up_every_thread() -> None:
    slow = Slow()

    async def many() -> int:
        listing = Listing("t", slow)
        pages = [asyncio.create_task(listing.answer(Request(b"", {}, b""))) for _ in range(2 * AT_ONCE)]
        while slow.inside < AT_ONCE:
            await asyncio.sleep(0)
        await asyncio.to_thread(slow.let_go.set)
        return len(await asyncio.gather(*pages))

    assert asyncio.run(many()) == 2 * AT_ONCE
    assert slow.most == AT_ONCE


def test_what_law_protects_is_not_shown() -> None:
    (first, *_) = ask(Known(), "")["predictions"]
    assert "groups" not in first
    assert (first["unit_id"], first["served_by"], first["score"]) == ("u", "champion", 0.8)


def test_filters_are_handed_on() -> None:
    known = Known()
    query = {"since": "1.5", "until": "3", "source": "live", "arm": "champion", "unit": "Zoe\u0308", "limit": "7"}
    ask(known, urlencode(query))
    assert known.asked == [("t", Sought(1.5, 3.0, "live", "champion", "Zo\u00eb"), 8, None)]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        (f"limit={MAX_PAGE + 1}", "limit"),
        ("limit=ten", "limit"),
        ("limit=-1", "limit"),
        ("limit=" + "1" * 5000, "limit"),
        ("since=yesterday", "since"),
        ("since=nan", "since"),
        ("until=inf", "until"),
        ("source=", "source"),
        ("arm=" + "a" * 129, "arm"),
        ("unit=", "unit"),
        ("unit=a%00", "unit"),
        ("unit=%ff", "query"),
        ("cursor=x", "cursor"),
        ("cursor=WzFd", "cursor"),
        ("cursor=" + "A" * 600, "cursor"),
        ("cursor=WyJhIiwxXQ==", "cursor"),
        ("colour=red", "query"),
        ("limit=1&limit=2", "query"),
        ("limit", "query"),
        ("&".join(f"a{n}=1" for n in range(50)), "query"),
        ("\xff=1", "query"),
    ],
)
def test_a_wrong_parameter_is_named(query: str, field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        ask(Known(), query)
    assert caught.value.field == field
