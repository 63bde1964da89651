"""The wait before a restart."""

import pytest

from contender.adapters.supervisor.patience import Patience


@pytest.mark.parametrize(("failures", "longest"), [(1, 0.1), (2, 0.2), (4, 0.8), (8, 10.0), (100_000, 10.0)])
def test_waits_double_up_to_the_cap_and_are_spread_over_their_upper_half(failures: int, longest: float) -> None:
    patience = Patience()
    assert patience.delay(failures, 0.0) == pytest.approx(longest / 2)
    assert patience.delay(failures, 1.0) == pytest.approx(longest)
