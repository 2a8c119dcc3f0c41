"""Admission of a person to a wave. A refusal uses up neither the person nor the NIK."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from services.enrollment.domain.calendar import age_on, is_within_days, jakarta_day
from services.enrollment.domain.identity import Identity, is_well_formed
from services.enrollment.domain.scheme import Scheme


class AdmissionRefusal(StrEnum):
    NIK_INVALID = "nik_invalid"
    NIK_ALREADY_ADMITTED = "nik_already_admitted"
    AGE_OUT_OF_RANGE = "age_out_of_range"
    WAVE_CLOSED = "wave_closed"
    WAVE_FULL = "wave_full"


@dataclass(frozen=True, slots=True)
class Wave:
    """A selection round. `cut_off_at`, the end of unspent money, follows from the scheme, not from the event."""

    wave: str
    scheme: str
    quota: int
    opens_at: datetime
    closes_at: datetime
    cut_off_at: datetime | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Applicant:
    """A person whom registration proposes for a wave."""

    participant_id: str
    wave: str
    identity: Identity
    gender: str
    admitted_at: datetime


@dataclass(frozen=True, slots=True)
class Admitted:
    scheme: str
    scheme_version: int
    balance: int


@dataclass(frozen=True, slots=True)
class AdmissionRefused:
    reason: AdmissionRefusal


def decide_admission(
    applicant: Applicant, wave: Wave, scheme: Scheme, *, nik_is_free: bool, places: int
) -> Admitted | AdmissionRefused:
    """Decide an application by the rules of the wave's scheme.

    `nik_is_free`: neither the NIK nor the participant was ever admitted. `places`: places left in the wave.
    """
    reason = _refusal(applicant, wave, scheme, nik_is_free=nik_is_free, places=places)
    if reason is not None:
        return AdmissionRefused(reason)
    return Admitted(scheme.scheme, scheme.version, scheme.training_balance)


def _refusal(
    applicant: Applicant, wave: Wave, scheme: Scheme, *, nik_is_free: bool, places: int
) -> AdmissionRefusal | None:
    if not is_well_formed(applicant.identity, applicant.gender):
        return AdmissionRefusal.NIK_INVALID
    if not nik_is_free:
        return AdmissionRefusal.NIK_ALREADY_ADMITTED
    rule, moment = scheme.admission, applicant.admitted_at
    age = age_on(applicant.identity.birth_date, jakarta_day(moment))
    if not rule.admits_age(age):
        return AdmissionRefusal.AGE_OUT_OF_RANGE
    if moment < wave.opens_at or not is_within_days(moment, rule.days, after=wave.closes_at):
        return AdmissionRefusal.WAVE_CLOSED
    return None if places > 0 else AdmissionRefusal.WAVE_FULL
