from __future__ import annotations

import asyncio
from collections.abc import Sequence

from contender.routing import Arm, Routing
from contender.values import FallbackPolicy
from serving.transformer.answering import Answer
from serving.transformer.codec import Told
from serving.transformer.gathering import Answered, Copy, Gatherer

ROUTING = Routing("t", 1, None, (Arm("champion", "blue", "7", 0.0, 1.0),), None, FallbackPolicy(150, 0.6))
TOLD = Told("p", Answer("yes", 0.9, 0.9, (), "champion", "champion", None, "7"))


def test_a_defect_costs_the_rows_of_one_call() -> None:
    async def live() -> None:
        put: list[int] = []
        dropped: list[int] = []

        async def fail_once(copies: Sequence[Copy]) -> None:
            put.append(len(copies))
            if len(put) == 1:
                raise ZeroDivisionError

        gatherer = Gatherer(fail_once, dropped.append)
        gatherer.add(Answered(ROUTING, [{}] * 250, ["u"] * 250, [TOLD] * 250))
        await gatherer.close()
        assert (put, dropped) == ([200, 50], [200])

    asyncio.run(live())


def test_rows_stay_with_their_units_and_answers_in_order() -> None:
    async def live() -> None:
        seen: list[Copy] = []

        async def keep(copies: Sequence[Copy]) -> None:
            seen.extend(copies)

        gatherer = Gatherer(keep, lambda rows: None)
        told = [Told(f"p{index}", TOLD.answer) for index in range(3)]
        gatherer.add(Answered(ROUTING, [{"n": index} for index in range(3)], ["a", None, "c"], told))
        await gatherer.close()
        assert [(one.row["n"], one.unit, one.told.prediction_id) for one in seen] == [
            (0, "a", "p0"), (1, None, "p1"), (2, "c", "p2"),
        ]  # fmt: skip

    asyncio.run(live())
