from __future__ import annotations

import pytest

from serving.transformer.ejection import Ejection, EjectionPolicy

POLICY = EjectionPolicy(failures=3, first_s=1.0, longest_s=4.0)


def fail(ejection: Ejection, clock: Clock) -> bool:
    """A call that began and failed now."""
    return ejection.failed(clock.now)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def ejected(clock: Clock) -> Ejection:
    ejection = Ejection(clock, POLICY)
    for _ in range(3):
        assert ejection.admits()
        fail(ejection, clock)
    return ejection


def test_a_place_is_ejected_after_failures_in_a_row(clock: Clock) -> None:
    ejection = Ejection(clock, POLICY)
    for _ in range(2):
        fail(ejection, clock)
    ejection.succeeded()
    for _ in range(2):
        fail(ejection, clock)
    assert ejection.admits()
    fail(ejection, clock)
    assert ejection.ejected
    assert not ejection.admits()


def test_one_request_at_a_time_probes_it_after_the_wait(clock: Clock) -> None:
    ejection = ejected(clock)
    clock.now += 0.99
    assert not ejection.admits()
    clock.now += 0.01
    assert ejection.admits()
    assert not ejection.admits()


def test_a_good_probe_readmits_it(clock: Clock) -> None:
    ejection = ejected(clock)
    clock.now += 1
    assert ejection.admits()
    ejection.succeeded()
    assert not ejection.ejected
    assert ejection.admits()
    assert ejection.admits()


def test_bad_probes_double_the_wait_up_to_the_longest(clock: Clock) -> None:
    ejection = ejected(clock)
    for wait in (1.0, 2.0, 4.0, 4.0, 4.0):
        clock.now += wait - 0.01
        assert not ejection.admits()
        clock.now += 0.01
        assert ejection.admits()
        fail(ejection, clock)


def test_calls_that_fail_together_count_once(clock: Clock) -> None:
    ejection = Ejection(clock, POLICY)
    for _ in range(2):
        began = clock.now
        clock.now += 0.09
        assert not any(ejection.failed(began) for _ in range(50))
        assert ejection.admits()
    clock.now += 0.09
    assert [ejection.failed(clock.now - 0.09) for _ in range(3)] == [True, False, False]


def test_changes_are_told_once(clock: Clock) -> None:
    ejection = Ejection(clock, POLICY)
    assert [fail(ejection, clock) for _ in range(4)] == [False, False, True, False]
    clock.now += 1
    assert ejection.admits()
    assert not fail(ejection, clock)
    clock.now += 2
    assert ejection.admits()
    assert [ejection.succeeded(), ejection.succeeded()] == [True, False]


def test_an_abandoned_probe_leaves_room_for_another(clock: Clock) -> None:
    ejection = ejected(clock)
    clock.now += 1
    assert ejection.admits()
    ejection.abandoned(clock.now)
    assert ejection.ejected
    assert ejection.admits()


def test_an_old_call_that_is_abandoned_lets_no_second_probe_in(clock: Clock) -> None:
    began, ejection = clock.now - 0.1, ejected(clock)
    clock.now += 1
    assert ejection.admits()
    ejection.abandoned(began)
    assert not ejection.admits()


def test_calls_that_were_under_way_do_not_prolong_the_wait(clock: Clock) -> None:
    ejection = ejected(clock)
    for _ in range(10):
        fail(ejection, clock)
    clock.now += 1
    assert ejection.admits()


def test_chance_shortens_the_wait_but_never_prolongs_it(clock: Clock) -> None:
    ejection = Ejection(clock, POLICY, jitter=lambda: 0.999)
    for _ in range(3):
        fail(ejection, clock)
    clock.now += 0.69
    assert not ejection.admits()
    clock.now += 0.02
    assert ejection.admits()


def window(ejection: Ejection, clock: Clock, bad: int, good: int) -> None:
    """A second of calls that never fail three times in a row."""
    for index in range(max(bad, good)):
        if index < bad:
            fail(ejection, clock)
        if index < good:
            ejection.succeeded()
    clock.now += 1.0


def test_a_place_that_fails_every_other_time_is_ejected_after_two_bad_windows(clock: Clock) -> None:
    ejection = Ejection(clock, POLICY)
    window(ejection, clock, bad=6, good=6)
    window(ejection, clock, bad=6, good=6)
    assert not ejection.ejected
    assert fail(ejection, clock)
    assert ejection.ejected


def test_a_good_window_between_bad_ones_keeps_the_place(clock: Clock) -> None:
    ejection = Ejection(clock, POLICY)
    for _ in range(3):
        window(ejection, clock, bad=6, good=6)
        window(ejection, clock, bad=2, good=10)
    fail(ejection, clock)
    assert not ejection.ejected


def test_few_calls_are_no_evidence(clock: Clock) -> None:
    ejection = Ejection(clock, POLICY)
    for _ in range(5):
        window(ejection, clock, bad=3, good=3)
    assert not ejection.ejected


def test_answers_that_come_slowly_again_and_again_eject_too(clock: Clock) -> None:
    ejection = Ejection(clock, POLICY)
    for _ in range(2):
        for _ in range(10):
            assert not ejection.succeeded(slow=True)
        clock.now += 1.0
    ejection.succeeded(slow=True)
    assert ejection.ejected
    assert not ejection.admits()
