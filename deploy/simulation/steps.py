"""Steps of people: what a step holds is sent once the steps before it are, and all that they lead to is known."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum

from deploy.simulation.people import DEADLINES_PASSED_AT, Persona


class Act(StrEnum):
    """Something that a person does, or that is done about a person. PROVE is all evidence of a training."""

    APPLY = "apply, and link an account"
    BUY = "buy the first training"
    PROVE = "prove the first training"
    PROVE_IN_PART = "prove the first training but for its test"
    PROVE_REST = "prove the first training by its test"
    REOPEN = "have two operators reopen the first training"
    BUY_NEXT = "buy the second training"
    PROVE_NEXT = "prove the second training"
    BLOCK = "block"
    UNBLOCK = "unblock"
    VOID = "void the first training"
    REVOKE = "revoke evidence of the first training"
    LINK_ANOTHER = "link another account"
    ERASE = "erase"


Steps = Sequence[Sequence[Act]]

TRAIN = (Act.APPLY, Act.BUY, Act.PROVE)
ORDINARY: Steps = (TRAIN,)
REFUSED: Steps = ((Act.APPLY, Act.BUY),)
"""Steps of those who are not admitted, or whose only purchase is rejected."""

STEPS: Mapping[Persona, Steps] = {
    Persona.TOO_YOUNG: REFUSED,
    Persona.WRONG_BIRTH_DATE: REFUSED,
    Persona.SAME_NIK: REFUSED,
    Persona.ADMITTED_LATE: REFUSED,
    Persona.WAVE_FULL: REFUSED,
    Persona.TOO_DEAR: REFUSED,
    Persona.TOO_SHORT: REFUSED,
    Persona.CLASS_TOO_LARGE: REFUSED,
    Persona.ABOVE_APPROVED: REFUSED,
    Persona.NOT_APPROVED: REFUSED,
    Persona.BUYS_LATE: REFUSED,
    Persona.SEMI_BANSOS_OFFLINE: REFUSED,
    Persona.LAST_PLACE: ((Act.APPLY,),),
    Persona.SECOND_TRAINING: ((*TRAIN, Act.BUY_NEXT, Act.PROVE_NEXT),),
    Persona.BUYS_NEXT_LATE: (TRAIN, (Act.BUY_NEXT,)),
    Persona.BUYS_TOO_SOON: (TRAIN, (Act.BUY_NEXT,)),
    Persona.BUYS_WHILE_BLOCKED: ((Act.APPLY, Act.BLOCK), (Act.BUY,)),
    Persona.BLOCKED: ((Act.APPLY, Act.BLOCK), (Act.BUY, Act.PROVE)),
    Persona.UNBLOCKED: ((Act.APPLY, Act.BLOCK), (Act.BUY, Act.PROVE), (Act.UNBLOCK,)),
    Persona.BLOCKED_AFTERWARDS: (TRAIN, (Act.BLOCK,)),
    Persona.VOIDED_FIRST: ((Act.APPLY, Act.BUY, Act.VOID), (Act.BUY_NEXT, Act.PROVE_NEXT)),
    Persona.VOIDED_WHILE_HELD: (TRAIN, (Act.VOID,)),
    Persona.VOIDED_AFTERWARDS: (TRAIN, (Act.VOID,)),
    Persona.SEMI_BANSOS_VOIDED: (TRAIN, (Act.VOID,)),
    Persona.FRAUD_FOUND_FIRST: ((Act.APPLY, Act.BUY, Act.REVOKE), (Act.PROVE,)),
    Persona.FRAUD_FOUND_AFTERWARDS: (TRAIN, (Act.REVOKE,)),
    Persona.TEST_REVOKED: (TRAIN, (Act.REVOKE,)),
    Persona.NEVER_BUYS: ((Act.APPLY,),),
    Persona.HEARD_TOO_LATE: ((Act.APPLY,), (Act.BUY,)),
    Persona.NEXT_HEARD_TOO_LATE: (TRAIN, (Act.BUY_NEXT,)),
    Persona.REOPENED: ((Act.APPLY, Act.BUY, Act.PROVE_IN_PART), (Act.PROVE_REST, Act.REOPEN)),
    Persona.RETURNED: (TRAIN, (Act.LINK_ANOTHER,)),
    Persona.ERASED_FIRST: ((Act.APPLY,), (Act.ERASE,), (Act.BUY, Act.PROVE)),
    Persona.ERASED_WHILE_HELD: (TRAIN, (Act.ERASE,)),
    Persona.ERASED_AFTERWARDS: (TRAIN, (Act.ERASE,)),
}
TAKE_LATE_STEPS = frozenset({Persona.HEARD_TOO_LATE, Persona.NEXT_HEARD_TOO_LATE, Persona.REOPENED})
"""Personas whose further steps follow once all deadlines have passed, but for the cut-off."""


def steps_of(persona: Persona) -> Steps:
    return STEPS.get(persona, ORDINARY)


def steps_by(persona: Persona, at: datetime) -> int:
    """Return the number of steps that may have been taken by a time on the programme's clock."""
    waits = persona in TAKE_LATE_STEPS and at < DEADLINES_PASSED_AT
    return 1 if waits else len(steps_of(persona))


def acts_until(persona: Persona, steps: int | None = None) -> frozenset[Act]:
    """Return all acts of the first so many steps; None: of all steps."""
    return frozenset(act for step in steps_of(persona)[:steps] for act in step)
