"""Views for operators: the audit trail of a participant, halts, funds, and gauges."""

from collections.abc import Sequence
from datetime import datetime

from asyncpg import Connection, Record

from services.payment.context import Context
from services.payment.domain.cures import CURES
from services.payment.domain.disbursement import HoldReason
from services.payment.domain.eligibility import ALL_PARTNERS
from services.payment.payout.halts import PAYMENT_ITSELF
from services.payment.payout.versions import load_versions
from services.payment.reconciliation.views import break_gauges
from services.payment.store.disbursements import load_disbursements
from services.payment.store.halts import view_halts
from services.payment.store.views import (
    ParticipantViews,
    view_claims,
    view_funds,
    view_held,
    view_oldest,
    view_participant,
    view_state_counts,
)
from shared.clock import Clock
from shared.contracts.topics import PARTNERS
from shared.runtime.definition import Gauge
from shared.times import write_time

View = dict[str, object]
HELD_SHOWN = 1000
NUMBERS_OF_EVENTS = ("caused_by", "carried_by")
"""Ends of the names of columns that hold them."""


async def audit_trail(context: Context, connection: Connection, participant_id: str) -> View | None:
    """Return a participant's trainings and disbursements, with attempts, contradictions, approvals and transfers.

    No account number is shown. None: nothing is known of the participant.
    """
    views = await view_participant(connection, participant_id, context.references_of)
    if views.account is None and not views.enrollments:
        return None
    return {
        "account": _view(views.account) if views.account else None,
        "blocks": [_view(row) for row in views.blocks],
        "erasure": _view(views.erasure) if views.erasure else None,
        "enrollments": [_training(enrollment, views) for enrollment in views.enrollments],
        "disbursements": [_disbursement(disbursement, views) for disbursement in views.disbursements],
    }


async def halts(connection: Connection) -> list[View]:
    """Return each halt with its scope, operator, reason and time, and the people and rupiah that it holds."""
    return [{"scope": row["scope"], "by": _by(row)} | _view(row) for row in await view_halts(connection)]


async def funds(connection: Connection) -> list[View]:
    """Return the money of each wave and component in rupiah: appropriated, spent, free, overdrawn, and waited for."""
    return [_view(row) for row in await view_funds(connection)]


async def held(
    connection: Connection,
    reason: HoldReason | None = None,
    wave: str | None = None,
    partner: str | None = None,
    at_most: int = HELD_SHOWN,
) -> list[View]:
    """Return held disbursements, the oldest first, with what is known to cure each: any one of its `cures`.

    `version` is what an approval names, so that it approves nothing that has changed since.
    """
    rows = await view_held(connection, reason, wave, partner, at_most)
    keys = [(row["redeem_code"], row["benefit"]) for row in rows]
    versions = await load_versions(connection, await load_disbursements(connection, keys))
    return [
        _view(row) | {"cures": sorted(CURES[HoldReason(row["reason"])]), "version": versions[key]}
        for row, key in zip(rows, keys, strict=True)
    ]


async def claims(connection: Connection) -> list[View]:
    """Return all claims on what was paid: those open first, the one due first above all."""
    return [_view(row) for row in await view_claims(connection)]


async def degraded(connection: Connection) -> list[str]:
    """Return one sentence for each halt."""
    return [
        f"{row['scope']} is halted since {write_time(row['since'])} by {row['who']}: {row['why']}; "
        f"{row['participants']} people wait for {row['rupiah']} rupiah; `resume` ends it"
        for row in await view_halts(connection)
    ]


async def gauges(clock: Clock, connection: Connection) -> list[Gauge]:
    """Return disbursements by state (from the state counts), the ages of the oldest unsettled, halts, and breaks."""
    found = await _halt_gauges(connection, clock.now())
    for row in await view_state_counts(connection):
        labels = {name: row[name] for name in ("state", "partner", "benefit", "reason")}
        found.append(Gauge("salur_disbursements", float(row["disbursements"]), labels))
        found.append(Gauge("salur_disbursements_rupiah", float(row["rupiah"]), labels))
    now = clock.now()
    found += await break_gauges(connection, now)
    return found + [_age(row, now) for row in await view_oldest(connection)]


async def _halt_gauges(connection: Connection, now: datetime) -> list[Gauge]:
    """Return the gauges of all scopes but waves, 0 if they are not halted, and of the waves that are halted."""
    rows = {row["scope"]: row for row in await view_halts(connection)}
    found = []
    for scope in dict.fromkeys((ALL_PARTNERS, *PARTNERS, *rows)):
        row = rows.get(scope)
        labels = {"scope": scope, "by": _by(row) if row else ""}
        found.append(Gauge("salur_halted", float(row is not None), labels))
        found.append(Gauge("salur_halt_age_seconds", (now - row["since"]).total_seconds() if row else 0.0, labels))
    return found


def _by(halt: Record) -> str:
    return PAYMENT_ITSELF if halt["who"] == PAYMENT_ITSELF else "operator"


def _age(row: Record, now: datetime) -> Gauge:
    labels = {"state": "held", "partner": "", "reason": ""} | {k: v for k, v in row.items() if k != "due_at"}
    return Gauge("salur_disbursement_oldest_seconds", (now - row["due_at"]).total_seconds(), labels)


def _training(enrollment: Record, views: ParticipantViews) -> View:
    """Return an enrollment with its survey answers, and what is to fall due with it by the clock."""
    code = enrollment["redeem_code"]
    answers = {r["survey"]: write_time(r["answered_at"]) for r in views.survey_answers if r["redeem_code"] == code}
    to_come = {r["benefit"]: write_time(r["due_at"]) for r in views.monthly_dues if r["redeem_code"] == code}
    shown = {name: value for name, value in _view(enrollment).items() if name != "benefits"}
    return shown | {"survey_answers": answers, "falls_due": to_come}


def _disbursement(disbursement: Record, views: ParticipantViews) -> View:
    own = views.references[disbursement["redeem_code"], disbursement["benefit"]]
    return (
        _view(disbursement)
        | {"attempts": [_view(a) for a in views.attempts if a["reference"] in own]}
        | {"transfers": [_view(t) for t in views.transfers if t["reference"] in own]}
        | {"contradictions": _of_disbursement(views.contradictions, disbursement)}
        | {"approvals": _of_disbursement(views.approvals, disbursement)}
        | {"claims": _of_disbursement(views.claims, disbursement)}
    )


def _of_disbursement(rows: Sequence[Record], disbursement: Record) -> list[View]:
    """Return the rows of one disbursement without its key."""
    own = [
        r for r in rows if (r["redeem_code"], r["benefit"]) == (disbursement["redeem_code"], disbursement["benefit"])
    ]
    return [{name: value for name, value in _view(r).items() if name not in ("redeem_code", "benefit")} for r in own]


def _view(row: Record) -> View:
    """Return the values of a row; the numbers of events are for the explanation, which completes them to ids."""
    shown = {name: value for name, value in row.items() if not name.endswith(NUMBERS_OF_EVENTS)}
    return {name: write_time(value) if isinstance(value, datetime) else value for name, value in shown.items()}
