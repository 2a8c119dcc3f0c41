"""Replaying or closing parked records: the numbers that were given, or portion by portion all that are selected."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from asyncpg import Connection
from rich.progress import Progress

from shared.messaging.operations import Operator, Outcome
from shared.runtime import parked
from shared.runtime.desk import PREVIEW, Desk
from shared.runtime.parked import EVERYTHING, Selection

GROUP_COLUMNS = ("records", "reason", "ce_type", "ce_source", "topic", "oldest")


@dataclass(frozen=True, slots=True)
class Resolution:
    """One command. `do` False: it only shows what it would do."""

    desk: Desk
    action: Callable[[Connection, Operator, Sequence[int]], Awaitable[Outcome]]
    who: str
    why: str
    do: bool

    def __call__(self, numbers: list[int] | None, chosen: Selection) -> None:
        """Resolve these numbers, or whatever is open of a selection."""
        if numbers:
            self.desk.operate(self._of(numbers), self.who, self.why, do=self.do)
            return
        if chosen == EVERYTHING:
            self.desk.give_up("say which: numbers, --reason, --source or --type")
        total = self.desk.ask(lambda connection: parked.count(connection, chosen))
        if total.last is None:
            self.desk.give_up("none of these is open")
        if self.do:
            self._all_of(chosen, total.records, total.last)
        else:
            self.desk.show(self.desk.ask(lambda c: parked.groups(c, chosen)), GROUP_COLUMNS, as_json=False)
            self.desk.out.print(f"{total.records:,} records. {PREVIEW}")

    def _all_of(self, chosen: Selection, records: int, last: int) -> None:
        """Each portion has a transaction of its own: what is done when somebody interrupts, stays done."""
        found = self._portion(chosen, 0, last)
        with Progress(console=self.desk.err, disable=not self.desk.err.is_terminal) as progress:
            bar = progress.add_task("records", total=records)
            while found:
                outcome = self.desk.carry_out(self._of(found), self.who, self.why)
                self.desk.out.print(outcome.sentence, markup=False)
                progress.advance(bar, len(found))
                found = self._portion(chosen, found[-1], last)

    def _portion(self, chosen: Selection, after: int, last: int) -> list[int]:
        return self.desk.ask(lambda connection: parked.open_numbers(connection, chosen, after=after, last=last))

    def _of(self, numbers: list[int]) -> Callable[[Connection, Operator], Awaitable[Outcome]]:
        return lambda connection, operator: self.action(connection, operator, numbers)
