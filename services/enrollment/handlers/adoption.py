"""After a restore: what was said of a NIK or a redeem code binds, so it is claimed before anything is read."""

from collections import defaultdict

from services.enrollment.handlers import NIK, REDEEM_CODE
from shared.contracts import enrollment
from shared.messaging.subscription import Tail
from shared.messaging.transaction import Transaction


async def adopt(tx: Transaction, tail: Tail) -> None:
    """Takes the claims again. A hole does no harm: what is missing is decided anew from what upstream sent.

    Raises RuntimeError when somebody else holds what was said to be theirs.
    """
    wanted: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for _, event in tail.events():
        match event.type:
            case enrollment.PARTICIPANT_ADMITTED.name:
                admitted = enrollment.PARTICIPANT_ADMITTED.parse(event.data)
                wanted[NIK][admitted.identity_index] = admitted.participant_id
            case enrollment.ENROLLMENT_CONFIRMED.name:
                confirmed = enrollment.ENROLLMENT_CONFIRMED.parse(event.data)
                wanted[REDEEM_CODE][confirmed.redeem_code] = confirmed.participant_id
            case enrollment.ENROLLMENT_REJECTED.name:
                rejected = enrollment.ENROLLMENT_REJECTED.parse(event.data)
                wanted[REDEEM_CODE][rejected.redeem_code] = rejected.participant_id
    for kind, owners in sorted(wanted.items()):
        if await tx.claim(kind, owners) != owners:
            raise RuntimeError(f"what was said of a {kind} contradicts what is known")
