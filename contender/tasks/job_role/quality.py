"""What a file of job-role must keep to beyond its schema.

The reference share of blanks is that of candidates sampled from O*NET (9 645 rows), who name several skills each.
Roles are very unequally frequent and every customer asks about others: their shares are judged only against a reference
learnt from a file.
"""

from __future__ import annotations

import re
from typing import Final

from contender.tasks.job_role.phrases import MAX_PHRASES, MAX_TEXT, other_separator, phrases
from contender.tasks.rules import Issue, QualityRules, Reference, RowFault

_PART: Final = re.compile(r"[^;\n|]+")
_LETTER: Final = re.compile(r"[A-Za-z0-9]")


def _skills(text: str) -> RowFault | None:
    if len(text) > MAX_TEXT:
        return RowFault(Issue.OUT_OF_RANGE, "text_too_long", "skills")
    if other_separator(text):
        return RowFault(Issue.TYPE_ERROR, "not_separated_by_semicolons", "skills")
    if _entries(text) <= MAX_PHRASES and _LETTER.search(text):
        return None  # the usual case, without spelling every skill one way first
    found = len(phrases(text))
    if found == 0:
        return RowFault(Issue.TYPE_ERROR, "no_skill_named", "skills")
    return RowFault(Issue.OUT_OF_RANGE, "too_many_skills", "skills") if found > MAX_PHRASES else None


def _entries(text: str) -> int:
    return len(_PART.findall(text))


RULES: Final = QualityRules(
    reference=Reference(missing={"qualification": 0.028}, singles={"skills": 0.02}),
    judges={"skills": _skills},
    lists={"skills": _entries},
)
