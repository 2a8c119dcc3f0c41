"""The sealed fields of the contract: what stands inside each, and what stands outside too and must agree."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.contracts.enrollment import AccountLinked as LinkedAccount
from shared.contracts.sealed import KeyRing, Secret, number_of, open_claims, open_number, seal_number
from shared.contracts.upstream import AccountLinked, ParticipantAdmitted, ProviderRegistered


@dataclass(frozen=True, slots=True)
class Identity:
    """Identify a person; the date as text, for the rules to read."""

    nik: Secret
    birth_date: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ParticipantAccount:
    """An account and the NIK its holder showed to the bank."""

    number: Secret
    nik: Secret


@dataclass(frozen=True, slots=True)
class ProviderAccount:
    """A provider's account of record."""

    number: Secret
    name: Secret


def open_identity(ring: KeyRing, said: ParticipantAdmitted) -> Identity:
    """Raises Parked(bad_seal), as do the others here, unless what stands inside and outside agrees, byte for byte."""
    stated = {
        "sub": said.participant_id,
        "wave": said.wave,
        "regency": said.regency,
        "admitted_at": said.admitted_at.text,
    }
    claims = open_claims(ring, said.identity, stated, "nik", "birth_date")
    return Identity(Secret(claims["nik"]), claims["birth_date"])


def open_participant_account(ring: KeyRing, said: AccountLinked) -> ParticipantAccount:
    stated = {
        "sub": said.participant_id,
        "partner": said.account.partner,
        "kyc": said.kyc,
        "linked_at": said.linked_at.text,
    }
    claims = open_claims(ring, said.account.sealed, stated, "number", "nik")
    return ParticipantAccount(number_of(claims), Secret(claims["nik"]))


def open_provider_account(ring: KeyRing, said: ProviderRegistered) -> ProviderAccount:
    stated = {"sub": said.provider_id, "partner": said.account.partner, "version": str(said.version)}
    claims = open_claims(ring, said.account.sealed, stated, "number", "name")
    return ProviderAccount(number_of(claims), Secret(claims["name"]))


def linked_account(ring: KeyRing, number: Secret, **said: Any) -> LinkedAccount:
    """Describe an account as enrollment says it: the number sealed with all that decides where its money goes."""
    return LinkedAccount(account=seal_number(ring, number, _stated_by_enrollment(said)), **said)


def open_linked_account(ring: KeyRing, said: LinkedAccount) -> Secret:
    """The number."""
    return open_number(ring, said.account, _stated_by_enrollment(vars(said)))


def _stated_by_enrollment(said: Mapping[str, Any]) -> dict[str, str]:
    return {
        "sub": said["participant_id"],
        "partner": said["partner"],
        "verified": str(said["verified"]),
        "same_identity": str(said["same_identity"]),
        "linked_at": said["linked_at"].isoformat(),
    }
