"""Reason table: what follows from a reason code of ISO 20022, and from a response code of SNAP.

The codes are those of ISO 20022 (external status and return reasons) that may be given for a credit transfer. A code
that is not listed is cured by another account or by an operator, as is a failure without a reason. A partner that
speaks SNAP translates at its end: `snap` lists what arrives as this reason.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from services.payment.domain.disbursement import HoldReason


class ReportAction(StrEnum):
    """Action that follows from a report."""

    SETTLED = "settled"
    WAIT = "wait"
    RETRY_LATER = "retry_later"
    HOLD_FOR_PAYEE = "hold_for_payee"
    HOLD_FOR_PAYEE_OR_OPERATOR = "hold_for_payee_or_operator"
    HOLD_FOR_OPERATOR = "hold_for_operator"
    HALT_PARTNER = "halt_partner"
    FINAL = "final"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Action after a report, and the hold reason if it leads to a hold."""

    action: ReportAction
    reason: HoldReason | None = None


class Reason(NamedTuple):
    """Row of the table. `snap`: response codes, HTTP status, service and case, with `xx` for any service."""

    code: str
    meaning: str
    verdict: Verdict
    snap: tuple[str, ...] = ()


class SnapAnswer(NamedTuple):
    """Answer in SNAP that is no failure. `report`: what the partner reports of it, None: nothing yet."""

    code: str
    meaning: str
    action: ReportAction
    report: str | None


INVALID = Verdict(ReportAction.HOLD_FOR_PAYEE, HoldReason.ACCOUNT_INVALID)
CLOSED = Verdict(ReportAction.HOLD_FOR_PAYEE, HoldReason.ACCOUNT_CLOSED)
FULL = Verdict(ReportAction.HOLD_FOR_PAYEE, HoldReason.ACCOUNT_FULL)
LATER = Verdict(ReportAction.RETRY_LATER, HoldReason.PARTNER_PAUSED)
HALT = Verdict(ReportAction.HALT_PARTNER, HoldReason.HALTED)
OPERATOR = Verdict(ReportAction.HOLD_FOR_OPERATOR, HoldReason.NEEDS_APPROVAL)
"""A duplicate, fraud, a regulator, or a rejection whose own reason says that money may have moved: frozen."""
EITHER = Verdict(ReportAction.HOLD_FOR_PAYEE_OR_OPERATOR, HoldReason.PARTNER_REJECTED)
FINAL = Verdict(ReportAction.FINAL)

