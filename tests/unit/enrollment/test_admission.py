"""Admission of applicants by the rules of a scheme."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from services.enrollment.domain.admission import (
    AdmissionRefusal,
    AdmissionRefused,
    Admitted,
    Applicant,
    Wave,
    decide_admission,
)
from services.enrollment.domain.identity import Identity
from services.enrollment.schemes import load_schemes
from tests.builders import ADMITTED_AT, BORN, NOON, a_nik

NORMAL = load_schemes()["normal-2023"].at(ADMITTED_AT)
CLOSES = NOON + timedelta(days=3)
WAVE = Wave("48", "normal-2023", 10_000, NOON, CLOSES)
APPLICANT = Applicant("4810000000000017", "48", Identity(a_nik(), BORN), "female", ADMITTED_AT)


def born(day: date) -> Applicant:
    return replace(APPLICANT, identity=Identity(a_nik(day), day))


def decide(applicant: Applicant, *, nik_is_free: bool = True, places: int = 1) -> Admitted | AdmissionRefused:
    return decide_admission(applicant, WAVE, NORMAL, nik_is_free=nik_is_free, places=places)


def test_applicant_who_meets_the_rules_is_admitted_with_the_balance() -> None:
    assert decide(APPLICANT) == Admitted("normal-2023", NORMAL.version, 3_500_000)


@pytest.mark.parametrize(
    ("applicant", "reason"),
    [
        (replace(APPLICANT, identity=Identity("1" * 16, BORN)), "nik_invalid"),
        (replace(APPLICANT, gender="male"), "nik_invalid"),
        (born(date(2005, 2, 22)), "age_out_of_range"),
        (born(date(1958, 2, 21)), "age_out_of_range"),
        (replace(APPLICANT, admitted_at=NOON - timedelta(seconds=1)), "wave_closed"),
        (replace(APPLICANT, admitted_at=CLOSES + timedelta(days=31)), "wave_closed"),
    ],
)
def test_applicant_who_breaks_a_rule_is_refused_with_the_reason(applicant: Applicant, reason: str) -> None:
    assert decide(applicant) == AdmissionRefused(AdmissionRefusal(reason))


@pytest.mark.parametrize(
    "applicant",
    [
        born(date(2005, 2, 21)),
        born(date(1958, 2, 22)),
        replace(APPLICANT, admitted_at=NOON),
        replace(APPLICANT, admitted_at=CLOSES + timedelta(days=30)),
    ],
)
def test_applicant_at_the_limit_of_age_or_wave_is_admitted(applicant: Applicant) -> None:
    assert isinstance(decide(applicant), Admitted)


def test_a_nik_or_person_admitted_before_is_refused() -> None:
    assert decide(APPLICANT, nik_is_free=False) == AdmissionRefused(AdmissionRefusal.NIK_ALREADY_ADMITTED)


def test_full_wave_refuses_an_applicant() -> None:
    assert decide(APPLICANT, places=0) == AdmissionRefused(AdmissionRefusal.WAVE_FULL)


def test_full_wave_is_the_last_reason_of_a_refusal() -> None:
    assert decide(born(date(2012, 1, 1)), places=0) == AdmissionRefused(AdmissionRefusal.AGE_OUT_OF_RANGE)
