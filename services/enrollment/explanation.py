"""Explanation of a participant: what this service decided, from its own rows. Other decisions become functions here."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta

from asyncpg import Connection, Record

from services.enrollment.domain.calendar import jakarta_day
from services.enrollment.domain.scheme import Scheme, SchemeVersions
from services.enrollment.store.views import ParticipantViews, view_participant
from shared.contracts.topics import ENROLLMENT_EVENTS
from shared.runtime.explanation import Decision, own_id


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
        carried_by=_event(views, row["carried_by"]),
    )


def _account(views: ParticipantViews, row: Record) -> Decision:
    """Return the account that counts; earlier ones are not kept."""
    return Decision(
        at=row["linked_at"],
        decision="account_kept" if row["same_identity"] is None else "account_linked",
        rule="account.latest_linked",
        facts={name: row[name] for name in ("partner", "verified", "same_identity")},
        carried_by=None if row["same_identity"] is None else _event(views, row["carried_by"]),
    )


def _block(views: ParticipantViews, row: Record) -> Decision:
    return Decision(
        at=row["at"],
        decision="blocked" if row["blocked"] else "unblocked",
        rule="block.latest",
        facts={"reason": row["reason"]},
        carried_by=_event(views, row["carried_by"]),
    )


def _erasure(views: ParticipantViews, row: Record) -> Decision:
    return Decision(
        at=row["erased_at"],
        decision="participant_erased",
        rule="erasure.for_ever",
        carried_by=_event(views, row["carried_by"]),
    )


def _purchase(schemes: Mapping[str, SchemeVersions], views: ParticipantViews, row: Record) -> Decision:
    state = "confirmed" if row["state"] == "voided" else row["state"]
    before = _balance_before(views, row)
    amounts = {"price": row["price"]} | ({} if before is None else {"balance_before": before})
    if state == "confirmed" and before is not None:
        amounts["balance_after"] = before - row["price"]
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
            **_turn(schemes, views, row),
        },
        carried_by=None if state == "undecided" else _event(views, row["carried_by"]),
    )


def _milestones(row: Record) -> list[Decision]:
    """Return what completion announced of a training, as far as the next purchase depends on it."""
    known = (("completed", "completed_at"), ("rated", "rated_at"), ("completion_revoked", "revoked_at"))
    return [
        Decision(at=row[column], decision=decision, about=row["redeem_code"], rule="milestone.first")
        for decision, column in known
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


def _balance_before(views: ParticipantViews, row: Record) -> int | None:
    """Return what a purchase had to be paid from: the grant less what stood or was gone then, if decided before."""
    granted = sum(admission["balance"] or 0 for admission in views.admissions)
    spent = sum(one["price"] for one in _standing(views, row) if _precedes(one, row))
    forfeited = sum(one["amount"] for one in views.forfeits if _was_gone(one, row))
    return granted - spent - forfeited if granted else None


def _standing(views: ParticipantViews, row: Record) -> list[Record]:
    """Return the other trainings that stood when this one was bought."""
    bought_at = row["purchased_at"]
    return [
        one
        for one in views.enrollments
        if one["redeem_code"] != row["redeem_code"]
        and one["state"] in ("confirmed", "voided")
        and (one["voided_at"] is None or bought_at < one["voided_at"])
    ]


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


def _turn(schemes: Mapping[str, SchemeVersions], views: ParticipantViews, row: Record) -> dict[str, object]:
    """Return the training that was bought before this one, and the last day for buying it."""
    scheme = _version(schemes, row)
    admission = next((one for one in views.admissions if one["balance"] is not None), None)
    if scheme is None or admission is None:
        return {}
    cut_off_at, bought_at = admission["cut_off_at"], row["purchased_at"]
    earlier = [one for one in _standing(views, row) if one["purchased_at"] <= bought_at]
    voids = [one["voided_at"] for one in views.enrollments if one["voided_at"] and one["voided_at"] <= bought_at]
    if not earlier:
        first_within = scheme.purchase.first_within_days
        return {"buy_by": _last_day([admission["admitted_at"], *voids], first_within, cut_off_at)}
    previous = earlier[-1]
    done = [previous[column] for column in ("completed_at", "reopened_at") if previous[column]]
    buy_by = _last_day([*done, *voids], scheme.purchase.next_within_days, cut_off_at) if done else None
    return {
        "previous": previous["redeem_code"],
        "previous_completed_at": previous["completed_at"],
        "previous_reopened_at": previous["reopened_at"],
        "buy_by": buy_by,
    }


def _last_day(starts: Sequence[datetime], days: int | None, cut_off_at: datetime | None) -> date | None:
    last_days = [] if days is None else [jakarta_day(max(starts)) + timedelta(days=days)]
    last_days += [] if cut_off_at is None else [jakarta_day(cut_off_at) - timedelta(days=1)]
    return min(last_days, default=None)


def _version(schemes: Mapping[str, SchemeVersions], row: Record) -> Scheme | None:
    versions = schemes[row["scheme"]].versions if row["scheme"] in schemes else ()
    return next((one for one in versions if one.version == row["scheme_version"]), None)