REASONS = (
    Reason("AC01", "the account number is wrong or missing", INVALID, ("404xx11",)),
    Reason("AC02", "our own account at the partner is invalid", HALT),
    Reason("AC03", "the payee's account number is invalid or missing", INVALID),
    Reason("AC04", "the account is closed", CLOSED, ("403xx18",)),
    Reason("AC05", "our own account at the partner is closed", HALT),
    Reason("AC06", "the account is blocked or dormant", INVALID, ("403xx09",)),
    Reason("AC07", "the payee's account is closed", CLOSED),
    Reason("AC08", "the branch of the account is wrong or missing", INVALID),
    Reason("AC09", "the account's currency is wrong or missing", INVALID),
    Reason("AC10", "our own account has another currency", HALT),
    Reason("AC11", "the payee's account has another currency", INVALID),
    Reason("AC12", "the type of account is wrong or missing", INVALID),
    Reason("AC13", "our own account is of the wrong type", HALT),
    Reason("AC14", "the payee's account is of the wrong type", INVALID),
    Reason("AC15", "the details of the account have changed", INVALID),
    Reason("AC16", "the number of the card is invalid", INVALID),
    Reason("BE01", "the account belongs to somebody else", INVALID),
    Reason("BE06", "the partner does not know the customer, or no longer", INVALID),
    Reason("BE23", "the phone number or address that stands for the account is unknown", INVALID),
    Reason("CNOR", "the payee's bank is not registered", INVALID),
    Reason("NOCM", "the account does not meet what regulators ask for", INVALID),
    Reason("RC04", "the payee's bank is named wrongly", INVALID),
    Reason("RC07", "the code of the payee's bank is wrong or missing", INVALID),
    Reason("RC10", "the payee's bank is no member of the clearing system", INVALID),
    Reason("UCRD", "the payee is unknown", INVALID),
    Reason("AM02", "more than this account may receive at once", FULL, ("403xx02",)),
    Reason("AM14", "more than was agreed with the customer", FULL, ("403xx23",)),
    Reason("AM21", "the limit of the account is exceeded", FULL),
    Reason("AB01", "clearing timed out and was aborted", LATER),
    Reason("AB02", "clearing was aborted by an error", LATER),
    Reason("AB03", "settlement timed out and was aborted", LATER),
    Reason("AB04", "settlement was aborted by an error", LATER),
    Reason("AB05", "the payee's bank timed out, and the payment was stopped", LATER),
    Reason("AB06", "a bank on the way timed out, and the payment was stopped", LATER),
    Reason("AB07", "a bank on the way is offline", LATER),
    Reason("AB08", "the payee's bank is offline", LATER),
    Reason("AB09", "an error at the payee's bank stopped the payment", LATER),
    Reason("AB10", "an error at a bank on the way stopped the payment", LATER),
    Reason("AB11", "our own bank timed out, and the payment was stopped", LATER),
    Reason("AG11", "the payee's bank is suspended", LATER),
    Reason("AM23", "the settlement limit is exceeded", LATER, ("403xx04",)),
    Reason("DC02", "the banks have not settled among themselves", LATER),
    Reason("DT03", "no bank works on that day", LATER),
    Reason("DT05", "after the day of the cut-off", LATER),
    Reason("ED05", "settlement failed", LATER),
    Reason("ED06", "the settlement system is not available", LATER),
    Reason("FF10", "the partner's own system failed", LATER),
    Reason("FF11", "the clearing request was aborted", LATER),
    Reason(
        "TM01",
        "after the cut-off time, or too many at once",
        LATER,
        (
            "403xx06",
            "429xx00",
        ),
    ),
    Reason("AG01", "we may not do this kind of transaction", HALT),
    Reason("AG05", "the country of our own bank is wrong or missing", HALT),
    Reason("AG08", "our access is missing or not valid", HALT, ("401xx..",)),
    Reason("AG10", "our own bank is suspended", HALT),
    Reason("AM04", "our own account is short", HALT, ("403xx14",)),
    Reason("BE07", "our own address is missing", HALT),
    Reason("BE08", "our own name is missing", HALT),
    Reason("BE10", "our own country is wrong or missing", HALT),
    Reason("BE16", "our own identification is wrong or missing", HALT),
    Reason("DNOR", "our own bank is not registered", HALT),
    Reason("RC03", "our own bank is named wrongly", HALT),
    Reason("RC06", "the code of our own bank is wrong or missing", HALT),
    Reason("RC09", "our own bank is no member of the clearing system", HALT),
    Reason("RR01", "the regulator asks for more about our own account", HALT),
    Reason("RR02", "the regulator asks for our own name and address", HALT),
    Reason("AG09", "the payment never arrived, by the partner's answer", OPERATOR),
    Reason("AM05", "a duplicate", OPERATOR),
    Reason("AM07", "the amount was blocked by a regulator", OPERATOR),
    Reason("AM09", "the amount is not the one expected", OPERATOR),
    Reason("CH19", "no refusal: the day of settlement was moved", OPERATOR),
    Reason("CN01", "its authorisation was cancelled", OPERATOR),
    Reason("CUST", "our own side asked to cancel it", OPERATOR),
    Reason("DS01", "no refusal: the signature is valid", OPERATOR),
    Reason("DS02", "a user of ours cancelled the order", OPERATOR),
    Reason("DS05", "no refusal: the order was passed on", OPERATOR),
    Reason("DS06", "no refusal: the order waits for signatures", OPERATOR),
    Reason("DS07", "no refusal: the order was carried out", OPERATOR),
    Reason("DT06", "no refusal: the day was changed so that it can be paid", OPERATOR),
    Reason("DU01", "a duplicate: the message was sent before", OPERATOR),
    Reason("DU02", "a duplicate: its group of payments was sent before", OPERATOR),
    Reason("DU03", "a duplicate: the transaction was sent before", OPERATOR),
    Reason("DU04", "a duplicate: the reference was used before", OPERATOR),
    Reason("DU05", "a duplicate: the instruction was sent before", OPERATOR),
    Reason("DUPL", "a duplicate of another payment", OPERATOR),
    Reason("FOCR", "sent back after a request to cancel", OPERATOR),
    Reason(
        "FR01",
        "suspected fraud",
        OPERATOR,
        (
            "403xx03",
            "403xx05",
        ),
    ),
    Reason("FRAD", "fraudulent origin", OPERATOR),
    Reason("G000", "outcome unknown: passed on, and tracked", OPERATOR),
    Reason("G001", "outcome unknown: passed on, and not tracked", OPERATOR),
    Reason("G002", "outcome unknown: the credit is not confirmed yet", OPERATOR),
    Reason("G003", "outcome unknown: the credit waits for documents", OPERATOR),
    Reason("G004", "outcome unknown: the credit waits for funds", OPERATOR),
    Reason("G005", "outcome unknown: delivered to the payee's bank", OPERATOR),
    Reason("G006", "outcome unknown: delivered to the payee's bank, without a promise", OPERATOR),
    Reason("NOOR", "the original payment was never received", OPERATOR),
    Reason("RCON", "it conflicts with a return or a cancellation", OPERATOR),
    Reason("RF01", "a duplicate: the reference is not unique", OPERATOR),
    Reason("RR04", "a regulatory reason", OPERATOR),
    Reason("S000", "outcome unknown: a cancellation is acknowledged", OPERATOR),
    Reason("S001", "outcome unknown: flagged for cancellation", OPERATOR),
    Reason("S002", "outcome unknown: stopped on its way by the network", OPERATOR),
    Reason("S003", "outcome unknown: a cancellation was passed on", OPERATOR),
    Reason("S004", "outcome unknown: a cancellation was delivered", OPERATOR),
    Reason("TS01", "no refusal: the file was received", OPERATOR),
    Reason("UPAY", "the payment is not justified", OPERATOR),
    Reason("LEGL", "a court or the law forbids it", FINAL),
    Reason("MD07", "the payee has died", FINAL),
    Reason("AG02", "the kind of operation is not valid for the receiver", EITHER),
    Reason("AG03", "the account does not take this kind of transaction", EITHER),
    Reason("AG04", "the country of a bank is wrong or missing", EITHER),
    Reason("AG06", "the country of the payee's bank is wrong or missing", EITHER),
    Reason("AG12", "a transfer within one bank is not taken", EITHER),
    Reason("AGNT", "a bank on the way is wrong", EITHER),
    Reason("AM01", "the amount is zero", EITHER),
    Reason("AM03", "the currency is not taken", EITHER),
    Reason("AM06", "less than the agreed minimum", EITHER),
    Reason("AM11", "the currency is wrong or missing", EITHER),
    Reason("AM12", "the amount is wrong or missing", EITHER),
    Reason("AM13", "more than the clearing system takes", EITHER),
    Reason("AM15", "less than the clearing system takes", EITHER),
    Reason("BE04", "the payee's address is missing", EITHER),
    Reason("BE05", "the payee does not know who pays", EITHER),
    Reason("BE09", "a country is wrong or missing", EITHER),
    Reason("BE11", "the payee's country is wrong or missing", EITHER),
    Reason("BE15", "an identification is wrong or missing", EITHER),
    Reason("BE17", "the payee's identification is wrong or missing", EITHER),
    Reason("BE21", "a name is missing", EITHER),
    Reason("BE22", "the payee's name is missing", EITHER),
    Reason("CH03", "the day is too far ahead", EITHER),
    Reason("CH04", "the day is too long ago", EITHER),
    Reason("CH16", "a field has the wrong form", EITHER),
    Reason("CH17", "a field is not admitted", EITHER),
    Reason("CH20", "the amount has too many decimals", EITHER),
    Reason("CH21", "a field is missing", EITHER),
    Reason("CURR", "the currency is wrong", EITHER),
    Reason("DS04", "the bank refused the order for its content", EITHER),
    Reason("DT01", "a date is wrong", EITHER),
    Reason("DT02", "the time of creation is wrong", EITHER),
    Reason("DT04", "a day in the future is not taken", EITHER),
    Reason("ED01", "no correspondent bank", EITHER),
    Reason("ED03", "more is asked for the balance of payments", EITHER),
    Reason("FF01", "the format is wrong", EITHER),
    Reason("FF02", "the syntax is wrong", EITHER, ("400xx..",)),
    Reason("FF03", "the type of payment is wrong or missing", EITHER),
    Reason("FF04", "the level of service is wrong or missing", EITHER),
    Reason("FF05", "the local instrument is wrong or missing", EITHER),
    Reason("FF06", "the category of purpose is wrong or missing", EITHER),
    Reason("FF07", "the purpose is wrong or missing", EITHER),
    Reason("FF08", "the reference is wrong or missing", EITHER),
    Reason("MD06", "the payee sent it back", EITHER),
    Reason("MS02", "refused by the customer, no reason given", EITHER),
    Reason("MS03", "refused by the bank, no reason given", EITHER),
    Reason("NARR", "the reason stands in words", EITHER),
    Reason("NOAS", "the payee does not answer", EITHER),
    Reason("RC01", "the code of a bank has the wrong form", EITHER),
    Reason("RC02", "a bank is named wrongly", EITHER),
    Reason("RC05", "the code of a bank is wrong or missing", EITHER),
    Reason("RC08", "a member of the clearing system is named wrongly", EITHER),
    Reason("RC11", "a bank on the way is named wrongly", EITHER),
    Reason("RECI", "more is known about the payee", EITHER),
    Reason("RR03", "the regulator asks for the payee's name and address", EITHER),
    Reason("RR05", "what the regulator asks for is missing", EITHER),
    Reason("RR06", "what the tax office asks for is missing", EITHER),
    Reason("RR07", "the text has the wrong form", EITHER),
    Reason("RR09", "the payee's reference is wrong", EITHER),
    Reason("RR10", "a character is not taken", EITHER),
    Reason("RR11", "a service of our bank is named wrongly", EITHER),
    Reason("RR12", "an identification that a country asks for is missing", EITHER),
    Reason("RUTA", "the payee's bank could not apply it", EITHER),
    Reason("SL01", "a service of our own bank refused it", EITHER),
    Reason("SL02", "a service of the payee's bank refused it", EITHER),
    Reason("SL03", "a service of the clearing system refused it", EITHER),
)

SNAP_ANSWERS = (
    SnapAnswer("200xx00", "successful", ReportAction.SETTLED, "settled"),
    SnapAnswer("202xx00", "in progress", ReportAction.WAIT, "accepted"),
    SnapAnswer("403xx16", "suspended", ReportAction.WAIT, None),
    SnapAnswer("404xx18", "the reference was used with other content: it may have been paid", ReportAction.WAIT, None),
    SnapAnswer("409xx00", "the request has the number of an earlier one of that day", ReportAction.WAIT, None),
    SnapAnswer("409xx01", "the reference was used before: that payment may have succeeded", ReportAction.WAIT, None),
    SnapAnswer("500xx00", "general error", ReportAction.WAIT, None),
    SnapAnswer("500xx01", "internal error", ReportAction.WAIT, None),
    SnapAnswer("504xx00", "timed out", ReportAction.WAIT, None),
)
"""Answers of SNAP besides those in the table. An outcome that is not known is never a failure: ask for the status."""
