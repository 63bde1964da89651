from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry

from contender.errors import Unavailable
from contender.routing import Arm, Routing
from contender.values import FallbackPolicy
from monitoring.metrics import Metrics
from serving.transformer.keeper import Follower, RoutingKeeper

FIRST = Routing("t", 5, None, (Arm("champion", "blue", "7", 0.0, 1.0),), None, FallbackPolicy())
SECOND = replace(FIRST, generation=6, arms=(Arm("champion", "green", "8", 0.0, 1.0),))


class Watched:
    """A document that is there, was replaced, or is away."""

    def __init__(self, *documents: Routing | bytes) -> None:
        self.waiting = list(documents)

    def changed(self) -> bytes | None:
        if not self.waiting:
            return None
        document = self.waiting.pop(0)
        return document if isinstance(document, bytes) else document.to_json().encode()


class World:
    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.keeper = RoutingKeeper("t", Metrics(self.registry))

    def offer(self, routing: Routing) -> str:
        return self.keeper.offer(routing.to_json().encode())

    def reloads(self, result: str) -> float | None:
        return self.registry.get_sample_value("contender_routing_reloads_total", {"task": "t", "result": result})

    def generation(self) -> float | None:
        return self.registry.get_sample_value("contender_routing_generation", {"task": "t"})


@pytest.fixture
def world() -> World:
    return World()


def test_the_first_and_every_newer_one_is_applied(world: World) -> None:
    assert (world.keeper.current, world.generation()) == (None, -1)
    assert [world.offer(FIRST), world.offer(SECOND)] == ["applied", "applied"]
    assert (world.keeper.current, world.generation(), world.reloads("applied")) == (SECOND, 6, 2)


@pytest.mark.parametrize(
    ("document", "result"),
    [
        (b"", "broken"),
        (b"{", "broken"),
        (SECOND.to_json().encode()[:80], "broken"),
        (replace(SECOND, task="another", generation=99).to_json().encode(), "broken"),
        (replace(FIRST, generation=4).to_json().encode(), "stale"),
        (replace(SECOND, generation=5).to_json().encode(), "stale"),
        (FIRST.to_json().encode(), "same"),
    ],
)
def test_the_last_good_one_is_kept(world: World, document: bytes, result: str) -> None:
    world.offer(FIRST)
    assert world.keeper.offer(document) == result
    assert (world.keeper.current, world.generation()) == (FIRST, 5)
    assert world.reloads(result) == (None if result == "same" else 1)


def test_a_follower_applies_and_acknowledges_until_it_is_heard(world: World) -> None:
    heard: list[int] = []
    refusals = [Unavailable("a full disk"), OSError("another")]

    def acknowledge(generation: int) -> None:
        if refusals:
            raise refusals.pop()
        heard.append(generation)

    async def live() -> None:
        follower = Follower(world.keeper, Watched(FIRST, b"broken", SECOND), acknowledge)
        follower.look()
        assert world.keeper.current == FIRST
        background = asyncio.create_task(follower.run())
        while heard[-1:] != [6]:
            await asyncio.sleep(0.001)
        background.cancel()
        with suppress(asyncio.CancelledError):
            await background

    asyncio.run(asyncio.wait_for(live(), 5))
    assert heard == sorted(set(heard))


def test_a_reader_makes_itself_known_before_there_is_a_routing(world: World) -> None:
    heard: list[int] = []

    async def live() -> None:
        background = asyncio.create_task(Follower(world.keeper, Watched(), heard.append).run())
        while not heard:
            await asyncio.sleep(0.001)
        background.cancel()
        with suppress(asyncio.CancelledError):
            await background

    asyncio.run(asyncio.wait_for(live(), 5))
    assert heard == [-1]


def refused(world: World) -> float | None:
    return world.registry.get_sample_value("contender_routing_refused", {"task": "t"})


def test_a_refused_document_shows_until_a_good_one_comes(world: World) -> None:
    world.offer(FIRST)
    assert refused(world) == 0
    world.keeper.offer(b"{")
    assert refused(world) == 1
    world.offer(SECOND)
    assert refused(world) == 0


def test_a_generation_that_would_block_all_later_ones_is_refused(world: World) -> None:
    world.offer(FIRST)
    for digits in (16, 300):
        assert world.offer(replace(SECOND, generation=10**digits)) == "broken"
    assert world.offer(SECOND) == "applied"


def test_following_survives_a_watch_that_breaks(world: World) -> None:
    class Breaking(Watched):
        def changed(self) -> bytes | None:
            if not self.waiting:
                raise MemoryError
            return super().changed()

    follower = Follower(world.keeper, Breaking(FIRST), lambda generation: None)
    for _ in range(3):
        follower.look()
    assert world.keeper.generation == FIRST.generation
