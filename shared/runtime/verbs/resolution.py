"""The replay or the closing of parked records: given numbers, or portion by portion a selection."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from asyncpg import Connection
from rich.progress import Progress

from shared.errors import Refused
from shared.messaging.engine.operator import Operator, Outcome
from shared.messaging.engine.replay_preview import ReplayPreview
from shared.runtime import parked
from shared.runtime.command_context import PREVIEW, CommandContext
from shared.runtime.parked import ALL_PARKED, Selection

GROUP_COLUMNS = ("records", "reason", "ce_type", "ce_source", "topic", "oldest")

Action = Callable[[Connection, Operator, Sequence[int]], Awaitable[Outcome]]
Rehearse = Callable[[ReplayPreview, Connection, Operator, Sequence[int]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Resolution:
    """One replay or closing. Unless `commit`, it only previews, with `rehearse` what would become of the records."""

    command: CommandContext
    action: Action
    who: str
    why: str
    commit: bool
    rehearse: Rehearse | None = None

    def __call__(self, numbers: list[int] | None, chosen: Selection) -> None:
        """Resolve these numbers, or all open records of a selection."""
        if numbers:
            self._rehearse([numbers], len(numbers))
            self.command.execute_and_report(
                lambda c, operator: self.action(c, operator, numbers), self.who, self.why, commit=self.commit
            )
            return
        if chosen == ALL_PARKED:
            self.command.output.fail("name the records: numbers, --reason, --source or --type")
        total = self.command.run_in_session(lambda connection: parked.count(connection, chosen))
        if total.last is None:
            self.command.output.fail("none of these records is open; `parked list` shows those that are")
        portions = self._portions(chosen, total.last)
        if self.commit:
            self._execute(portions, total.records)
            return
        self.command.output.show(
            self.command.run_in_session(lambda c: parked.groups(c, chosen)), GROUP_COLUMNS, as_json=False
        )
        self._rehearse(portions, total.records)
        self.command.output.print(f"{total.records:,} records. {PREVIEW}")

    def _portions(self, chosen: Selection, last: int) -> Iterator[list[int]]:
        found = [0]
        while found := self._portion(chosen, found[-1], last):
            yield found

    def _portion(self, chosen: Selection, after: int, last: int) -> list[int]:
        return self.command.run_in_session(
            lambda connection: parked.open_numbers(connection, chosen, after=after, last=last)
        )

    def _execute(self, portions: Iterable[list[int]], records: int) -> None:
        """Resolve each portion in a transaction of its own; an interruption leaves the portions before it done."""
        changed = False
        for numbers in self._progress(portions, records):
            outcome = self.command.execute(self._refusal_as_outcome(numbers), self.who, self.why)
            self.command.output.print(outcome.sentence)
            changed |= outcome.changed
        if not changed:
            self.command.output.fail("no record was changed")

    def _refusal_as_outcome(self, numbers: list[int]) -> Callable[[Connection, Operator], Awaitable[Outcome]]:
        async def act(connection: Connection, operator: Operator) -> Outcome:
            try:
                return await self.action(connection, operator, numbers)
            except Refused as refusal:
                return Outcome(changed=False, sentence=str(refusal))

        return act

    def _rehearse(self, portions: Iterable[list[int]], records: int) -> None:
        """Print what would become of the records; each portion is handled in a transaction that is rolled back."""
        rehearse, rehearsal = self.rehearse, ReplayPreview()
        if self.commit or rehearse is None:
            return
        for numbers in self._progress(portions, records):
            self.command.execute(_rehearsal_action(rehearse, rehearsal, numbers), self.who, self.why, commit=False)
        for description, count in (*rehearsal.records.most_common(), *rehearsal.emitted.most_common()):
            self.command.output.print(f"{count:>9,} {description}")

    def _progress(self, portions: Iterable[list[int]], records: int) -> Iterator[list[int]]:
        with Progress(console=self.command.output.err, disable=not self.command.output.err.is_terminal) as progress:
            bar = progress.add_task("records", total=records)
            for numbers in portions:
                yield numbers
                progress.advance(bar, len(numbers))


def _rehearsal_action(
    rehearse: Rehearse, rehearsal: ReplayPreview, numbers: list[int]
) -> Callable[[Connection, Operator], Awaitable[Outcome]]:
    async def act(connection: Connection, operator: Operator) -> Outcome:
        await rehearse(rehearsal, connection, operator, numbers)
        return Outcome(changed=False, sentence="")

    return act
