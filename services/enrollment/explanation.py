"""Explanation of a participant: what this service decided, from its own rows. Other decisions become functions here."""

from collections.abc import Mapping

from asyncpg import Connection, Record

from services.enrollment.domain.purchase import Participant, Training, standing_at, turn_at
from services.enrollment.domain.scheme import Scheme, SchemeVersions
from services.enrollment.store.views import ParticipantViews, view_participant
from shared.contracts import completion, upstream
from shared.contracts.topics import ENROLLMENT_EVENTS
from shared.runtime.explanation import Decision, keyed_id, own_id
from shared.times import write_time


async def explain(schemes: Mapping[str, SchemeVersions], connection: Connection, participant_id: str) -> list[Decision]:
    """Return all decisions about a participant."""
    views = await view_participant(connection, participant_id)
    return decisions_of(schemes, views)


def decisions_of(schemes: Mapping[str, SchemeVersions], views: ParticipantViews) -> list[Decision]:
    """Return the decisions that a participant's rows record."""
    decisions = [_admission(views, row) for row in views.admissions]
    decisions += [_account(views, views.account)] if views.account else []
    decisions += [_block(views, row) for row in views.blocks]
    decisions += [_erasure(views, views.erasure)] if views.erasure else []
    for row in views.enrollments:
        decisions += [_purchase(schemes, views, row), *_milestones(row), *_void(views, row)]
    return decisions + [_forfeit(views, row) for row in views.forfeits]


def _admission(views: ParticipantViews, row: Record) -> Decision:
    return Decision(
        at=row["admitted_at"],
        decided_at=row["decided_at"],
        decision=row["state"],
        about=row["wave"],
        rule=f"admission.{row['reason'] or 'admitted'}",
        scheme=row["scheme"],
        scheme_version=row["scheme_version"],
        amounts={} if row["balance"] is None else {"balance": row["balance"]},
        facts={
            "quota": row["quota"],
            **{f"wave_{name}": row[name] for name in ("opens_at", "closes_at", "cut_off_at")},
        },
        caused_by=(keyed_id(upstream.PARTICIPANT_ADMITTED, views.participant_id, row["wave"]),),
        carried_by=_event(views, row["carried_by"]),
    )


def _account(views: ParticipantViews, row: Record) -> Decision:
    """Return the account that counts; earlier ones are not kept."""
    return Decision(
        at=row["linked_at"],
        decision="account_kept" if row["same_identity"] is None else "account_linked",
        rule="account.latest_linked",
        facts={name: row[name] for name in ("partner", "verified", "same_identity")},
        caused_by=(keyed_id(upstream.ACCOUNT_LINKED, views.participant_id, write_time(row["linked_at"])),),
        carried_by=None if row["same_identity"] is None else _event(views, row["carried_by"]),
    )


def _block(views: ParticipantViews, row: Record) -> Decision:
    cause = upstream.PARTICIPANT_BLOCKED if row["blocked"] else upstream.PARTICIPANT_UNBLOCKED
    return Decision(
        at=row["at"],
        decision="blocked" if row["blocked"] else "unblocked",
        rule="block.latest",
        facts={"reason": row["reason"]},
        caused_by=(keyed_id(cause, views.participant_id, write_time(row["at"])),),
        carried_by=_event(views, row["carried_by"]),
    )


def _erasure(views: ParticipantViews, row: Record) -> Decision:
    """Return the erasure; one that an operator made was caused by no event."""
    asked = () if row["who"] else (keyed_id(upstream.PARTICIPANT_ERASED, views.participant_id),)
    return Decision(
        at=row["erased_at"],
        decision="participant_erased",
        rule="erasure.for_ever",
        facts={"who": row["who"]},
        caused_by=asked,
        carried_by=_event(views, row["carried_by"]),
    )


def _purchase(schemes: Mapping[str, SchemeVersions], views: ParticipantViews, row: Record) -> Decision:
    state = "confirmed" if row["state"] == "voided" else row["state"]
    amounts, turn = {"price": row["price"]}, dict[str, object]()
    if participant := _participant(views):
        before = _balance_before(views, participant, row)
        amounts["balance_before"] = before
        if state == "confirmed":
            amounts["balance_after"] = before - row["price"]
        turn = _turn(_version(schemes, row), views, participant, row)
    return Decision(
        at=row["purchased_at"],
        # A void leaves its own time in the row.
        decided_at=None if row["state"] == "voided" else row["decided_at"],
        decision=f"purchase_{state}",
        about=row["redeem_code"],
        rule=f"purchase.{row['reason'] or 'confirmed'}",
        scheme=row["scheme"],
        scheme_version=row["scheme_version"],
        amounts=amounts,
        facts={
            **{name: row[name] for name in ("provider_id", "course_code", "course_version", "ends_at", "due_at")},
            **turn,
        },
        caused_by=(keyed_id(upstream.TRAINING_PURCHASED, row["redeem_code"]),),
        carried_by=None if state == "undecided" else _event(views, row["carried_by"]),
    )


