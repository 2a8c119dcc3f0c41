"""What partners report about references, judged against what they were told."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from services.payment.domain import books
from services.payment.domain.attempt import Attempt, Contradiction, Judgement, Report, answered, judge
from services.payment.domain.books import Posting
from services.payment.domain.disbursement import PAID_OR_UNDER_WAY, Disbursement, State, accept, reject, settle
from services.payment.domain.funds import Purse
from services.payment.domain.verdict import FORBIDS_ANOTHER, Action, after_rejection, verdict_of
from services.payment.handlers import Context
from services.payment.handlers.announcing import announce
from services.payment.handlers.bookkeeping import write_down
from services.payment.handlers.changing import Change, save_answered, save_changes
from services.payment.handlers.contradicting import note_contradictions
from services.payment.handlers.halting import halt_partner
from services.payment.handlers.paying import pay
from services.payment.handlers.spending import return_money
from services.payment.store.attempts import load_told, save_rejections
from shared.contracts.partner import DisbursementReported
from shared.contracts.reasons import ParkReason
from shared.contracts.topics import PARTNERS, disbursement_reports
from shared.messaging.message import Message
from shared.messaging.transaction import Transaction

WAITS_FOR_REFERENCE = "reference"
WAITS_FOR_CATCHING_UP = "catching_up"
MONEY_MAY_HAVE_MOVED = ("accepted", "settled")
PARTNER_OF = {disbursement_reports(partner): partner for partner in PARTNERS}


@dataclass(slots=True)
class News:
    """What the reports of a batch change. `known` are the rights that they speak of, as loaded."""

    attempts: dict[str, Attempt] = field(default_factory=dict)
    changes: dict[tuple[str, str], Change] = field(default_factory=dict)
    postings: list[Posting] = field(default_factory=list)
    returned: Counter[Purse] = field(default_factory=Counter)
    stopped_for: dict[str, set[str]] = field(default_factory=dict)
    answers: list[tuple[str, str, float]] = field(default_factory=list)
    traces: dict[tuple[str, str], str | None] = field(default_factory=dict)
    known: dict[tuple[str, str], Disbursement] = field(default_factory=dict)
    contradictions: list[Contradiction] = field(default_factory=list)


async def take_reports(context: Context, tx: Transaction, messages: Sequence[Message[DisbursementReported]]) -> None:
    """Takes in what partners say. A payment that we never asked a partner for stops it."""
    told = await load_told(tx.connection, {m.data.reference for m in messages})
    news, strangers = News(), []
    for message in messages:
        attempt, disbursement = told.get(message.data.reference, (None, None))
        if attempt is None:
            strangers.append(message)
            continue
        attempt = news.attempts.get(attempt.reference, attempt)
        if attempt.is_only_adopted:
            tx.wait(message, WAITS_FOR_REFERENCE, attempt.reference)
            continue
        if disbursement is None:
            raise LookupError(f"{attempt.reference} pays no right")
        right, report = disbursement.right, _report(message.data)
        if attempt.partner != _partner(message):
            strangers.append(message)
            if report.status in MONEY_MAY_HAVE_MOVED:
                _doubt(news, message, disbursement, report)
        elif _believed(tx, news, message, attempt, disbursement, report):
            news.traces[right] = message.trace
            news.answers.append((attempt.partner, report.status, _seconds_to_answer(tx, attempt)))
            news.attempts[attempt.reference] = answered(attempt, report)
            before, known = news.changes.get(right, (disbursement, disbursement))
            news.changes[right] = (before, _moved(context, tx, news, attempt.partner, known, report))
    context.answers.note(tx, news.answers)
    await _meet_strangers(tx, strangers)
    await _save(tx, news)
    now = {right: after for right, (_, after) in news.changes.items()}
    frozen = await note_contradictions(tx, news.contradictions, {**news.known, **now}, news.traces)
    now |= {d.right: d for d in frozen if d.right in now}
    # A cure may have come while the attempt was under way.
    await pay(context, tx, [d for d in now.values() if d.state is State.HELD], news.traces)


def _believed(
    tx: Transaction,
    news: News,
    message: Message[DisbursementReported],
    attempt: Attempt,
    disbursement: Disbursement,
    report: Report,
) -> bool:
    match judge(attempt, report):
        case Judgement.NEWS:
            return True
        case Judgement.AMOUNT_MISMATCH:
            tx.park(message, ParkReason.AMOUNT_MISMATCH, "/amount")
            if report.status in MONEY_MAY_HAVE_MOVED or report.reason in FORBIDS_ANOTHER:
                _doubt(news, message, disbursement, report)
        case Judgement.CONTRADICTS_FINAL:
            again = report.status == "rejected" and attempt.rejected_at is not None
            tx.park(message, ParkReason.CONTRADICTS_FINAL, "/reason" if again else "/status")
            _doubt(news, message, disbursement, report)
        case Judgement.REPEAT:
            pass
    return False


def _doubt(news: News, message: Message[DisbursementReported], disbursement: Disbursement, report: Report) -> None:
    right = disbursement.right
    news.known[right] = disbursement
    news.traces.setdefault(right, message.trace)
    news.contradictions.append(Contradiction(report, _partner(message), *right, disbursement.attempt))


def _seconds_to_answer(tx: Transaction, attempt: Attempt) -> float:
    """By our own clock on both ends, which may have been set back since."""
    return max(0.0, (tx.now - attempt.instructed_at).total_seconds())


def _moved(
    context: Context, tx: Transaction, news: News, partner: str, known: Disbursement, report: Report
) -> Disbursement:
    """The disbursement where the report takes it, said and posted."""
    verdict = verdict_of(report.status, report.reason)
    if verdict.action is Action.WAIT:
        moved = accept(known, tx.now + context.answer_within)
    elif verdict.action is Action.SETTLED:
        moved = settle(known)
        news.postings.append(books.settle(known))
    else:
        moved = after_rejection(known, verdict, tx.now + context.retry_after)
        news.postings.append(books.reject(known))
        news.returned[Purse(known.lane, known.wave, known.component)] += known.amount
        if verdict.action is Action.STOP_THE_PARTNER:
            news.stopped_for.setdefault(partner, set()).add(str(report.reason))
        announce(tx, reject(known), news.traces, report.reason)
    announce(tx, moved, news.traces, report.reason if moved.state is State.FAILED else None)
    return moved


async def _meet_strangers(tx: Transaction, strangers: Sequence[Message[DisbursementReported]]) -> None:
    """References that their partner never got from us. While a lane catches up, they may yet turn out to be ours."""
    outside_the_books = set()
    for message in strangers:
        if message.lane is not None and tx.catching_up(message.lane):
            tx.wait(message, WAITS_FOR_CATCHING_UP, str(message.lane), owner=message.data.reference)
        else:
            outside_the_books.add(_partner(message))
            tx.park(message, ParkReason.UNKNOWN_REFERENCE, "/reference")
    for partner in sorted(outside_the_books):
        await halt_partner(tx, partner, "reported a reference that was never sent to it")


async def _save(tx: Transaction, news: News) -> None:
    if not news.attempts:
        return
    believed = [c for c in news.changes.values() if c[1].state in PAID_OR_UNDER_WAY]
    await save_answered(tx, [(change, news.attempts[str(change[1].reference)]) for change in believed])
    if failed := [c for c in news.changes.values() if c[1].state not in PAID_OR_UNDER_WAY]:
        await save_rejections(tx.connection, [news.attempts[str(after.reference)] for _, after in failed])
        await save_changes(tx, failed)
    if news.returned:
        await return_money(tx, news.returned)
    await write_down(tx, news.postings)
    for partner, reasons in sorted(news.stopped_for.items()):
        await halt_partner(tx, partner, f"rejected with {', '.join(sorted(reasons))}")


def _partner(message: Message[DisbursementReported]) -> str:
    return PARTNER_OF[message.record.topic]


def _report(data: DisbursementReported) -> Report:
    return Report(
        reference=data.reference,
        status=data.status,
        amount=data.amount.value,
        reason=data.reason,
        partner_reference=data.partner_reference,
        reported_at=data.reported_at,
    )
