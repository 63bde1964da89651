"""What stands above evidently's page."""

from __future__ import annotations

from monitoring.drift.report import with_verdict
from monitoring.drift.verdict import KINDS, Signal, Verdict

DRIFTED = Verdict(
    "job-change",
    "7",
    "drift",
    "city & more",
    0.0,
    300.0,
    900,
    880.0,
    12,
    dict.fromkeys(KINDS, "ok"),
    (
        Signal("score", "prediction", "ok", 0.2, 0.6, "median", 0.125, None),
        Signal("city", "features", "drift", 3.0, 1e-9, "share of a level", 0.1, 0.4),
        Signal("gone", "features", "error", 0.0, 1.0, problem="<gone> could not be measured"),
    ),
)


def test_the_verdict_comes_first_and_the_farthest_signal_first_in_it() -> None:
    page = with_verdict("<html><body><p>pictures</p></body></html>", DRIFTED)
    assert page.startswith("<html><body><section")
    places = [page.index(text) for text in ("version 7: drift", "city &amp; more", ">city<", ">score<", "<p>pictures")]
    assert places == sorted(places)
    assert "<td>share of a level 0.4</td>" in page
    assert "<td>–</td>" in page, "what has no figure has none"


def test_what_is_said_is_text_and_no_markup() -> None:
    page = with_verdict("no body", DRIFTED)
    assert "&lt;gone&gt; could not be measured" in page
    assert page.endswith("no body")
