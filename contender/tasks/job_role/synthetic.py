"""Synthetic candidates for job-role: real columns, levels and missing rates, unbalanced roles, a planted signal.

Every skill and share is invented. Nobody in it is a person, and no figure measured on it says anything about people.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from contender.tasks.job_role.schema import ExperienceLevel, Qualification
from contender.tasks.job_role.vocabulary import FAMILIES, ROLES, SOFT

NOISE: Final = 0.2
"""The share of technical skills that have nothing to do with the role."""
BLANK_QUALIFICATION: Final = 0.03
LOWER_CASE: Final = 0.15
"""The share of candidates who write everything in lower case."""
FAMILY_DECAY: Final = 0.45
"""How much less a role uses each further family."""
SKILL_DECAY: Final = 0.85
"""How much less people name each further skill of a family; every role ranks the skills in an order of its own."""
TASTE_SEED: Final = 20
"""The roles' orders of skills are part of the world, not of the sample: every seed draws people of one world."""

_Floats = NDArray[np.float64]
_Q_MEAN, _Q_SPREAD = np.array([0.15, 0.10, 0.44, 0.25, 0.06]), np.linspace(-1.6, 1.6, 5)
_E_MEAN, _E_SPREAD = np.array([0.27, 0.40, 0.27, 0.06]), np.linspace(-1.2, 1.2, 4)


class _Profile(NamedTuple):
    """How the people of one role are drawn: probabilities of skills, qualifications, experience levels."""

    skills: _Floats
    qualifications: _Floats
    experiences: _Floats


def generate(count: int, seed: int) -> list[dict[str, object]]:
    """`count` synthetic training rows with id and target, in random order; the same arguments give the same rows."""
    rng = np.random.default_rng(seed)
    skills = _listed("; ".join(FAMILIES.values()))
    profiles = _profiles(skills)
    shares = np.array([role.share for role in ROLES.values()], dtype=np.float64)
    drawn = rng.choice(len(ROLES), size=count, p=shares / shares.sum())
    names = list(ROLES)
    return [_candidate(number, names[role], profiles[role], skills, rng) for number, role in enumerate(drawn, start=1)]


def _listed(text: str) -> list[str]:
    return text.split("; ")


def _profiles(skills: list[str]) -> list[_Profile]:
    taste = np.random.default_rng(TASTE_SEED)
    return [
        _Profile(
            _skill_weights(role.families.split(), skills, taste),
            _tilted(_Q_MEAN, _Q_SPREAD * role.degree),
            _tilted(_E_MEAN, _E_SPREAD * role.seniority),
        )
        for role in ROLES.values()
    ]


def _skill_weights(families: list[str], skills: list[str], taste: np.random.Generator) -> _Floats:
    weights = np.zeros(len(skills))
    for rank, family in enumerate(families):
        members = [skills.index(skill) for skill in _listed(FAMILIES[family])]
        weights[members] += FAMILY_DECAY**rank * SKILL_DECAY ** taste.permutation(len(members))
    return np.asarray(weights / weights.sum(), dtype=np.float64)


def _tilted(shares: _Floats, logits: _Floats) -> _Floats:
    tilted = shares * np.exp(logits)
    return np.asarray(tilted / tilted.sum(), dtype=np.float64)


def _candidate(
    number: int, role: str, profile: _Profile, skills: list[str], rng: np.random.Generator
) -> dict[str, object]:
    qualification = _level(Qualification, profile.qualifications, rng)
    return {
        "candidate_id": f"S{number:06d}",
        "skills": _skills(profile.skills, skills, rng),
        "qualification": None if rng.random() < BLANK_QUALIFICATION else qualification,
        "experience_level": _level(ExperienceLevel, profile.experiences, rng),
        "job_role": role,
    }


def _level(levels: Any, shares: _Floats, rng: np.random.Generator) -> str:
    return str(get_args(levels)[rng.choice(len(shares), p=shares)])


def _skills(weights: _Floats, skills: list[str], rng: np.random.Generator) -> str:
    wanted = int(rng.integers(3, 10))
    noise = int(rng.binomial(wanted, NOISE))
    typical = rng.choice(len(skills), size=wanted - noise, replace=False, p=weights)
    others = rng.choice(len(skills), size=noise, replace=False)
    soft = rng.choice(_listed(SOFT), size=int(rng.integers(0, 3)), replace=False)
    named = [skills[place] for place in dict.fromkeys([*typical, *others])] + soft.tolist()
    text = "; ".join(named[place] for place in rng.permutation(len(named)))
    return text.lower() if rng.random() < LOWER_CASE else text
