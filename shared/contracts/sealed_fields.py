"""The sealed fields of the contract: their claims, and the fields outside that must agree with them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.contracts.enrollment import AccountLinked as LinkedAccount
from shared.contracts.seals import KeyRing, number_of, open_claims, open_number, seal_number
from shared.contracts.secret import Secret
from shared.contracts.upstream import AccountLinked, ParticipantAdmitted, ProviderRegistered


@dataclass(frozen=True, slots=True)
class OpenedIdentity:
    """The identity of a person; the date is still a text, which the rules parse."""

    nik: Secret
    birth_date: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ParticipantAccount:
    """An account, and the NIK that its holder showed to the bank."""

    number: Secret
    nik: Secret


@dataclass(frozen=True, slots=True)
class ProviderAccount:
    """A provider's account of record."""

    number: Secret
    name: Secret


def open_identity(ring: KeyRing, event: ParticipantAdmitted) -> OpenedIdentity:
    """Open an identity; raise Parked(bad_seal) unless its claims and the event's fields agree byte for byte."""
    stated = {
        "sub": event.participant_id,
        "wave": event.wave,
        "regency": event.regency,
        "admitted_at": event.admitted_at.text,
    }
    claims = open_claims(ring, event.identity, stated, "nik", "birth_date")
    return OpenedIdentity(Secret(claims["nik"]), claims["birth_date"])


def open_participant_account(ring: KeyRing, event: AccountLinked) -> ParticipantAccount:
    """Open a participant's account; raise Parked(bad_seal) as `open_identity` does."""
    stated = {
        "sub": event.participant_id,
        "partner": event.account.partner,
        "kyc": event.kyc,
        "linked_at": event.linked_at.text,
    }
    claims = open_claims(ring, event.account.sealed, stated, "number", "nik")
    return ParticipantAccount(number_of(claims), Secret(claims["nik"]))


def open_provider_account(ring: KeyRing, event: ProviderRegistered) -> ProviderAccount:
    """Open a provider's account; raise Parked(bad_seal) as `open_identity` does."""
    stated = {"sub": event.provider_id, "partner": event.account.partner, "version": str(event.version)}
    claims = open_claims(ring, event.account.sealed, stated, "number", "name")
    return ProviderAccount(number_of(claims), Secret(claims["name"]))


def seal_linked_account(ring: KeyRing, number: Secret, **fields: Any) -> LinkedAccount:
    """Return enrollment's event: the account number sealed together with all that decides where its money goes."""
    return LinkedAccount(account=seal_number(ring, number, _stated_by_enrollment(fields)), **fields)


def open_linked_account(ring: KeyRing, event: LinkedAccount) -> Secret:
    """Open the account number of enrollment's event; raise Parked(bad_seal) if its other fields do not agree."""
    return open_number(ring, event.account, _stated_by_enrollment(vars(event)))


def _stated_by_enrollment(fields: Mapping[str, Any]) -> dict[str, str]:
    return {
        "sub": fields["participant_id"],
        "partner": fields["partner"],
        "verified": str(fields["verified"]),
        "same_identity": str(fields["same_identity"]),
        "linked_at": fields["linked_at"].isoformat(),
    }
