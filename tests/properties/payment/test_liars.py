"""Property: a partner that lies can at worst be halted, or freeze rights; the books stay right, and others are paid."""

import asyncio
import os
from datetime import timedelta
from typing import NamedTuple

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.builders import LATER
from tests.integration.payment.facts import in_another_lane
from tests.integration.payment.harness import PaymentHarness
from tests.model.disbursement.known import CURES
from tests.model.disbursement.machine import LIMIT, LOTS, PERSON, Disbursements
from tests.model.disbursement.subject import Said, Subject, Training
from tests.properties.on_postgres import ON_POSTGRES
from tests.properties.payment.as_subject import AsSubject

RUNS = int(os.environ.get("JOURNEYS", "10"))
LIAR, HONEST = "gopay", "dana"
OTHER = in_another_lane(PERSON)
TRAININGS = (
    Training("PRAT00000001", PERSON, 1_500_000, 600_000),
    Training("PRAT00000002", OTHER, 1_200_000, 600_000),
    Training("PRAT00000003", OTHER, 900_000, 600_000),
)
EARLY, LATE = TRAININGS[:2], TRAININGS[2]
UNKNOWN = "0000000000000000"


class Lie(NamedTuple):
    """Report of the liar. `about`: which of all references, its own or another's; None: one that nobody sent.

    `then`: what its owners do after it.
    """

    about: int | None
    status: str
    amount: int | None
    reason: str
    times: int
    then: str


OWN = 1
"""The liar's first own reference among those of `begins`: fee, incentive, fee, incentive."""
LIES = st.builds(
    Lie,
    st.sampled_from([OWN, OWN, -1, -1, None, *range(8)]),
    st.sampled_from(["accepted", "settled", "rejected", "returned"]),
    st.sampled_from([None, None, None, 1, 599_999, 600_001, 10**12]),
    st.sampled_from([*CURES, "ZZ99"]),
    st.sampled_from([1, 1, 2]),
    st.sampled_from(["", "", "resume", "cure"]),
)


class Liars(Disbursements):
    """Two people are paid, one of them by a liar, and their provider by another partner."""

    trainings = TRAININGS
    start = LATER
    cut_off_at = LATER + timedelta(days=60)

    def __init__(self, harness: PaymentHarness, loop: asyncio.AbstractEventLoop) -> None:
        self.harness, self.loop = harness, loop
        super().__init__()

    def make_subject(self) -> Subject:
        return AsSubject(self.harness, self.loop, TRAININGS, LIMIT, self.cut_off_at)

    def instruct_all(self) -> None:
        for component in ("training", "incentive"):
            self._appropriate(component, 100 * LOTS)
        self._register("bni")
        self._link(LIAR)
        self._link(HONEST, OTHER)
        for training in EARLY:
            self.earn(training)

    def earn(self, training: Training) -> None:
        for kind in ("confirmed", "completed", "rated"):
            self._tell(kind, training.code)

    def hear(self, lie: Lie) -> None:
        known = None if lie.about is None else self.attempts[lie.about % len(self.attempts)].instructed
        reference, amount = (known.reference, known.amount) if known else (UNKNOWN, 600_000)
        reason = lie.reason if lie.status in ("rejected", "returned") else None
        said = Said(LIAR, reference, lie.status, lie.amount or amount, reason, self._go_on())
        for _ in range(lie.times):
            self._say(said)
        if lie.then == "resume" and self.oracle.halted:
            self._resume(LIAR)
        if lie.then == "cure":
            self._link(LIAR)
            self.time_passes(2)

    def pay_honestly(self) -> None:
        """Let the honest partners pay what they were instructed to."""
        for one in self.attempts:
            if one.is_open and one.instructed.partner != LIAR:
                self._report(one, "settled")


@example(lies=[Lie(OWN, "settled", None, "AC04", 1, ""), Lie(OWN, "returned", None, "ZZ99", 2, "cure")])
@example(lies=[Lie(0, "settled", None, "AC04", 1, ""), Lie(3, "returned", None, "FR01", 1, "resume")])
@given(lies=st.lists(LIES, min_size=5, max_size=20))
@settings(ON_POSTGRES, max_examples=RUNS)
def test_liar_can_at_worst_be_halted(harness: PaymentHarness, loop: asyncio.AbstractEventLoop, lies: list[Lie]) -> None:
    stage = Liars(harness, loop)
    stage.instruct_all()
    for lie in lies:
        stage.hear(lie)
    stage.earn(LATE)
    stage.pay_honestly()
    standing = stage.subject.seen().standing
    others = [*((training.code, "fee") for training in TRAININGS), (EARLY[1].code, "incentive_1")]
    assert [standing[key].state for key in others] == ["settled"] * len(others)
    assert set(loop.run_until_complete(harness.halts())) <= {LIAR}
    stage.teardown()
