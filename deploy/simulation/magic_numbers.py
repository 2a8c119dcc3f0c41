"""Account numbers that tell a simulated partner what to do: one table, which is in docs/contracts/README.md too.

`python -m deploy.simulation.magic_numbers` prints it as Markdown.
"""

import re
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto
from typing import NamedTuple

LATE_BY = timedelta(minutes=1)
"""Business time from `answer_by` to the answer of a partner that is late or was down."""
NEXT_DAY = timedelta(days=1)
AFTERTHOUGHT = timedelta(seconds=2)
"""Real time after which a partner contradicts itself or returns at once."""
_REASON_CODE = re.compile(r"[A-Z][A-Z0-9]{3}")


class Answers(Enum):
    """Time at which a partner reports on an instruction, and from which it answers requests for the status."""

    AT_ONCE = auto()
    WHEN_ASKED = auto()
    LATE = auto()
    WHEN_UP_AGAIN = auto()
    NEVER = auto()


class Afterthought(NamedTuple):
    """Report with which a partner contradicts its final one."""

    status: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class MagicNumber:
    """Behaviour of a partner towards one account. `meaning`: as the documentation has it.

    `reason`: of its rejection; None: it is paid. `returned_for`, `returned_after`: why and when the money comes back.
    `repeats`: how often each report is sent. `payments`: how often it is paid. `excess`: the rupiah by which the first
    report misstates the amount. `forgets`: the first instruction is lost. `pays_another`: an unknown reference besides.
    """

    ending: str
    meaning: str
    reason: str | None = None
    returned_for: str | None = None
    returned_after: timedelta = AFTERTHOUGHT
    answers: Answers = Answers.AT_ONCE
    repeats: int = 1
    payments: int = 1
    excess: int = 0
    forgets: bool = False
    pays_another: bool = False
    afterthought: Afterthought | None = None


MAGIC_NUMBERS = (
    MagicNumber("0401", "rejected, `AC01`: no such account", reason="AC01"),
    MagicNumber("0404", "rejected, `AC04`: account closed", reason="AC04"),
    MagicNumber("0000", "paid, and never answered, also when asked for the status", answers=Answers.NEVER),
    MagicNumber("0010", "paid, and answered only when asked for the status", answers=Answers.WHEN_ASKED),
    MagicNumber("0011", "answered late: a minute after `answer_by`", answers=Answers.LATE),
    MagicNumber("0012", "each report is sent twice", repeats=2),
    MagicNumber("0013", "the first instruction is lost: `not_found` when asked; the next one is paid", forgets=True),
    MagicNumber("0014", "paid twice, and reported twice under two references of the partner", payments=2),
    MagicNumber("0015", "paid, and a payment is reported that nobody instructed", pays_another=True),
    MagicNumber(
        "0016", "down: the partner answers nothing until a minute after `answer_by`", answers=Answers.WHEN_UP_AGAIN
    ),
    MagicNumber("0777", "a wrong amount is reported first, then the true one", excess=1),
    MagicNumber("0778", "settled, and rejected all the same afterwards", afterthought=Afterthought("rejected", "MS03")),
    MagicNumber(
        "0779",
        "rejected for now (`AB05`), and settled all the same afterwards",
        reason="AB05",
        afterthought=Afterthought("settled"),
    ),
    MagicNumber("0780", "settled, and returned (`AC04`) two seconds later", returned_for="AC04"),
    MagicNumber(
        "0781",
        "settled, and returned (`AC04`) a day after the instruction",
        returned_for="AC04",
        returned_after=NEXT_DAY,
    ),
)
ORDINARY = MagicNumber("", "accepted, then settled")
_BY_ENDING = {number.ending: number for number in MAGIC_NUMBERS}


def magic_number_of(account: str) -> MagicNumber:
    """Return the behaviour towards an account; one that ends in a reason code is rejected with that code."""
    ending = account[-4:]
    if _REASON_CODE.fullmatch(ending):
        return MagicNumber(ending, f"rejected, `{ending}`", reason=ending)
    return _BY_ENDING.get(ending, ORDINARY)


def table() -> str:
    """Return the table as Markdown."""
    rows = [
        ("ends in", "then"),
        ("---", "---"),
        *((f"`{number.ending}`", number.meaning) for number in MAGIC_NUMBERS),
        ("a reason code (`0812AC06`)", "rejected with that code"),
        ("anything else", ORDINARY.meaning),
    ]
    return "".join(f"| {ending} | {meaning} |\n" for ending, meaning in rows)


if __name__ == "__main__":
    print(table(), end="")
