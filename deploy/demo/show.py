"""What people see: live bars while it runs, one summary at the end. Plain lines where there is no terminal."""

from collections import Counter
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from deploy.demo.audit import Judgement
from deploy.demo.watch import Seen

BENEFITS = {"fee": "fee, to providers", "incentive_1": "incentive, to participants"}


class Stage:
    """The bars, and one line for each thing that happens."""

    def __init__(self, console: Console, totals: Mapping[str, int]) -> None:
        self._progress = Progress(
            TextColumn("{task.description:>20}"),
            BarColumn(bar_width=40),
            TextColumn("{task.completed:>6,.0f} of {task.total:>6,.0f}"),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._console = console
        self._tasks = {name: self._progress.add_task(name, total=total) for name, total in totals.items()}
        self._told = ""

    def __enter__(self) -> "Stage":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def say(self, line: str) -> None:
        self._progress.console.print(line, highlight=False)

    def show(self, numbers: Mapping[str, int]) -> None:
        for name, number in numbers.items():
            self._progress.update(self._tasks[name], completed=number)
        line = ", ".join(f"{name} {number:,}" for name, number in numbers.items())
        if not self._console.is_terminal and line != self._told:
            self._told = line
            self._console.print(line, highlight=False)


def numbers(seen: Seen, sent: int) -> dict[str, int]:
    return {
        "events sent": sent,
        "admitted": len(seen.admitted),
        "enrolled": len(seen.enrolled),
        "completed": len(seen.completed),
        "fees settled": seen.count("fee", "settled"),
        "incentives settled": seen.count("incentive_1", "settled"),
    }


def summary(
    console: Console, result: Mapping[str, object], seen: Seen, judgement: Judgement, faults: Sequence[str]
) -> None:
    """Where each rupiah went, what is held or parked and why, what was broken on purpose, and the verdict."""
    money = Table(title="Where the money went", title_justify="left")
    for heading in ("benefit", "settled", "rupiah", "held", "rejected or open"):
        money.add_column(heading, justify="left" if heading == "benefit" else "right")
    for benefit, name in BENEFITS.items():
        states = Counter(state for (_, of), state in seen.states.items() if of == benefit)
        paid = sum(
            seen.amounts[right] for right, state in seen.states.items() if right[1] == benefit and state == "settled"
        )
        other = states.total() - states["settled"] - states["held"]
        money.add_row(
            name, f"{states['settled']:,}", f"Rp{paid:,}".replace(",", "."), f"{states['held']:,}", f"{other:,}"
        )
    console.print(money)
    held = Counter(seen.reasons[right] for right, state in seen.states.items() if state == "held")
    _reasons(console, "Held now, for a person to put right", held)
    _reasons(console, "Held on the way, and released", seen.held_for - held)
    _reasons(console, "Refused", Counter([*seen.refused.values(), *seen.rejected.values()]))
    _reasons(console, "Parked", seen.parked)
    console.print("\nBroken on purpose: " + "; ".join(faults), highlight=False)
    for wrong in judgement.wrongs[:20]:
        console.print(f"  wrong: {wrong}", style="red", highlight=False)
    good = result["balanced"] and not (judgement.doubles or judgement.losses or judgement.wrongs)
    balance = "balanced" if result["balanced"] else "NOT BALANCED"
    verdict = f"doubles {judgement.doubles}, losses {judgement.losses}, {balance}"
    console.print(f"\n{verdict}  ({result['seconds']} s)", style="bold green" if good else "bold red", highlight=False)


def _reasons(console: Console, title: str, counted: Counter[str]) -> None:
    text = ", ".join(f"{reason} {count:,}" for reason, count in sorted(counted.items())) or "nothing"
    console.print(f"{title}: {text}", highlight=False)
