from __future__ import annotations

from serving.admission import Admission, AdmissionPolicy

POLICY = AdmissionPolicy(least=10, most=100, target_s=0.01)


def test_without_lag_it_takes_as_many_as_it_may() -> None:
    admission = Admission(POLICY)
    admission.observe(0.0, 50)
    assert admission.limit == 100
    assert admission.admits(99)
    assert not admission.admits(100)
    assert not admission.strained


def test_lag_brings_the_limit_below_what_is_in_flight() -> None:
    admission = Admission(POLICY)
    admission.observe(0.02, 50)
    assert admission.limit == 45
    assert admission.strained
    admission.observe(0.02, 45)
    assert admission.limit == 40


def test_a_few_requests_are_always_taken() -> None:
    admission = Admission(POLICY)
    for _ in range(50):
        admission.observe(1.0, 3)
    assert admission.limit == 10
    assert admission.admits(9)


def test_the_limit_grows_back_when_the_lag_is_gone() -> None:
    admission = Admission(POLICY)
    admission.observe(1.0, 0)
    for _ in range(48):
        admission.observe(0.0, 0)
    assert admission.limit == 100
