"""Breaks that persons close: a decision, which moves no money."""

import re

from asyncpg import Connection

from services.payment.domain.reconciliation import BreakClass
from services.payment.reconciliation.reconcile import require_partner
from services.payment.store.statements import close_break, lock_break
from shared.errors import Refused
from shared.messaging.engine.operator import Operator, Outcome, require_second_person

DOCUMENT = re.compile(r"[A-Za-z0-9._/-]{1,64}")
VERB = "breaks close"


async def close(
    partner: str, reference: str, kind: BreakClass, document: str, connection: Connection, operator: Operator
) -> Outcome:
    """Close an open break for ever, as it stands. Two persons must where money moves, one if the day alone differs.

    Raise Refused for a partner that does not exist, a break that is not open, or a document that is no identifier.
    """
    require_partner(partner)
    if not DOCUMENT.fullmatch(document):
        raise Refused(f"{document} is no document: 1 to 64 letters, digits, dots, underscores, slashes or hyphens")
    known = await lock_break(connection, partner, reference, kind)
    if known is None:
        raise Refused(f"{partner} has no open break {kind} of {reference}; `breaks` shows those that it has")
    found = known.found
    content = {
        "partner": partner,
        "reference": reference,
        "class": kind.value,
        "instructed": found.instructed,
        "reported": found.reported,
        "stated": found.stated,
        "document": document,
    }
    amounts = ", ".join(f"{content[name]} {name}" for name in ("instructed", "reported", "stated") if content[name])
    what = f"{partner} {reference} {kind}: {amounts}"
    people: tuple[str, str | None] = (operator.who, None)
    if kind.takes_two_persons:
        first = await require_second_person(connection, operator, VERB, f"{partner} {reference} {kind}", content)
        if first is None:
            return Outcome(changed=True, sentence=f"{what}: {operator.who} has consented; a second person must")
        people = (first, operator.who)
    await close_break(connection, partner, known, operator.now, people, operator.why, document)
    await operator.record(connection, VERB, **content, first=people[0])
    return Outcome(changed=True, sentence=f"{what}: closed by {document}")
