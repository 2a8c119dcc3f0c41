"""Model of a lane that reads an internal topic with unreadable and foreign records.

One producer emits numbered events in order. A record may be damaged on its way, may need a newer binary than the
reader's, or may be invalid for ever; foreign producers write into the same topic. The reader goes by number.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

LAST_EVENT = 3
OLD, NEW, NEVER = 0, 1, 2
"""The first binary that reads a record."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Rules that the search can switch off one by one."""

    number_first: bool = True
    """The number is read before anything else; otherwise an unreadable record is parked without it."""
    fit: bool = True
    """A number counts only if source and id fit it; otherwise any stated number counts."""
    read_on: bool = True
    """At a gap the reader reads on without effect; otherwise it stays at the unreadable record."""
    seek_back: bool = True
    """`lanes resume` goes back to the unreadable record; otherwise it only goes on."""
    take_number: bool = True
    """`lanes pass` takes the record's number; otherwise it only skips the record."""
    stay_unreadable: bool = True
    """The first unreadable record is kept until its number is taken; otherwise the last one."""


class Entry(NamedTuple):
    """A record in the topic: the number it states, or None, and whether source and id fit that number."""

    number: int | None
    readable_by: int
    fits: bool = True


class Budget(NamedTuple):
    """Number of times that each fault and each repair may still happen."""

    damaged: int = 0
    foreign: int = 0
    again: int = 0
    upgrade: int = 0
    resume: int = 0
    passing: int = 0


class State(NamedTuple):
    """The topic, the number of emitted events, and how far they were read and repaired."""

    topic: tuple[Entry, ...] = ()
    emitted: int = 0
    offset: int = 0
    last: int = 0
    gap: bool = False
    unreadable: int | None = None
    may_pass: bool = False
    binary: int = OLD
    effects: tuple[int, ...] = ()
    """Offsets of the records that acted, in that order."""
    parked: frozenset[int] = frozenset()
    """Offsets."""
    budget: Budget = Budget()


@dataclass(frozen=True, slots=True)
class Protocol:
    """Steps of producer, foreign producers, reader and operators.

    `readable_by[n]`: the first binary that reads event n; events not named are readable by all.
    """

    rules: Rules
    readable_by: dict[int, int]

    def successors(self, state: State) -> Iterator[tuple[str, State]]:
        """Yield every next step."""
        yield from self._produce(state)
        if state.offset < len(state.topic) and (after := self._read(state)) is not None:
            yield f"reads {state.offset}", after
        yield from self._cure(state)

    def _page(self, number: int) -> Entry:
        return Entry(number, self.readable_by.get(number, OLD))

    def _produce(self, s: State) -> Iterator[tuple[str, State]]:
        budget = s.budget
        if s.emitted < LAST_EVENT:
            number = s.emitted + 1
            yield f"emits {number}", s._replace(emitted=number, topic=(*s.topic, self._page(number)))
            if budget.damaged:
                spent = budget._replace(damaged=budget.damaged - 1)
                damaged = (*s.topic, Entry(number, NEVER))
                yield f"{number} is damaged", s._replace(emitted=number, topic=damaged, budget=spent)
        if budget.foreign:
            spent = budget._replace(foreign=budget.foreign - 1)
            for entry in (Entry(None, NEVER), Entry(2, NEVER), Entry(3, NEVER), Entry(2, OLD, fits=False)):
                yield f"a foreign producer writes {entry}", s._replace(topic=(*s.topic, entry), budget=spent)

    def _read(self, s: State) -> State | None:
        """Return the state after the record at the offset; None if the reader stays at it."""
        entry, rules = s.topic[s.offset], self.rules
        number = entry.number if entry.fits or not rules.fit else None
        readable = entry.readable_by <= s.binary
        behind = s._replace(offset=s.offset + 1)
        if number is None or (not rules.number_first and not readable):
            return behind._replace(parked=s.parked | {s.offset})
        if number <= s.last:
            return behind
        if number > s.last + 1:
            return behind._replace(gap=True)
        if readable:
            return _taken(behind, number)._replace(effects=(*s.effects, s.offset))
        if s.may_pass and s.unreadable == s.offset:
            return _taken(behind, number)._replace(parked=s.parked | {s.offset})
        first = s.offset if s.unreadable is None or not rules.stay_unreadable else s.unreadable
        stuck = s._replace(gap=True, unreadable=first)
        if rules.read_on:
            return stuck._replace(offset=s.offset + 1)
        return stuck if stuck != s else None

    def _cure(self, s: State) -> Iterator[tuple[str, State]]:
        budget = s.budget
        read_all = s.offset == len(s.topic)
        if read_all and s.gap and budget.again and s.emitted > s.last:
            spent = budget._replace(again=budget.again - 1)
            pages = tuple(self._page(number) for number in range(s.last + 1, s.emitted + 1))
            yield "pages say-again", s._replace(topic=s.topic + pages, budget=spent)
        if budget.upgrade:
            yield "a newer binary", s._replace(binary=NEW, budget=budget._replace(upgrade=budget.upgrade - 1))
        if s.unreadable is None:
            return
        # Operators resume only when the binary that can read the record is installed.
        if budget.resume and not budget.upgrade:
            offset = s.unreadable if self.rules.seek_back else s.offset
            spent = budget._replace(resume=budget.resume - 1)
            yield "lanes resume", s._replace(offset=offset, budget=spent)
        if budget.passing and not budget.again:
            spent = budget._replace(passing=budget.passing - 1)
            if self.rules.take_number:
                yield "lanes pass", s._replace(offset=s.unreadable, may_pass=True, budget=spent)
            else:
                yield "lanes pass", s._replace(offset=s.unreadable + 1, gap=False, unreadable=None, budget=spent)


def _taken(s: State, number: int) -> State:
    return s._replace(last=number, gap=False, unreadable=None, may_pass=False)


def breach(state: State, ended: bool) -> str | None:
    """Report a foreign record that acts, or a number that acts out of order, twice or not at all."""
    records = [state.topic[offset] for offset in state.effects]
    if not all(record.fits for record in records):
        return "a foreign record acts"
    acted = [record.number or 0 for record in records]
    if any(later <= earlier for earlier, later in pairwise(acted)):
        return "a number acts twice or out of order"
    resolved = {*acted, *(state.topic[offset].number for offset in state.parked if state.topic[offset].fits)}
    if not resolved.issuperset(range(1, max(acted, default=0))):
        return "a number was skipped"
    if ended and not resolved.issuperset(range(1, state.emitted + 1)):
        return "the lane stands still for ever"
    return None
