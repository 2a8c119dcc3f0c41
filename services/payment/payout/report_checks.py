"""Checks of partners' reports: what does not fit the attempt under its reference is parked."""

from collections.abc import Sequence

from services.payment.domain.attempt import Attempt, Report, ReportCheck, classify_report, is_known
from services.payment.domain.claim import Claim
from services.payment.domain.deferral_kinds import CATCHING_UP
from services.payment.domain.reason_codes import FORBIDS_RETRY
from services.payment.payout.halts import halt_partner
from shared.contracts.park_reasons import ParkReason
from shared.contracts.partner import DisbursementReported
from shared.contracts.topics import PARTNERS, disbursement_reports
from shared.messaging.message import Message
from shared.messaging.transaction.transaction import Transaction

MONEY_MAY_HAVE_MOVED = ("accepted", "settled", "returned")
PARTNER_OF_REPORTS = {disbursement_reports(partner): partner for partner in PARTNERS}


def check_report(
    tx: Transaction, message: Message[DisbursementReported], attempt: Attempt, report: Report, claim: Claim | None
) -> ReportCheck:
    """Return how a report relates to its attempt, and park it if it does not fit.

    `claim`: the one on its reference that was not withdrawn.
    """
    check = classify_report(attempt, report, claim)
    if check is ReportCheck.AMOUNT_MISMATCH:
        tx.park(message, ParkReason.AMOUNT_MISMATCH, "/amount")
    elif check is ReportCheck.CONTRADICTS_FINAL:
        tx.park(message, ParkReason.CONTRADICTS_FINAL, "/reason" if is_known(attempt, report) else "/status")
    return check


def contradicts(check: ReportCheck, report: Report) -> bool:
    """Return True for a report after which the payment is doubted: its disbursement is frozen unless it is final."""
    if check is ReportCheck.AMOUNT_MISMATCH:
        return report.status in MONEY_MAY_HAVE_MOVED or report.reason in FORBIDS_RETRY
    return check is ReportCheck.CONTRADICTS_FINAL


async def park_unmatched(tx: Transaction, unmatched: Sequence[Message[DisbursementReported]]) -> None:
    """Park reports whose reference was never sent to that partner, and halt the partner.

    While the lane is catching up after a restore they are deferred instead: the reference may still turn up.
    """
    unmatched_partners = set()
    for message in unmatched:
        if message.lane is not None and tx.catching_up(message.lane):
            tx.defer(message, CATCHING_UP, str(message.lane), owner=message.data.reference)
        else:
            unmatched_partners.add(partner_of(message))
            tx.park(message, ParkReason.UNKNOWN_REFERENCE, "/reference")
    for partner in sorted(unmatched_partners):
        await halt_partner(tx, partner, "reported a reference that was never sent to it")


def partner_of(message: Message[DisbursementReported]) -> str:
    """Return the partner whose topic a report came on."""
    return PARTNER_OF_REPORTS[message.record.topic]


def report_of(data: DisbursementReported) -> Report:
    """Return what a report says of its reference."""
    return Report(
        reference=data.reference,
        status=data.status,
        amount=data.amount.value if data.amount else 0,
        reason=data.reason,
        partner_reference=data.partner_reference,
        reported_at=data.reported_at,
    )
