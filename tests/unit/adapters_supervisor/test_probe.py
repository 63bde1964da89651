"""How well a process answers, as it is remembered."""

from contender.adapters.supervisor.probe import Answer, Health


def test_an_answer_ends_silence_even_when_it_says_not_ready() -> None:
    health = Health().after(None, 1.0).after(None, 2.0).after(Answer(ready=False), 3.0)
    assert health == Health(Answer(ready=False), has_answered=True)
    assert health.silent_for(100.0) == 0.0


def test_silence_counts_from_the_first_miss() -> None:
    health = Health().after(Answer(ready=True), 0.0).after(None, 1.0).after(None, 2.0).after(None, 3.0)
    assert health.has_answered
    assert health.answer is None
    assert health.silent_for(11.0) == 10.0


def test_one_old_miss_is_no_long_silence() -> None:
    assert Health().after(None, 1.0).after(None, 2.0).silent_for(1000.0) == 0.0
