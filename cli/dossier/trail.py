"""Who did what: decisions, approvals, and every audit record."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from cli.dossier.contents import Dossier
from cli.dossier.figures import moment
from cli.dossier.markup import Html, element
from cli.dossier.tables import code, facts, grid, mark, section


def decisions(dossier: Dossier) -> Html:
    """What was decided, by whom, on which evidence, with whose approval."""
    rows = [_decision(record, dossier) for record in dossier.decisions]
    if not rows:
        return section("decisions", "Decisions and approvals", element("p", "Nothing has been decided yet."))
    columns = ("decision", "when", "by", "approved by", "reason", "evidence")
    return section("decisions", "Decisions and approvals", grid("Decisions", columns, rows))


def trail(dossier: Dossier) -> Html:
    """The task's whole audit record; those of this experiment are marked."""
    own = {record["sequence"] for record in dossier.own_records}
    rows = [_record(record, record["sequence"] in own) for record in dossier.records]
    columns = ("number", "when", "who", "what", "detail, and the record's hash (sha256)")
    last = dossier.records[-1] if dossier.records else None
    stated = {"Chain": chain(dossier), "Last hash": code(last["hash"]) if last else None}
    text = (
        "Records marked • belong to this experiment. Every record seals the one before it, so an edit, a deletion or "
        "a change of order shows. A cut at the end "
        f"shows only against anchors that are kept elsewhere; this trail was held against {dossier.anchors} of them."
    )
    return section("audit", "Audit record", element("p", text), facts(stated), grid("Audit records", columns, rows))


def chain(dossier: Dossier) -> Html:
    """Whether the chain of records holds."""
    if dossier.problems:
        return mark(False, f"the chain is broken: {'; '.join(dossier.problems)}")
    return mark(True, f"the chain of {len(dossier.records)} records holds")


def _decision(record: Mapping[str, Any], dossier: Dossier) -> tuple[object, ...]:
    detail = record["detail"]
    return (
        f"{record['event']} (record {record['sequence']})",
        moment(record["at"]),
        record["actor"],
        _approval(detail),
        detail.get("reason"),
        _evidence(detail.get("evidence"), dossier),
    )


def _approval(detail: Mapping[str, Any]) -> object:
    if "approver" not in detail:
        return None
    return [str(detail["approver"]), " ", code(detail.get("approval"))]


def _evidence(digest: str | None, dossier: Dossier) -> object:
    if digest is None:
        return None
    look = dossier.look_of(digest)
    found = mark(True, f"is look {look} above") if look else mark(False, "is none of the looks above")
    return [code(digest), " ", found]


def _record(record: Mapping[str, Any], own: bool) -> tuple[object, ...]:
    detail = {name: value for name, value in record["detail"].items() if value not in (None, "", [])}
    return (
        f"{record['sequence']}{' •' if own else ''}",
        moment(record["at"]),
        record["actor"],
        record["event"],
        [*(element("div", f"{name}: {_text(value)}") for name, value in detail.items()), code(record["hash"])],
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
