"""Forfeits of any lawful history: computed day by day, or once at its end, they are the same."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from services.enrollment.domain.forfeit import Forfeit
from services.enrollment.domain.purchase import Confirmed, Participant, Purchase, Training, decide_purchase
from services.enrollment.domain.purchase_deadline import forfeits_due, next_moment
from services.enrollment.schemes import load_schemes
from tests.builders import ADMITTED_AT

NORMAL = load_schemes()["normal-2023"]
DAY = timedelta(days=1)
STEP = st.tuples(
    st.sampled_from(["buy", "complete", "void", "revoke"]),
    st.integers(0, 20),
    st.sampled_from([500_000, 1_000_000, 1_500_000, 2_000_000]),
)


@dataclass
class History:
    """History of one participant. Forfeits are computed whenever a moment is due, as the service computes them."""

    participant: Participant
    now: datetime = ADMITTED_AT
    trainings: list[Training] = field(default_factory=list)

    def advance(self, until: datetime) -> None:
        """Compute forfeits at each moment at which something may be forfeited, until the time is reached."""
        while (at := next_moment(self.participant, self.trainings, self.now, NORMAL)) is not None and at <= until:
            self.now = at
            self.forfeit()
        self.now = until
        self.forfeit()

    def forfeit(self) -> None:
        due = forfeits_due(self.participant, self.trainings, self.now, NORMAL)
        self.participant = replace(self.participant, forfeits=[*self.participant.forfeits, *due])

    def buy(self, price: int) -> None:
        purchase = Purchase("LP0001", "online", price, 15, 1, self.now, self.now + DAY)
        outcome = decide_purchase(purchase, self.participant, self.trainings, None, NORMAL.at(self.now))
        if outcome == Confirmed():
            self.trainings.append(Training(price, self.now, self.now + DAY, None, None))

    def change(self, action: str) -> None:
        """Complete the training bought last, void it, or revoke its completion."""
        last = self.trainings[-1]
        if action == "void" and last.voided_at is None:
            self.trainings[-1] = replace(last, voided_at=self.now)
        elif action == "complete" and last.completed_at is None and self.now >= last.ends_at:
            self.trainings[-1] = replace(last, completed_at=self.now, rated_at=self.now)
        elif action == "revoke" and last.completed_at is not None and last.revoked_at is None:
            self.trainings[-1] = replace(last, revoked_at=self.now)


@settings(max_examples=1000, deadline=None)
@given(st.lists(STEP, max_size=12), st.sampled_from([None, 1, 10, 40, 90]))
def test_forfeits_are_the_same_whenever_they_are_computed(
    steps: Sequence[tuple[str, int, int]], cut_off_after: int | None
) -> None:
    # Never at the very time of a step: which of them counts first then, the history alone says.
    cut_off_at = None if cut_off_after is None else ADMITTED_AT + cut_off_after * DAY + timedelta(hours=1)
    history = History(Participant("3273", ADMITTED_AT, 3_500_000, cut_off_at=cut_off_at))
    for action, days, price in steps:
        history.advance(history.now + days * DAY)
        if action == "buy":
            history.buy(price)
        elif history.trainings:
            history.change(action)
    history.advance(history.now + 400 * DAY)
    found: Sequence[Forfeit] = history.participant.forfeits
    fresh = replace(history.participant, forfeits=[])
    assert forfeits_due(fresh, history.trainings, history.now, NORMAL) == found
    spent = sum(training.price for training in history.trainings if training.voided_at is None)
    left = history.participant.balance - spent - sum(one.amount for one in found)
    assert left >= 0
    assert left == 0 or cut_off_at is None
