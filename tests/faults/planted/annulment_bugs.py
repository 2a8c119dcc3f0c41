"""Planted bugs that pay for trainings which were voided or revoked."""

import pytest

from services.payment.handlers import cancellations, milestones
from tests.faults.planted import annulment_scenarios
from tests.faults.planted.bugs import Bug


def it_marks_no_payment_under_way(product: pytest.MonkeyPatch) -> None:
    """Cancel what is held, but leave what is at a partner unmarked."""

    async def nothing(*_: object) -> None:
        pass

    product.setattr(cancellations, "annul_disbursements", nothing)


def it_forgets_instructions_for_annulled_trainings(product: pytest.MonkeyPatch) -> None:
    """Let nothing fall due with an annulled training, though it was instructed before a restore."""

    async def nothing(*_: object) -> list[object]:
        return []

    product.setattr(milestones, "load_instructed_before", nothing)


BUGS = (
    Bug(
        it_marks_no_payment_under_way,
        annulment_scenarios.a_training_is_voided_before_its_payment_settles,
        "was paid under",
    ),
    Bug(
        it_forgets_instructions_for_annulled_trainings,
        annulment_scenarios.a_void_is_read_before_its_completion_after_a_restore,
        "was instructed before a restore, and no entitlement read since explains it",
    ),
)
