"""Explanation of a participant: what this service decided, from its own rows. Other decisions become functions here."""

import json
from dataclasses import replace
from datetime import datetime

from asyncpg import Connection, Record

from services.payment.context import Context
from services.payment.domain.entitlement import COMPLETED, RATED
from services.payment.store.views import ParticipantViews, view_participant
from shared.contracts.partner import DISBURSEMENT_REPORTED
from shared.contracts.topics import COMPLETION_EVENTS, ENROLLMENT_EVENTS, PAYMENT_EVENTS, disbursement_reports
from shared.runtime.explanation import Decision, keyed_id, own_id, read_ids


async def explain(context: Context, connection: Connection, participant_id: str) -> list[Decision]:
    """Return all decisions about a participant."""
    views = await view_participant(connection, participant_id, context.references_of)
    decisions = [_account(views, views.account)] if views.account else []
    decisions += [_block(views, row) for row in views.blocks]
    decisions += _erasure(views, views.erasure) if views.erasure else []
    for enrollment in views.enrollments:
        decisions += _milestones(views, enrollment)
    decisions += [_survey(views, row) for row in views.survey_answers]
    decisions += [_due(views, row) for row in views.disbursements]
    decisions += [_hold(views, row) for row in views.holds]
    for attempt in views.attempts:
        decisions += _attempt(views, attempt)
    for disbursement in views.disbursements:
        decisions += _state(views, disbursement)
    decisions += [_contradiction(row) for row in views.contradictions]
    decisions += [_approval(row) for row in views.approvals]
    decisions += [_confirmation(row) for row in views.confirmations]
    for claim in views.claims:
        decisions += _claim(views, claim)
    return [_under_scheme(views, decision) for decision in decisions]


def _under_scheme(views: ParticipantViews, decision: Decision) -> Decision:
    """Return a decision about a training, or a right to money for it, with the scheme of the training."""
    code = (decision.about or "").partition("/")[0]
    row = next((one for one in views.enrollments if one["redeem_code"] == code), None)
    return replace(decision, scheme=row["scheme"], scheme_version=row["scheme_version"]) if row else decision


def _right(row: Record) -> str:
    """Return the name of a right: the benefit of a training."""
    return f"{row['redeem_code']}/{row['benefit']}"


def _account(views: ParticipantViews, row: Record) -> Decision:
    """Return the account that counts; earlier ones are not kept."""
    return Decision(
        at=row["linked_at"],
        decision="account_linked",
        rule="account.latest_linked",
        facts={name: row[name] for name in ("partner", "verified", "same_identity")},
        caused_by=read_ids(views.event_ids, ENROLLMENT_EVENTS, row["caused_by"]),
    )


def _block(views: ParticipantViews, row: Record) -> Decision:
    return Decision(
        at=row["at"],
        decision="blocked" if row["blocked"] else "unblocked",
        rule="block.latest",
        caused_by=read_ids(views.event_ids, ENROLLMENT_EVENTS, row["caused_by"]),
    )


def _erasure(views: ParticipantViews, row: Record) -> list[Decision]:
    """Return the erasure; nothing while only our own events tell it, which have no time of it."""
    if row["erased_at"] is None:
        return []
    caused_by = read_ids(views.event_ids, ENROLLMENT_EVENTS, row["caused_by"])
    return [Decision(at=row["erased_at"], decision="participant_erased", rule="erasure.for_ever", caused_by=caused_by)]


def _milestones(views: ParticipantViews, row: Record) -> list[Decision]:
    known = (
        ("completed", "completed_at", "milestone.first", COMPLETION_EVENTS, "completion_caused_by"),
        ("rated", "rated_at", "milestone.first", COMPLETION_EVENTS, "rating_caused_by"),
        ("training_voided", "voided_at", "annulment.earns_nothing_more", ENROLLMENT_EVENTS, "void_caused_by"),
        ("completion_revoked", "revoked_at", "annulment.earns_nothing_more", COMPLETION_EVENTS, "revocation_caused_by"),
    )
    return [
        Decision(
            at=row[column],
            decided_at=row["completion_noted_at"] if decision == "completed" else None,
            decision=decision,
            about=row["redeem_code"],
            rule=rule,
            caused_by=read_ids(views.event_ids, topic, row[cause]),
        )
        for decision, column, rule, topic, cause in known
        if row[column] is not None
    ]


