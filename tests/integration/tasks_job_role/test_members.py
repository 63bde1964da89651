import numpy as np
import pytest
from scipy import sparse

from contender.tasks.job_role.evidence import Smoothing
from contender.tasks.job_role.features import EXPERIENCES, FIRST_SKILL, PAD
from contender.tasks.job_role.members import Evidence, Lesson, OversampledBayes

SKILLS = 6
CODES = np.array([0] * 30 + [1] * 3)
JUNIOR, CHIEF = EXPERIENCES["Entry"], EXPERIENCES["Executive"]


@pytest.fixture
def lesson() -> Lesson:
    """Thirty juniors of class 0 who name the first skill, three chiefs of class 1 who name the second."""
    stated = np.zeros((len(CODES), FIRST_SKILL + SKILLS))
    stated[CODES == 0, JUNIOR] = stated[CODES == 0, FIRST_SKILL] = 1
    stated[CODES == 1, CHIEF] = stated[CODES == 1, FIRST_SKILL + 1] = 1
    stated[::3, FIRST_SKILL + 2] = 1
    return Lesson(sparse.csr_matrix(stated), sparse.csr_matrix((SKILLS, SKILLS), dtype=np.float32), CODES, 2)


def test_small_classes_are_raised_to_the_floor(lesson: Lesson) -> None:
    assert np.exp(OversampledBayes(floor=1, seed=0).learn(lesson).bias) == pytest.approx([30 / 33, 3 / 33])
    assert np.exp(OversampledBayes(floor=10, seed=0).learn(lesson).bias) == pytest.approx([30 / 40, 10 / 40])
    assert np.exp(OversampledBayes(floor=60, seed=0).learn(lesson).bias) == pytest.approx([1 / 2, 1 / 2])


def test_evidence_speaks_for_whom_it_was_seen_with(lesson: Lesson) -> None:
    table = Evidence(Smoothing(), 0.0).learn(lesson).table
    favours = (table[:, 0] - table[:, 1]).tolist()
    assert favours[JUNIOR] > 0 > favours[CHIEF]
    assert favours[FIRST_SKILL] > 0 > favours[FIRST_SKILL + 1]
    assert abs(favours[FIRST_SKILL + 2]) < 1
    assert table[PAD].tolist() == [0, 0]


@pytest.mark.parametrize(("flatten", "shares"), [(0.0, (30 / 33, 3 / 33)), (1.0, (1.0, 1.0)), (0.5, (0.9535, 0.3015))])
def test_shares_of_roles_are_flattened(lesson: Lesson, flatten: float, shares: tuple[float, float]) -> None:
    assert np.exp(Evidence(Smoothing(), flatten).learn(lesson).bias) == pytest.approx(shares, abs=1e-4)
