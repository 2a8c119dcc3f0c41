"""Summary of the demo, for people and as JSON."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from deploy.demo.audit import AuditResult
from deploy.demo.observer import Observed
from deploy.demo.plan import DemoPlan

BENEFITS = {"fee": ("fees to providers", "training"), "incentive_1": ("incentives to participants", "incentive")}
MOST_WRONGS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class DemoResult:
    """Everything known at the end of a run.

    `breaches`: findings of `verify` and of the comparison with the partners' ledgers.
    """

    plan: DemoPlan
    seen: Observed
    audit: AuditResult
    breaches: Sequence[str]
    faults: Sequence[str]
    seed: int
    seconds: float

    @property
    def passed(self) -> bool:
        audit = self.audit
        return not (self.breaches or audit.doubles or audit.losses or audit.wrongs)


def machine_summary(result: DemoResult) -> dict[str, object]:
    """Return the content of summary.json."""
    seen, audit = result.seen, result.audit
    return {
        "participants": len(result.plan.people),
        "completed": len(seen.completed),
        **{benefit: _of_benefit(seen, benefit) for benefit in BENEFITS},
        "parked": dict(sorted(seen.parked.items())),
        "doubles": audit.doubles,
        "losses": audit.losses,
        "balanced": not result.breaches,
        "wrongs": [*result.breaches, *audit.wrongs],
        "faults": list(result.faults),
        "seed": result.seed,
        "seconds": round(result.seconds, 1),
    }


def _of_benefit(seen: Observed, benefit: str) -> dict[str, int]:
    return {
        "instructed": sum(1 for key in set(seen.references.values()) if key[1] == benefit),
        "settled": seen.count(benefit, "settled"),
        "held": seen.count(benefit, "held"),
        "forfeited": seen.count(benefit, "forfeited"),
        "amount_settled": _rupiah(seen, benefit, "settled"),
    }


def show_summary(console: Console, result: DemoResult) -> None:
    """Print where the money went, what is held or parked and why, the injected faults and the verdict."""
    seen, audit = result.seen, result.audit
    console.print()
    console.print(_money(result))
    held = Counter(seen.reasons[key] for key, state in seen.states.items() if state == "held")
    _reasons(console, "Held until a person acts", held)
    _reasons(console, "Held for a while, then released", Counter(seen.held_for) - held)
    _reasons(console, "Refused", Counter([*seen.refused.values(), *seen.rejected.values()]))
    _reasons(console, "Expired", Counter(seen.expired.values()))
    _reasons(console, "Parked", seen.parked)
    console.print("[bold]Injected faults[/]")
    for fault in result.faults:
        console.print(f"  {fault}", highlight=False, soft_wrap=True)
    for wrong in [*result.breaches, *audit.wrongs][:MOST_WRONGS_SHOWN]:
        console.print(f"  wrong: {wrong}", style="red", highlight=False, markup=False)
    balance = "balanced" if not result.breaches else "NOT BALANCED"
    verdict = f"doubles {audit.doubles}, losses {audit.losses}, {balance}"
    more = f" ({len(audit.wrongs)} other errors)" if audit.wrongs else ""
    style = "bold green" if result.passed else "bold red"
    console.print(f"\n{verdict}{more}  [dim]{result.seconds:.0f} s[/]", style=style, highlight=False)


def _money(result: DemoResult) -> Table:
    seen = result.seen
    table = Table(title="Where each rupiah went", title_justify="left", title_style="bold")
    table.add_column("")
    for title, _ in BENEFITS.values():
        table.add_column(title, justify="right")
    given = [result.plan.appropriated[component] for _, component in BENEFITS.values()]
    paid = [_rupiah(seen, benefit, "settled") for benefit in BENEFITS]
    held = [_rupiah(seen, benefit, "held") for benefit in BENEFITS]
    left = [a - b - c for a, b, c in zip(given, paid, held, strict=True)]
    table.add_row("from the treasury", *map(_money_text, given), end_section=True)
    counts = [seen.count(benefit, "settled") for benefit in BENEFITS]
    table.add_row("paid and settled", *(f"{n:,} x  {_money_text(sum_)}" for n, sum_ in zip(counts, paid, strict=True)))
    counts = [seen.count(benefit, "held") for benefit in BENEFITS]
    table.add_row("held", *(f"{n:,} x  {_money_text(sum_)}" for n, sum_ in zip(counts, held, strict=True)))
    table.add_row("not spent", *map(_money_text, left))
    return table


def _rupiah(seen: Observed, benefit: str, state: str) -> int:
    return sum(seen.amounts[key] for key, now in seen.states.items() if key[1] == benefit and now == state)


def _money_text(rupiah: int) -> str:
    return f"Rp{rupiah:,}".replace(",", ".")


def _reasons(console: Console, title: str, counted: Mapping[str, int]) -> None:
    text = ", ".join(f"{reason} {count:,}" for reason, count in sorted(counted.items()) if count) or "nothing"
    console.print(f"[bold]{title}[/]: {text}", highlight=False, soft_wrap=True)