def _survey(views: ParticipantViews, row: Record) -> Decision:
    return Decision(
        at=row["answered_at"],
        decision="survey_answered",
        about=row["redeem_code"],
        rule="milestone.first",
        facts={"survey": row["survey"]},
        caused_by=read_ids(views.event_ids, COMPLETION_EVENTS, row["caused_by"]),
    )


def _due(views: ParticipantViews, row: Record) -> Decision:
    promised = _promise(views, row)
    return Decision(
        at=row["due_at"],
        decided_at=row["due_at"],
        decision="right_due",
        about=_right(row),
        rule=f"due.{'monthly' if 'months_after' in promised else promised.get('milestone', 'not_promised')}",
        amounts={"amount": row["amount"]},
        facts={"wave": row["wave"], "payee": row["payee"], "provider_id": row["provider_id"]},
        caused_by=_causes_of_right(views, row),
        carried_by=own_id(views.event_ids, PAYMENT_EVENTS, row["carried_by"]),
    )


def _causes_of_right(views: ParticipantViews, row: Record) -> tuple[str, ...]:
    """Return the confirmation that promised a right, and the events by which its milestone was reached."""
    ids, code, milestone = views.event_ids, row["redeem_code"], str(_promise(views, row).get("milestone"))
    training = next(one for one in views.enrollments if one["redeem_code"] == code)
    answers = {one["survey"]: one["caused_by"] for one in views.survey_answers if one["redeem_code"] == code}
    reached = {COMPLETED: [], RATED: [training["rating_caused_by"]]}.get(milestone, [answers.get(milestone)])
    return (
        *read_ids(ids, ENROLLMENT_EVENTS, training["caused_by"]),
        *(
            one
            for number in (training["completion_caused_by"], *reached)
            for one in read_ids(ids, COMPLETION_EVENTS, number)
        ),
    )


def _promise(views: ParticipantViews, row: Record) -> dict[str, object]:
    """Return what the enrollment promised of a benefit."""
    texts = [one["benefits"] for one in views.enrollments if one["redeem_code"] == row["redeem_code"]]
    return next((one for text in texts for one in json.loads(text) if one["benefit"] == row["benefit"]), {})


def _hold(views: ParticipantViews, row: Record) -> Decision:
    return Decision(
        at=row["held_at"],
        decided_at=row["held_at"],
        decision="right_held",
        about=_right(row),
        rule=f"hold.{row['reason']}",
        facts={"partner": row["partner"], **_end_of_hold(views, row)},
        caused_by=_causes_of_hold(views, row),
        carried_by=own_id(views.event_ids, PAYMENT_EVENTS, row["carried_by"]),
    )


def _causes_of_hold(views: ParticipantViews, row: Record) -> tuple[str, ...]:
    """Return the block that covers a right, or the report whose event is the one before; else why it fell due."""
    if row["reason"] == "participant_blocked":
        block = _latest_block(views, row["held_at"])
        return read_ids(views.event_ids, ENROLLMENT_EVENTS, block["caused_by"] if block else None)
    for one in views.attempts if row["carried_by"] else ():
        for status, number in (("rejected", one["rejection_carried_by"]), ("returned", one["return_carried_by"])):
            if number == row["carried_by"] - 1:
                return (_report(one, status),)
    return _causes_of_right(views, row)


def _end_of_hold(views: ParticipantViews, row: Record) -> dict[str, object]:
    """Return when a hold ended and the event that said so: the next one about the right, by the numbers of all."""
    attempts = [one for one in views.attempts if _right(one) == _right(row)]
    references = {one["reference"] for one in attempts}
    later = [(one["carried_by"], one["instructed_at"]) for one in attempts]
    later += [(one["carried_by"], one["held_at"]) for one in views.holds if _right(one) == _right(row)]
    later += [(one["number"], one["at"]) for one in views.answers if one["reference"] in references]
    later += [(one["state_carried_by"], one["changed_at"]) for one in views.disbursements if _right(one) == _right(row)]
    follows = [(number, at) for number, at in later if number and row["carried_by"] and number > row["carried_by"]]
    if not follows:
        return {}
    number, ended_at = min(follows)
    return {"ended_at": ended_at, "ended_by": own_id(views.event_ids, PAYMENT_EVENTS, number)}


