"""Counting what the people got."""

from cli.crowd import Person, Tally
from contender.values import REVIEW_LABEL

ANN, BOB = (Person(name, {}, 1) for name in ("ann", "bob"))


def reply(arm: str, label: str = "looking") -> dict[str, str]:
    return {"label": label, "assigned_to": arm}


def test_failures_and_reviews_are_counted() -> None:
    tally = Tally()
    tally.record(reply("champion"), 1.0)
    tally.record(reply("champion", REVIEW_LABEL), 2.0)
    tally.record(None, 3.0)
    assert (tally.requests, tally.failed, tally.reviewed, tally.latencies_ms) == (3, 1, 1, [1.0, 2.0])


def test_a_unit_in_two_arms_has_moved() -> None:
    tally = Tally()
    for person, arm in ((ANN, "champion"), (ANN, "champion"), (BOB, "champion"), (BOB, "challenger")):
        tally.place(person, reply(arm))
    assert tally.moved == 1


def test_a_new_share_starts_the_count_anew_but_forgets_nobody_who_moved_before() -> None:
    tally = Tally()
    tally.place(ANN, reply("champion"))
    tally.place(ANN, reply("challenger"))
    tally.forget_arms()
    tally.place(BOB, reply("champion"))
    tally.forget_arms()
    tally.place(BOB, reply("challenger"))
    assert tally.moved == 1
