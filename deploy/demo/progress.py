"""Progress of the demo: bars on a terminal, plain lines elsewhere."""

import time
from collections.abc import Mapping

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

PLAIN_LINE_EVERY_SECONDS = 2.0


class ProgressDisplay:
    """Display of one bar per figure; `totals` holds what each bar runs up to."""

    def __init__(self, console: Console, totals: Mapping[str, int]) -> None:
        self._progress = Progress(
            TextColumn("{task.description:>20}"),
            BarColumn(bar_width=40),
            TextColumn("{task.completed:>7,.0f} of {task.total:>7,.0f}"),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._console = console
        self._tasks = {name: self._progress.add_task(name, total=total) for name, total in totals.items()}
        self._plain_at, self._plain_line = 0.0, ""

    def __enter__(self) -> "ProgressDisplay":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def print_line(self, line: str) -> None:
        self._console.print(line, highlight=False, soft_wrap=True)

    def show(self, numbers: Mapping[str, int]) -> None:
        for name, number in numbers.items():
            self._progress.update(self._tasks[name], completed=number)
        if not self._console.is_terminal and time.monotonic() - self._plain_at >= PLAIN_LINE_EVERY_SECONDS:
            self._plain_at = time.monotonic()
            line = "  " + ", ".join(f"{name} {number:,}" for name, number in numbers.items())
            if line != self._plain_line:
                self._plain_line = line
                self.print_line(line)
