"""Planted bugs that pay after a change of mind: for annulled trainings, to blocked participants and erased ones."""

from typing import Any

import pytest

from services.payment.handlers import cancellations, milestones
from services.payment.payout import claims, plan
from services.payment.store.erasures import Barred, load_barred
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


def it_looks_for_no_blocks(product: pytest.MonkeyPatch) -> None:
    """Pay what falls due whether its participant is blocked or not."""

    async def none_blocked(*arguments: Any) -> Barred:
        return Barred({}, (await load_barred(*arguments)).erased)

    product.setattr(plan, "load_barred", none_blocked)


def it_pays_after_an_erasure(product: pytest.MonkeyPatch) -> None:
    """Cancel what is held at an erasure, but pay what falls due later."""

    async def none_erased(*arguments: Any) -> Barred:
        return Barred((await load_barred(*arguments)).blocks, ())

    product.setattr(plan, "load_barred", none_erased)


def it_claims_nothing_that_settles_after_a_block(product: pytest.MonkeyPatch) -> None:
    """Claim cash when a block is read, but not when a report is."""

    async def nobody(*_: object) -> dict[str, object]:
        return {}

    product.setattr(claims, "load_blocks", nobody)


BUGS = (
    Bug(
        it_looks_for_no_blocks,
        annulment_scenarios.a_training_of_a_blocked_participant_is_completed,
        "was instructed while its participant was blocked",
    ),
    Bug(
        it_pays_after_an_erasure,
        annulment_scenarios.a_training_of_an_erased_participant_is_completed,
        "was instructed after its participant was erased",
    ),
    Bug(
        it_claims_nothing_that_settles_after_a_block,
        annulment_scenarios.cash_settles_after_a_block,
        "was paid under",
    ),
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
