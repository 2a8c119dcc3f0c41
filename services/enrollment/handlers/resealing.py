"""Resealing of stored data under the current key: after an upgrade, and after a key was rotated."""

import json
from collections.abc import Mapping
from typing import Any

from asyncpg import Connection

from services.enrollment.context import Context
from services.enrollment.handlers.account_seals import open_kept_account, seal_kept_account
from services.enrollment.store.accounts import (
    StoredAccount,
    load_kept_accounts,
    load_own_seals_since,
    replace_accounts,
)
from shared.contracts import upstream
from shared.contracts.envelope import Envelope, open_envelope
from shared.contracts.park_reasons import Parked
from shared.contracts.seals import KeyRing, number_of, open_claims
from shared.contracts.secret import Secret
from shared.contracts.strict_json import parse_json
from shared.contracts.topics import ENROLLMENT_REQUESTS
from shared.messaging.message import Record
from shared.messaging.transaction.deferral import rewrite_deferred
from shared.postgres.chunks import OnPortion, ignore_portion
from shared.times import write_time

PORTION = 2000
SEALED_TYPES = (upstream.PARTICIPANT_ADMITTED.name, upstream.ACCOUNT_LINKED.name)


async def reseal(context: Context, connection: Connection, on_portion: OnPortion = ignore_portion) -> list[str]:
    """Reseal kept accounts, and records deferred before the migration `own_seals`; return sentences with their numbers.

    Each portion is a transaction of its own, so a run that was interrupted is continued by the next one. An account
    that does not open stays as it is, and is counted.
    """
    accounts, closed = await _reseal_accounts(context, connection, on_portion)
    since = await load_own_seals_since(connection)

    def rewrite(record: Record) -> Record | None:
        return reseal_record(context, record) if record.timestamp < since.timestamp() * 1000 else None

    waiting = await rewrite_deferred(connection, ENROLLMENT_REQUESTS, rewrite)
    sealed = f"resealed under {context.own_keys.current}"
    found = {
        f"{sealed}: {accounts} stored accounts": accounts,
        f"{sealed}: {waiting} deferred records": waiting,
        f"not resealed, since they do not open: {closed} stored accounts": closed,
    }
    return [sentence for sentence, number in found.items() if number]


async def _reseal_accounts(context: Context, connection: Connection, on_portion: OnPortion) -> tuple[int, int]:
    """Reseal kept accounts; return how many were resealed, and how many do not open."""
    sealed, closed, after = 0, 0, ""
    while kept := await load_kept_accounts(connection, context.own_keys.current_prefix, after, PORTION):
        after = kept[-1].participant_id
        again = [
            a._replace(sealed=seal_kept_account(context.own_keys, a, n)) for a in kept if (n := _number(context, a))
        ]
        await replace_accounts(connection, kept, again)
        on_portion(len(again))
        sealed, closed = sealed + len(again), closed + len(kept) - len(again)
    return sealed, closed


def _number(context: Context, account: StoredAccount) -> Secret | None:
    """Open the number under this service's key, or upstream's as before `own_seals`; None if neither opens it."""
    assert account.sealed is not None  # Only sealed accounts are loaded.
    try:
        return open_kept_account(context.own_keys, account)
    except Parked:
        pass
    try:
        stated = {"sub": account.participant_id}
        return number_of(open_claims(context.upstream_keys, account.sealed, stated, "number", "nik"))
    except Parked:
        return None


def reseal_record(context: Context, record: Record) -> Record | None:
    """Reseal a record of before `own_seals` with the fields that stand outside its seal; None without such a seal."""
    try:
        envelope = open_envelope(record.value, record.headers, SEALED_TYPES)
        data = parse_json(envelope.data)
        is_admission = envelope.type == upstream.PARTICIPANT_ADMITTED.name
        reseal_data = _reseal_identity if is_admission else _reseal_account
        reseal_data(context.upstream_keys, context.deferred_record_keys, data)
    except (Parked, KeyError, TypeError):
        return None
    return record.rewritten(json.dumps(data, separators=(",", ":")).encode(), _headers(envelope))


def _reseal_identity(before: KeyRing, now: KeyRing, data: dict[str, Any]) -> None:
    claims = open_claims(before, data["identity"], {"sub": data["participant_id"]}, "nik", "birth_date")
    data["identity"] = now.seal({**claims, **{name: data[name] for name in ("wave", "regency", "admitted_at")}})


def _reseal_account(before: KeyRing, now: KeyRing, data: dict[str, Any]) -> None:
    account: dict[str, str] = data["account"]
    claims = open_claims(before, account["sealed"], {"sub": data["participant_id"]}, "number", "nik")
    stated = {"partner": account["partner"], "kyc": data["kyc"], "linked_at": data["linked_at"]}
    account["sealed"] = now.seal({**claims, **stated})


def _headers(envelope: Envelope) -> tuple[tuple[str, bytes | None], ...]:
    """Return the envelope as headers of binary mode, whichever mode it came in."""
    named: Mapping[str, str | None] = {
        "ce_specversion": "1.0",
        "ce_id": envelope.id,
        "ce_source": envelope.source,
        "ce_type": envelope.type,
        "ce_time": write_time(envelope.time),
        "content-type": "application/json",
        "ce_subject": envelope.subject,
        "traceparent": envelope.traceparent,
    }
    return tuple((name, text.encode()) for name, text in named.items() if text is not None)
