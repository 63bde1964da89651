"""The page: what a manager reads first, and below it everything that an auditor asks for."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

from cli.dossier import compared, evidence, trail
from cli.dossier.contents import Dossier
from cli.dossier.fairness import fairness
from cli.dossier.figures import moment
from cli.dossier.markup import Html, element, raw
from cli.dossier.tables import code, facts
from cli.dossier.words import doers, headline, meaning, overridden, verdict_sentence

_NOTHING_ELSE: Final = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""The browser is told to load nothing and to run nothing: the page is whole, and whatever it quotes stays text."""

_SIGNS: Final = {"promote": "✔", "roll back": "✖", "hold": "◌", "error": "⚠"}

_SECTIONS: Final = (
    ("compared", "What was compared", compared.compared),
    ("plan", "Plan", compared.plan),
    ("effect", "Effect", evidence.effect),
    ("guardrails", "Guardrails", evidence.guardrails),
    ("fairness", "Fairness", fairness),
    ("health", "Health", evidence.health),
    ("decisions", "Decisions", trail.decisions),
    ("audit", "Audit record", trail.trail),
)


def page(dossier: Dossier) -> str:
    """The dossier as one HTML document that needs nothing else, on a screen or on paper."""
    title = f"Dossier: {dossier.experiment['id']}"
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_NOTHING_ELSE),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
        element("style", raw(files("cli.dossier").joinpath("dossier.css").read_text())),
    )
    sections = [draw(dossier) for _, _, draw in _SECTIONS]
    body = element(
        "body", _header(dossier), element("main", _summary(dossier), _contents(), sections), _footer(dossier)
    )
    return f"<!doctype html>\n{element('html', head, body, lang='en')}\n"


def _header(dossier: Dossier) -> Html:
    kind = element("p", f"Release dossier · {dossier.task}", class_="kind")
    return element("header", kind, element("h1", headline(dossier)))


def _summary(dossier: Dossier) -> Html:
    verdict = dossier.verdict
    decision = verdict["decision"] if verdict else "no verdict"
    badge = element("span", f"{_SIGNS.get(decision, '◌')} {decision}", class_=f"badge {decision.replace(' ', '-')}")
    against = overridden(dossier)
    return element(
        "section",
        element("h2", "In short", id="summary-heading"),
        element("p", badge, " ", verdict_sentence(dossier), class_="verdict"),
        element("p", "⚠ The verdict was not followed: ", against, class_="warning") if against else None,
        evidence.difference(dossier),
        element("h3", "What it means"),
        element("ul", [element("li", sentence) for sentence in meaning(dossier)]),
        element("h3", "Who decided, who approved"),
        element("ul", [element("li", done) for done in doers(dossier)] or element("li", "Nothing is decided yet.")),
        element("p", "The record of every change: ", trail.chain(dossier)),
        element("p", "The engine's own words: ", verdict["reason"], class_="reason") if verdict else None,
        id="summary",
        aria_labelledby="summary-heading",
    )


def _contents() -> Html:
    links = [element("a", title, href=f"#{name}") for name, title, _ in _SECTIONS]
    return element("nav", element("p", "For the auditor:"), links, aria_label="Sections")


def _footer(dossier: Dossier) -> Html:
    made = {
        "Made": moment(dossier.made_at),
        "Program (git commit)": code(dossier.made_with),
        "Holds": "aggregates, digests and the names of those who acted; nothing about any candidate",
    }
    return element("footer", facts(made))