def _state(views: ParticipantViews, row: Record) -> list[Decision]:
    """Return how a right stands if no attempt or hold says it: how it ended, or held before holds were kept."""
    key = (row["redeem_code"], row["benefit"], row["reason"])
    match row["state"]:
        case "held" if key not in {(one["redeem_code"], one["benefit"], one["reason"]) for one in views.holds}:
            at, rule, causes = row["changed_at"], f"hold.{row['reason']}", _causes_of_right(views, row)
        case "failed":
            at, rule, causes = row["changed_at"], "report.final", (_final_report(views, row),)
        case "cancelled":
            at, rule, causes = (
                row["cancelled_at"],
                f"cancel.{row['annulled']}",
                _causes_of_end(views, row, row["annulled"]),
            )
        case "forfeited":
            at, rule, causes = row["changed_at"], "forfeit.cut_off", _causes_of_right(views, row)[:1]
        case _:
            return []
    return [
        Decision(
            at=at,
            decided_at=at,
            decision=f"right_{row['state']}",
            about=_right(row),
            rule=rule,
            amounts={"amount": row["amount"]},
            facts={"partner": row["partner"], "cut_off_at": row["cut_off_at"]},
            caused_by=causes,
            carried_by=own_id(views.event_ids, PAYMENT_EVENTS, row["state_carried_by"]),
        )
    ]


def _causes_of_end(views: ParticipantViews, row: Record, reason: str) -> tuple[str, ...]:
    """Return the event for which nothing more is paid: a void, a revocation, a block, or an erasure."""
    training = next(one for one in views.enrollments if one["redeem_code"] == row["redeem_code"])
    match reason:
        case "voided":
            return read_ids(views.event_ids, ENROLLMENT_EVENTS, training["void_caused_by"])
        case "revoked":
            return read_ids(views.event_ids, COMPLETION_EVENTS, training["revocation_caused_by"])
        case "blocked":
            block = _latest_block(views, row["opened_at"])
            return read_ids(views.event_ids, ENROLLMENT_EVENTS, block["caused_by"] if block else None)
        case _:
            return read_ids(views.event_ids, ENROLLMENT_EVENTS, views.erasure["caused_by"] if views.erasure else None)


def _latest_block(views: ParticipantViews, moment: datetime) -> Record | None:
    """Return the latest block up to a moment."""
    return next((one for one in reversed(views.blocks) if one["blocked"] and one["at"] <= moment), None)


def _final_report(views: ParticipantViews, row: Record) -> str:
    """Return the name of the report by which a right can never be paid."""
    attempt = next(one for one in views.attempts if one["reference"] == row["reference"])
    return _report(attempt, "returned" if attempt["returned_at"] else "rejected")


def _attempt(views: ParticipantViews, row: Record) -> list[Decision]:
    """Return an instruction and its partner's answers."""
    known = ("accepted", "settled", "rejected", "returned")
    return [
        Decision(
            at=row["instructed_at"],
            decided_at=row["instructed_at"],
            decision="attempt_instructed",
            about=_right(row),
            rule="pay.nothing_in_the_way",
            amounts={"amount": row["amount"]},
            facts={name: row[name] for name in ("reference", "number", "partner", "answer_by")},
            caused_by=_causes_of_right(views, row),
            carried_by=own_id(views.event_ids, PAYMENT_EVENTS, row["carried_by"]),
        ),
        *(_answer(views, row, status) for status in known if row[f"{status}_at"] is not None),
    ]


