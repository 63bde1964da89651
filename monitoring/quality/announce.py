"""Tells people that something is wrong, through apprise: Teams, Slack, mail, plain webhooks, and what else it knows."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from typing import Final

from contender.errors import DeadlineExceeded, InvalidInput, Unavailable
from contender.plain_text import one_line, visible
from monitoring.quality.report import Report

DEADLINE_S: Final = 15.0


def message_of(reports: Sequence[Report]) -> tuple[str, str]:
    """Title and body for reports that need somebody: files, types, counts; nothing of what the files hold."""
    faulty = [report for report in reports if report.verdict != "good"]
    title = f"Data quality: {len(faulty)} of {len(reports)} files need a look"
    return title, "\n".join(_line(report) for report in faulty)


def announce(urls: Sequence[str], title: str, body: str, *, deadline_s: float = DEADLINE_S) -> None:
    """Send one message to every one of `urls`, in apprise's form (``slack://…``, ``mailto://…``, ``json://…``).

    Raises:
        InvalidInput: apprise knows no such kind of URL; the URL is not repeated, it holds a secret.
        Unavailable: one of them did not take the message.
        DeadlineExceeded: they took longer than `deadline_s`.
    """
    from apprise import Apprise

    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # it logs URLs
    sender = Apprise()
    for number, url in enumerate(urls, start=1):
        if not sender.add(url):
            raise InvalidInput("CONTENDER_NOTIFY_URLS", f"address {number} is of no kind that apprise knows")
    done: list[bool] = []
    thread = threading.Thread(
        target=lambda: done.append(bool(sender.notify(visible(body), title=visible(title)))), daemon=True
    )
    thread.start()
    thread.join(deadline_s)
    if thread.is_alive():
        raise DeadlineExceeded(f"the announcement took more than {deadline_s:g} s")
    if done != [True]:
        raise Unavailable("the announcement did not arrive everywhere", remedy="check CONTENDER_NOTIFY_URLS")


def _line(report: Report) -> str:
    types = ", ".join(f"{issue} {count:,}" for issue, count in report.by_type().items())
    rows = "the whole file is held" if report.held else f"{report.bad:,} of {report.rows:,} rows set aside"
    return f"{report.task} {one_line(report.file)}: {rows} ({types})"
