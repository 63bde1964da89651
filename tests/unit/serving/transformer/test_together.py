"""Rows that wait for a busy place go in one call, and each gets what it would have got alone."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from contender.values import Prediction
from serving.transformer.fallback import Reason
from serving.transformer.places import CallFailed, Said
from serving.transformer.together import FULL, Together

LONG_S = 30.0


class FakePlace:
    """Answers when `open` is set, with each row's own number; rows that are `poison` spoil the call they are in."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.calls: list[list[int]] = []
        self.poison: dict[int, Reason] = {}

    async def predict(self, rows: Sequence[Mapping[str, Any]], timeout_s: float) -> Said:
        numbers = [row["n"] for row in rows]
        self.calls.append(numbers)
        await self.open.wait()
        for number in numbers:
            if number in self.poison:
                raise CallFailed(self.poison[number], "in its own words")
        return Said([Prediction(str(number), 0.9, 0.5) for number in numbers], "7")


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def asked(together: Together, *numbers: int, timeout_s: float = LONG_S) -> list[asyncio.Task[Said]]:
    return [asyncio.create_task(together.predict([{"n": number}], timeout_s)) for number in numbers]


def labels(said: Sequence[Said]) -> list[str]:
    return [prediction.label for one in said for prediction in one.predictions]


def test_rows_go_alone_until_the_place_is_busy_and_then_together() -> None:
    async def live() -> None:
        place = FakePlace()
        tasks = asked(Together(place, alone=2), 0, 1, 2, 3, 4)
        await settle()
        assert place.calls == [[0], [1]]
        place.open.set()
        said = await asyncio.gather(*tasks)
        assert place.calls == [[0], [1], [2, 3, 4]]
        assert labels(said) == ["0", "1", "2", "3", "4"]
        assert {one.version for one in said} == {"7"}

    asyncio.run(live())


def test_a_batch_waits_for_nobody() -> None:
    async def live() -> None:
        place = FakePlace()
        together = Together(place, alone=1)
        alone = asked(together, 0)
        await settle()
        batch = asyncio.create_task(together.predict([{"n": 1}, {"n": 2}], LONG_S))
        await settle()
        assert place.calls == [[0], [1, 2]]
        place.open.set()
        assert labels([*await asyncio.gather(*alone), await batch]) == ["0", "1", "2"]

    asyncio.run(live())


def test_a_call_has_so_many_rows_at_most() -> None:
    async def live() -> None:
        place = FakePlace()
        tasks = asked(Together(place, alone=1), *range(2 * FULL))
        await settle()
        place.open.set()
        assert labels(await asyncio.gather(*tasks)) == [str(number) for number in range(2 * FULL)]
        assert [len(call) for call in place.calls] == [1, FULL, FULL - 1]

    asyncio.run(live())


@pytest.mark.parametrize("reason", [Reason.REFUSED, Reason.BAD_ANSWER, Reason.ERROR])
def test_one_rows_fault_is_its_own(reason: Reason) -> None:
    async def live() -> None:
        place = FakePlace()
        place.poison[2] = reason
        tasks = asked(Together(place, alone=1), 0, 1, 2, 3)
        await settle()
        place.open.set()
        said = await asyncio.gather(*tasks, return_exceptions=True)
        assert place.calls == [[0], [1, 2, 3], [1], [2], [3]]
        assert labels([one for one in said if isinstance(one, Said)]) == ["0", "1", "3"]
        (failure,) = (one for one in said if isinstance(one, CallFailed))
        assert (failure.reason, failure.refusal) == (reason, "in its own words")

    asyncio.run(live())


@pytest.mark.parametrize("reason", [Reason.UNREACHABLE, Reason.TIMEOUT])
def test_a_place_that_is_gone_is_asked_once_for_all_who_wait(reason: Reason) -> None:
    async def live() -> None:
        place = FakePlace()
        place.poison = dict.fromkeys((1, 2, 3), reason)
        tasks = asked(Together(place, alone=1), 0, 1, 2, 3)
        await settle()
        place.open.set()
        said = await asyncio.gather(*tasks, return_exceptions=True)
        assert place.calls == [[0], [1, 2, 3]]
        assert [one.reason for one in said if isinstance(one, CallFailed)] == [reason] * 3

    asyncio.run(live())


def test_who_waits_too_long_is_told_so_and_not_sent() -> None:
    async def live() -> None:
        place = FakePlace()
        together = Together(place, alone=1)
        first = asked(together, 0)
        await settle()
        late = asked(together, 1, timeout_s=0.001)
        patient = asked(together, 2)
        with pytest.raises(CallFailed) as failure:
            await late[0]
        assert failure.value.reason is Reason.TIMEOUT
        place.open.set()
        assert labels(await asyncio.gather(*first, *patient)) == ["0", "2"]
        assert place.calls == [[0], [2]]

    asyncio.run(live())


def test_who_leaves_is_not_sent() -> None:
    async def live() -> None:
        place = FakePlace()
        together = Together(place, alone=1)
        first, second, third = asked(together, 0, 1, 2)
        await settle()
        second.cancel()
        await settle()
        place.open.set()
        assert labels([await first, await third]) == ["0", "2"]
        assert place.calls == [[0], [2]]

    asyncio.run(live())


def test_a_first_call_that_is_cancelled_holds_nobody_up() -> None:
    async def live() -> None:
        place = FakePlace()
        first, second = asked(Together(place, alone=1), 0, 1)
        await settle()
        first.cancel()
        await settle()
        assert place.calls == [[0], [1]]
        place.open.set()
        assert labels([await second]) == ["1"]

    asyncio.run(live())


def test_a_defect_fails_those_it_was_for() -> None:
    class Defective(FakePlace):
        async def predict(self, rows: Sequence[Mapping[str, Any]], timeout_s: float) -> Said:
            said = await super().predict(rows, timeout_s)
            if len(self.calls) > 1:
                raise ZeroDivisionError
            return said

    async def live() -> None:
        told: list[str] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(str(context["message"])))
        place = Defective()
        tasks = asked(Together(place, alone=1), 0, 1, 2)
        await settle()
        place.open.set()
        said = await asyncio.gather(*tasks, return_exceptions=True)
        assert [one.reason for one in said if isinstance(one, CallFailed)] == [Reason.ERROR] * 2

    asyncio.run(live())
