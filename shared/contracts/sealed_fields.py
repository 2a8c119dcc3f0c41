"""The sealed fields of the contract: what stands inside each, and what stands outside too and must agree."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.contracts.enrollment import AccountLinked as LinkedAccount
from shared.contracts.seals import KeyRing, Secret, number_of, open_claims, open_number, seal_number
from shared.contracts.upstream import AccountLinked, ParticipantAdmitted, ProviderRegistered


@dataclass(frozen=True, slots=True)
class OpenedIdentity:
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


def open_identity(ring: KeyRing, event: ParticipantAdmitted) -> OpenedIdentity:
    """Raises Parked(bad_seal), as do the others here, unless what stands inside and outside agrees, byte for byte."""
    stated = {
        "sub": event.participant_id,
        "wave": event.wave,
        "regency": event.regency,
        "admitted_at": event.admitted_at.text,
    }
    claims = open_claims(ring, event.identity, stated, "nik", "birth_date")
    return OpenedIdentity(Secret(claims["nik"]), claims["birth_date"])


def open_participant_account(ring: KeyRing, event: AccountLinked) -> ParticipantAccount:
    stated = {
        "sub": event.participant_id,
        "partner": event.account.partner,
        "kyc": event.kyc,
        "linked_at": event.linked_at.text,
    }
    claims = open_claims(ring, event.account.sealed, stated, "number", "nik")
    return ParticipantAccount(number_of(claims), Secret(claims["nik"]))


def open_provider_account(ring: KeyRing, event: ProviderRegistered) -> ProviderAccount:
    stated = {"sub": event.provider_id, "partner": event.account.partner, "version": str(event.version)}
    claims = open_claims(ring, event.account.sealed, stated, "number", "name")
    return ProviderAccount(number_of(claims), Secret(claims["name"]))


def seal_linked_account(ring: KeyRing, number: Secret, **fields: Any) -> LinkedAccount:
    """Describe an account as enrollment says it: the number sealed with all that decides where its money goes."""
    return LinkedAccount(account=seal_number(ring, number, _stated_by_enrollment(fields)), **fields)


def open_linked_account(ring: KeyRing, event: LinkedAccount) -> Secret:
    """The number."""
    return open_number(ring, event.account, _stated_by_enrollment(vars(event)))


def _stated_by_enrollment(fields: Mapping[str, Any]) -> dict[str, str]:
    return {
        "sub": fields["participant_id"],
        "partner": fields["partner"],
        "verified": str(fields["verified"]),
        "same_identity": str(fields["same_identity"]),
        "linked_at": fields["linked_at"].isoformat(),
    }