def _answer(views: ParticipantViews, row: Record, status: str) -> Decision:
    """Return what a partner answered. What it had rejected, and two persons confirmed, was settled by their word."""
    confirmed = status == "settled" and _is_confirmed(views, row)
    reason = f".{row['reason'] or 'without_reason'}" if status in ("rejected", "returned") else ""
    # A return settles besides what was not reported as settled before.
    told = "returned" if status == "settled" and row["settled_at"] == row["returned_at"] else status
    if status == "rejected" and row["rejected_at"] == row["not_found_at"]:
        told = "not_found"
    return Decision(
        at=row[f"{status}_at"],
        decision=f"attempt_{status}",
        about=_right(row),
        rule="confirmation.by_two" if confirmed else f"report.{status}{reason}",
        amounts={"amount": row["amount"]},
        facts={name: row[name] for name in ("reference", "partner", "partner_reference")},
        caused_by=() if confirmed else (_report(row, told),),
        carried_by=own_id(views.event_ids, PAYMENT_EVENTS, _number_of_answer(views, row, status)),
    )


def _number_of_answer(views: ParticipantViews, row: Record, status: str) -> int | None:
    """Return the number of the event that announced an answer.

    Of a reference one event said at most that it was accepted, and then one that it was settled.
    """
    if status in ("rejected", "returned"):
        failure: int | None = row["rejection_carried_by" if status == "rejected" else "return_carried_by"]
        return failure
    numbers: list[int] = [one["number"] for one in views.answers if one["reference"] == row["reference"]]
    settled = row["settled_at"] is not None and (row["rejected_at"] is None or _is_confirmed(views, row))
    if status == "settled":
        return numbers[-1] if settled and numbers else None
    return numbers[0] if len(numbers) > settled else None


def _is_confirmed(views: ParticipantViews, row: Record) -> bool:
    return row["reference"] in [one["reference"] for one in views.confirmations]


def _report(row: Record, status: str) -> str:
    """Return the name of a partner's report: one of each status of a reference, `not_found` one of each time."""
    topic = disbursement_reports(row["partner"])
    return keyed_id(DISBURSEMENT_REPORTED, row["reference"], status, topic=topic)


def _contradiction(row: Record) -> Decision:
    return Decision(
        at=row["reported_at"],
        decided_at=row["noted_at"],
        decision="contradiction_noted",
        about=_right(row),
        rule="report.contradicts",
        amounts={"amount": row["amount"]},
        facts={name: row[name] for name in ("reference", "partner", "status", "reason", "partner_reference")},
        caused_by=(_report(row, row["status"]),),
    )


def _approval(row: Record) -> Decision:
    return Decision(
        at=row["at"],
        decided_at=row["at"],
        decision="attempt_approved",
        about=_right(row),
        rule="approval.by_one" if row["second"] is None else "approval.by_two",
        amounts={"amount": row["amount"]},
        facts={name: row[name] for name in ("attempt", "partner", "who", "second")},
    )


def _confirmation(row: Record) -> Decision:
    return Decision(
        at=row["at"],
        decided_at=row["at"],
        decision="payment_confirmed",
        about=_right(row),
        rule="confirmation.by_two",
        facts={name: row[name] for name in ("reference", "who", "second")},
    )


def _claim(views: ParticipantViews, row: Record) -> list[Decision]:
    facts = {name: row[name] for name in ("claim", "debtor", "debtor_id", "due_at", "document")}
    amounts = {"amount": row["amount"]}
    opened = Decision(
        at=row["opened_at"],
        decision="claim_opened",
        about=_right(row),
        rule=f"claim.{row['reason']}",
        amounts=amounts,
        facts=facts,
        caused_by=_causes_of_claim(views, row),
        carried_by=own_id(views.event_ids, PAYMENT_EVENTS, row["carried_by"]),
    )
    if row["closed_at"] is None:
        return [opened]
    closed = Decision(
        at=row["closed_at"],
        decided_at=row["closed_at"],
        decision=f"claim_{row['state']}",
        about=_right(row),
        rule=f"claim.{row['state']}",
        amounts=amounts,
        facts=facts,
        carried_by=own_id(views.event_ids, PAYMENT_EVENTS, row["closing_carried_by"]),
    )
    return [opened, closed]


def _causes_of_claim(views: ParticipantViews, row: Record) -> tuple[str, ...]:
    """Return the event for which a payment was in vain, and the report of that payment."""
    reference = row["claim"].partition("-")[0]
    paid = next(one for one in views.attempts if one["reference"] == reference)
    ended = () if row["reason"] == "contradicted" else _causes_of_end(views, row, row["reason"])
    return (*ended, _report(paid, "settled"))
