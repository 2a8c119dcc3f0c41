"""Views for operators: the audit trail of a participant, halts, funds, and gauges."""

from collections.abc import Sequence
from datetime import datetime

from asyncpg import Connection, Record

from services.payment.context import Context
from services.payment.domain.eligibility import ALL_PARTNERS
from services.payment.payout.halts import PAYMENT_ITSELF
from services.payment.store.halts import view_halts
from services.payment.store.views import (
    view_account,
    view_approvals,
    view_attempts,
    view_block,
    view_claims,
    view_contradictions,
    view_disbursements,
    view_enrollments,
    view_funds,
    view_monthly_dues,
    view_oldest,
    view_state_counts,
    view_survey_answers,
    view_transfers,
)
from shared.clock import Clock
from shared.contracts.topics import PARTNERS
from shared.runtime.definition import Gauge
from shared.times import write_time

View = dict[str, object]


async def audit_trail(context: Context, connection: Connection, participant_id: str) -> View | None:
    """Return a participant's trainings and disbursements, with attempts, contradictions, approvals and transfers.

    No account number is shown. None: nothing is known of the participant.
    """
    account = await view_account(connection, participant_id)
    enrollments = await view_enrollments(connection, participant_id)
    if account is None and not enrollments:
        return None
    trainings = {e["redeem_code"] for e in enrollments}
    answers, dues = await view_survey_answers(connection, trainings), await view_monthly_dues(connection, trainings)
    disbursements = await view_disbursements(connection, participant_id)
    references = {(d["redeem_code"], d["benefit"]): _references(context, participant_id, d) for d in disbursements}
    every = [reference for of_one in references.values() for reference in of_one]
    attempts = await view_attempts(connection, every)
    transfers = await _transfers(connection, every, disbursements)
    codes = {d["redeem_code"] for d in disbursements}
    contradictions, approvals = await view_contradictions(connection, codes), await view_approvals(connection, codes)
    claimed, block = await view_claims(connection, codes), await view_block(connection, participant_id)
    shown = []
    for disbursement in disbursements:
        own = references[(disbursement["redeem_code"], disbursement["benefit"])]
        shown.append(
            _view(disbursement)
            | {"attempts": [_view(a) for a in attempts if a["reference"] in own]}
            | {"transfers": [_view(t) for t in transfers if t["reference"] in own]}
            | {"contradictions": _of_disbursement(contradictions, disbursement)}
            | {"approvals": _of_disbursement(approvals, disbursement)}
            | {"claims": _of_disbursement(claimed, disbursement)}
        )
    return {
        "account": _view(account) if account else None,
        "block": _view(block) if block else None,
        "enrollments": [_training(e, answers, dues) for e in enrollments],
        "disbursements": shown,
    }


async def halts(connection: Connection) -> list[View]:
    """Return each halt with its scope, operator, reason and time, and the people and rupiah that it holds."""
    return [{"scope": row["scope"], "by": _by(row)} | _view(row) for row in await view_halts(connection)]


async def funds(connection: Connection) -> list[View]:
    """Return the money of each wave and component in rupiah: appropriated, spent, free, overdrawn, and waited for."""
    return [_view(row) for row in await view_funds(connection)]


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
    """Return disbursements by state (from the state counts), the ages of the oldest unsettled, and halts."""
    found = await _halt_gauges(connection, clock.now())
    for row in await view_state_counts(connection):
        labels = {name: row[name] for name in ("state", "partner", "benefit", "reason")}
        found.append(Gauge("salur_disbursements", float(row["disbursements"]), labels))
        found.append(Gauge("salur_disbursements_rupiah", float(row["rupiah"]), labels))
    now = clock.now()
    return found + [_age(row, now) for row in await view_oldest(connection)]


async def _halt_gauges(connection: Connection, now: datetime) -> list[Gauge]:
    """Return the gauges of all scopes; a scope that is not halted has the value 0."""
    rows = {row["scope"]: row for row in await view_halts(connection)}
    found = []
    for scope in (ALL_PARTNERS, *PARTNERS):
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


def _references(context: Context, participant_id: str, disbursement: Record) -> list[str]:
    """Return the references of all attempts made so far."""
    key = (disbursement["lane"], participant_id, disbursement["redeem_code"], disbursement["benefit"])
    return [context.attempt_reference(*key, number) for number in range(1, disbursement["attempt"] + 1)]


async def _transfers(
    connection: Connection, references: Sequence[str], disbursements: Sequence[Record]
) -> Sequence[Record]:
    if not references:
        return []
    since = min(d["due_at"] for d in disbursements)
    return await view_transfers(connection, references, since, max(d["changed_at"] for d in disbursements))


def _training(enrollment: Record, answers: Sequence[Record], dues: Sequence[Record]) -> View:
    """Return an enrollment with its survey answers, and what is to fall due with it by the clock."""
    code = enrollment["redeem_code"]
    answered = {row["survey"]: write_time(row["answered_at"]) for row in answers if row["redeem_code"] == code}
    to_come = {row["benefit"]: write_time(row["due_at"]) for row in dues if row["redeem_code"] == code}
    return _view(enrollment) | {"survey_answers": answered, "falls_due": to_come}


def _of_disbursement(rows: Sequence[Record], disbursement: Record) -> list[View]:
    """Return the rows of one disbursement without its key."""
    own = [
        r for r in rows if (r["redeem_code"], r["benefit"]) == (disbursement["redeem_code"], disbursement["benefit"])
    ]
    return [{name: value for name, value in _view(r).items() if name not in ("redeem_code", "benefit")} for r in own]


def _view(row: Record) -> View:
    return {name: write_time(value) if isinstance(value, datetime) else value for name, value in row.items()}