def _milestones(row: Record) -> list[Decision]:
    """Return what completion announced of a training, as far as the next purchase depends on it."""
    known = (
        ("completed", "completed_at", completion.COMPLETION_CONFIRMED),
        ("rated", "rated_at", completion.TRAINING_RATED),
        ("completion_revoked", "revoked_at", completion.COMPLETION_REVOKED),
    )
    return [
        Decision(
            at=row[column],
            decision=decision,
            about=row["redeem_code"],
            rule="milestone.first",
            caused_by=(keyed_id(cause, row["redeem_code"]),),
        )
        for decision, column, cause in known
        if row[column] is not None
    ]


def _void(views: ParticipantViews, row: Record) -> list[Decision]:
    if row["voided_at"] is None:
        return []
    acts = row["state"] == "voided"
    return [
        Decision(
            at=row["voided_at"],
            decided_at=row["decided_at"] if acts else None,
            decision="training_voided",
            about=row["redeem_code"],
            rule="void.price_back" if acts else "void.noted",
            amounts={"balance_back": row["price"]} if acts else {},
            facts={"reason": row["void_reason"]},
            caused_by=(keyed_id(upstream.TRAINING_VOIDED, row["redeem_code"]),),
            carried_by=_event(views, row["void_carried_by"]) if acts else None,
        )
    ]


def _forfeit(views: ParticipantViews, row: Record) -> Decision:
    return Decision(
        at=row["falls_at"],
        decided_at=row["decided_at"],
        decision="balance_forfeited",
        about=row["wave"],
        rule=f"forfeit.{row['reason']}",
        amounts={"forfeited": row["amount"]},
        carried_by=_event(views, row["carried_by"]),
    )


def _event(views: ParticipantViews, number: int | None) -> str:
    return own_id(views.event_ids, ENROLLMENT_EVENTS, number)


def _balance_before(views: ParticipantViews, participant: Participant, row: Record) -> int:
    """Return what a purchase had to be paid from: the grant less what stood or was gone then, if decided before."""
    before = [_training(one) for one in _others(views, row) if _precedes(one, row)]
    forfeited: int = sum(one["amount"] for one in views.forfeits if _was_gone(one, row))
    return standing_at(row["purchased_at"], participant, before).left - forfeited


def _others(views: ParticipantViews, row: Record) -> list[Record]:
    """Return the other purchases that were confirmed."""
    confirmed = [one for one in views.enrollments if one["state"] in ("confirmed", "voided")]
    return [one for one in confirmed if one["redeem_code"] != row["redeem_code"]]


def _training(row: Record) -> Training:
    return Training(*(row[name] for name in Training.__slots__))


def _precedes(one: Record, row: Record) -> bool:
    """Return True if a training was confirmed before a purchase was decided, by the numbers of their events.

    Where one is not recorded or not decided yet, the order of purchase stands for it.
    """
    if one["carried_by"] is not None and row["carried_by"] is not None:
        return bool(one["carried_by"] < row["carried_by"])
    return bool((one["purchased_at"], one["redeem_code"]) < (row["purchased_at"], row["redeem_code"]))


def _was_gone(forfeit: Record, row: Record) -> bool:
    """Return True if an amount had been forfeited before a purchase was decided, by the numbers of their events."""
    if forfeit["carried_by"] is not None and row["carried_by"] is not None:
        return bool(forfeit["carried_by"] < row["carried_by"])
    return bool(forfeit["falls_at"] <= row["purchased_at"])


def _turn(scheme: Scheme | None, views: ParticipantViews, participant: Participant, row: Record) -> dict[str, object]:
    """Return the training that was bought before this one, and the last day for buying it."""
    if scheme is None:
        return {}
    others = {one["redeem_code"]: _training(one) for one in _others(views, row)}
    standing = standing_at(row["purchased_at"], participant, others.values())
    turn = turn_at(row["purchased_at"], participant, standing, scheme.purchase)
    last_days = [day for day in (turn.buy_by, participant.last_day) if day is not None]
    if turn.previous is None:
        return {"buy_by": min(last_days, default=None)}
    return {
        "previous": next(code for code, training in others.items() if training is turn.previous),
        "previous_completed_at": turn.previous.completed_at,
        "previous_reopened_at": turn.previous.reopened_at,
        "buy_by": min(last_days, default=None) if turn.previous.completed_at else None,
    }


def _participant(views: ParticipantViews) -> Participant | None:
    admitted = next((one for one in views.admissions if one["balance"] is not None), None)
    if admitted is None:
        return None
    return Participant(
        admitted["regency"], admitted["admitted_at"], admitted["balance"], cut_off_at=admitted["cut_off_at"]
    )


def _version(schemes: Mapping[str, SchemeVersions], row: Record) -> Scheme | None:
    versions = schemes[row["scheme"]].versions if row["scheme"] in schemes else ()
    return next((one for one in versions if one.version == row["scheme_version"]), None)
