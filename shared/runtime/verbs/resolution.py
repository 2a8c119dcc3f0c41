"""Replaying or closing parked records: the numbers that were given, or portion by portion all that are selected."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from asyncpg import Connection
from rich.progress import Progress

from shared.messaging.operations import Operator, Outcome, Refused
from shared.messaging.rehearsal import Rehearsal
from shared.runtime import parked
from shared.runtime.desk import PREVIEW, Desk
from shared.runtime.parked import EVERYTHING, Selection

GROUP_COLUMNS = ("records", "reason", "ce_type", "ce_source", "topic", "oldest")

Action = Callable[[Connection, Operator, Sequence[int]], Awaitable[Outcome]]
Rehearse = Callable[[Rehearsal, Connection, Operator, Sequence[int]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Resolution:
    """One command. `do` False: it only shows what it would do, and by `rehearse` what would become of the records."""

    desk: Desk
    action: Action
    who: str
    why: str
    do: bool
    rehearse: Rehearse | None = None

    def __call__(self, numbers: list[int] | None, chosen: Selection) -> None:
        """Resolve these numbers, or whatever is open of a selection."""
        if numbers:
            self._rehearse([numbers], len(numbers))
            self.desk.operate(lambda c, operator: self.action(c, operator, numbers), self.who, self.why, do=self.do)
            return
        if chosen == EVERYTHING:
            self.desk.give_up("say which: numbers, --reason, --source or --type")
        total = self.desk.ask(lambda connection: parked.count(connection, chosen))
        if total.last is None:
            self.desk.give_up("none of these is open")
        portions = self._portions(chosen, total.last)
        if self.do:
            self._carry_out(portions, total.records)
            return
        self.desk.show(self.desk.ask(lambda c: parked.groups(c, chosen)), GROUP_COLUMNS, as_json=False)
        self._rehearse(portions, total.records)
        self.desk.out.print(f"{total.records:,} records. {PREVIEW}")

    def _portions(self, chosen: Selection, last: int) -> Iterator[list[int]]:
        found = [0]
        while found := self._portion(chosen, found[-1], last):
            yield found

    def _portion(self, chosen: Selection, after: int, last: int) -> list[int]:
        return self.desk.ask(lambda connection: parked.open_numbers(connection, chosen, after=after, last=last))

    def _carry_out(self, portions: Iterable[list[int]], records: int) -> None:
        """Each portion has a transaction of its own: what is done when somebody interrupts, stays done."""
        changed = False
        for numbers in self._progress(portions, records):
            outcome = self.desk.carry_out(self._as_far_as_possible(numbers), self.who, self.why)
            self.desk.out.print(outcome.sentence, markup=False)
            changed |= outcome.changed
        if not changed:
            self.desk.give_up("nothing was changed")

    def _as_far_as_possible(self, numbers: list[int]) -> Callable[[Connection, Operator], Awaitable[Outcome]]:
        async def deed(connection: Connection, operator: Operator) -> Outcome:
            try:
                return await self.action(connection, operator, numbers)
            except Refused as refusal:
                return Outcome(changed=False, sentence=str(refusal))

        return deed

    def _rehearse(self, portions: Iterable[list[int]], records: int) -> None:
        """Show what would become of the records, each portion in a transaction that is rolled back."""
        rehearse, rehearsal = self.rehearse, Rehearsal()
        if self.do or rehearse is None:
            return
        for numbers in self._progress(portions, records):
            self.desk.carry_out(_deed(rehearse, rehearsal, numbers), self.who, self.why, do=False)
        for words, count in (*rehearsal.records.most_common(), *rehearsal.announced.most_common()):
            self.desk.out.print(f"{count:>9,} {words}", markup=False)

    def _progress(self, portions: Iterable[list[int]], records: int) -> Iterator[list[int]]:
        with Progress(console=self.desk.err, disable=not self.desk.err.is_terminal) as progress:
            bar = progress.add_task("records", total=records)
            for numbers in portions:
                yield numbers
                progress.advance(bar, len(numbers))


def _deed(
    rehearse: Rehearse, rehearsal: Rehearsal, numbers: list[int]
) -> Callable[[Connection, Operator], Awaitable[Outcome]]:
    async def deed(connection: Connection, operator: Operator) -> Outcome:
        await rehearse(rehearsal, connection, operator, numbers)
        return Outcome(changed=False, sentence="")

    return deed
