"""Features of job-role: what a candidate states becomes the row numbers of an evidence table.

A row is encoded as `WIDTH` whole numbers. Each of the first `STATED` names a row of the table that the model holds,
where every class has its weight: one for the qualification, one for the experience level, one for each known skill, and
`PAD` for the rest of the places. A model that is linear in what is present then needs one gather and one sum, and
memory for a large batch is bounded by `WIDTH`, not by the size of the vocabulary.

Behind those places lie the hashed words of each skill. Only training reads them: they say which skills are spelt alike,
and so let the rare ones learn from the frequent.

Skills are hashed. The fitted part is the list of hashes that training saw often enough, so an artifact holds no text
that a person wrote; a skill that training did not know is no evidence for any class.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final, get_args

import numpy as np
from numpy.typing import NDArray

from contender.artifact import FEATURES
from contender.errors import InvalidArtifact
from contender.tasks.job_role.phrases import MAX_PHRASES, MAX_WORDS, phrase_hash, phrases, word_numbers
from contender.tasks.job_role.schema import ExperienceLevel, Qualification
from contender.values import Row

FORMAT: Final = "job-role/1"
PAD: Final = 0
"""The table row of an empty place; its weights are zero."""
QUALIFICATIONS: Final[Mapping[object, int]] = {
    level: number for number, level in enumerate((None, *get_args(Qualification)), start=PAD + 1)
}
EXPERIENCES: Final[Mapping[object, int]] = {
    level: number for number, level in enumerate(get_args(ExperienceLevel), start=PAD + 1 + len(QUALIFICATIONS))
}
FIRST_SKILL: Final = PAD + 1 + len(QUALIFICATIONS) + len(EXPERIENCES)
"""The table row of the first skill."""
STATED: Final = 2 + MAX_PHRASES
"""Columns that hold table row numbers: qualification, experience level, skills."""
WIDTH: Final = STATED + MAX_PHRASES * MAX_WORDS
"""All columns: behind the stated ones, `MAX_WORDS` word numbers for each place of a skill, in the same order."""
MAX_VOCABULARY: Final = 50_000
"""The most skills an encoder knows: bounds artifact, table and memory against a file full of unique phrases."""
MIN_COUNT: Final = 2
"""Candidates who must share a skill before it counts: a phrase only one person used identifies that person."""


class JobRoleEncoder:
    """Encodes validated rows as table row numbers; fitted are only the hashes of the known skills."""

    def __init__(self, hashes: Sequence[int]) -> None:
        self._hashes = tuple(hashes)
        self._rows = {value: FIRST_SKILL + position for position, value in enumerate(self._hashes)}

    @property
    def width(self) -> int:
        """Columns of the encoded matrix; see `WIDTH`."""
        return WIDTH

    def encode(self, rows: Sequence[Row]) -> NDArray[np.int64]:
        """Table row numbers of `rows`: int64, shape (len(rows), `WIDTH`), `PAD` where there is nothing."""
        encoded = np.full((len(rows), WIDTH), PAD, dtype=np.int64)
        for place, row in enumerate(rows):
            known = self._known(row)
            levels = (QUALIFICATIONS[row["qualification"]], EXPERIENCES[row["experience_level"]])
            encoded[place, : 2 + len(known)] = (*levels, *(number for number, _ in known))
            for start, (_, words) in zip(range(STATED, WIDTH, MAX_WORDS), known, strict=False):
                encoded[place, start : start + len(words)] = words
        return encoded

    def _known(self, row: Row) -> list[tuple[int, list[int]]]:
        """Table row and word numbers of each skill that training saw."""
        spelt = [(self._rows.get(phrase_hash(phrase)), phrase) for phrase in phrases(str(row["skills"]))]
        return [(number, word_numbers(phrase)) for number, phrase in spelt if number is not None]

    def to_document(self) -> dict[str, Any]:
        """The format's name and the hashes of the known skills, in table order."""
        return {"format": FORMAT, "skills": list(self._hashes)}


def fit(rows: Sequence[Row]) -> JobRoleEncoder:
    """An encoder that knows the skills of `rows`: at least `MIN_COUNT` candidates each, the commonest first."""
    counts = Counter(phrase_hash(phrase) for row in rows for phrase in phrases(str(row["skills"])))
    ranked = sorted((-count, value) for value, count in counts.items() if count >= MIN_COUNT)
    return JobRoleEncoder([value for _, value in ranked[:MAX_VOCABULARY]])


def load(document: object) -> JobRoleEncoder:
    """The encoder that `JobRoleEncoder.to_document` described.

    Raises:
        InvalidArtifact: another format, unknown keys, or hashes that are no distinct 32-bit numbers.
    """
    if not isinstance(document, Mapping) or set(document) != {"format", "skills"} or document["format"] != FORMAT:
        raise InvalidArtifact(FEATURES, f"is not of the format {FORMAT}")
    hashes = document["skills"]
    if not isinstance(hashes, list) or not all(type(value) is int and 0 <= value < 2**32 for value in hashes):
        raise InvalidArtifact(FEATURES, "must list its skills as 32-bit hashes")
    if len(set(hashes)) != len(hashes) or len(hashes) > MAX_VOCABULARY:
        raise InvalidArtifact(FEATURES, f"must list at most {MAX_VOCABULARY} skills, each once")
    return JobRoleEncoder(hashes)
