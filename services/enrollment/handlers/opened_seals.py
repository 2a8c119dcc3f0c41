"""Seals of upstream events, opened and checked."""

import re
from datetime import date
from json.encoder import encode_basestring_ascii as quote

from services.enrollment.context import Context
from services.enrollment.domain.identity import Identity
from shared.contracts import sealed_fields, upstream
from shared.contracts.park_reasons import Parked, ParkReason
from shared.contracts.secret import Secret

DIGEST_BYTES = 16
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def open_identity(context: Context, data: upstream.ParticipantAdmitted) -> tuple[Identity, bytes]:
    """Open an identity; return it with the digest of the content. Raise Parked for a bad seal."""
    opened = sealed_fields.open_identity(context.identity_keys, data)
    nik = opened.nik.reveal()
    stated = data.model_dump_json(exclude={"identity"})
    return Identity(nik, _parse_day(opened.birth_date)), content_digest(context, stated, nik, opened.birth_date)


def open_account(context: Context, data: upstream.AccountLinked) -> tuple[Secret, bytes, bytes]:
    """Open an account; return its number, the keyed index of its NIK, and the digest of the content.

    Raise Parked for a bad seal.
    """
    opened = sealed_fields.open_participant_account(context.account_keys, data)
    nik = opened.nik.reveal()
    stated = data.model_dump_json(exclude={"account": {"sealed"}})
    return opened.number, context.index.digest(nik), content_digest(context, stated, nik, opened.number.reveal())


def content_digest(context: Context, stated: str, *sealed_texts: str) -> bytes:
    """Return the keyed digest that tells the same content from other content of one participant.

    `stated` is the event as its model writes it, `sealed_texts` what was under its seal. The digest is stored, and is
    keyed so that personal data cannot be guessed from it; 128 bits are enough to compare one participant's events.
    """
    return context.index.digest(f"[{', '.join(map(quote, (stated, *sealed_texts)))}]")[:DIGEST_BYTES]


def _parse_day(text: str) -> date:
    try:
        if DAY.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise Parked(ParkReason.INVALID_FIELD, "/identity")
