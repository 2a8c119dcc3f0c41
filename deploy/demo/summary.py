"""Summary of the demo, for people and as JSON."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from deploy.demo.audit import AuditResult, Fund
from deploy.demo.observer import Observed
from deploy.demo.plan import DemoPlan
from deploy.demo.statements import FoundBreak
from deploy.simulation.people import Persona
from deploy.simulation.scheme import SCHEME_OF

INCENTIVES, SURVEYS = [f"incentive_{number}" for number in range(1, 5)], [f"survey_{number}" for number in range(1, 4)]
COLUMNS = {
    "training": ("fees", ["fee"]),
    "incentive": ("incentives", INCENTIVES),
    "survey": ("surveys", SURVEYS),
}
BENEFITS = ("fee", *INCENTIVES, *SURVEYS)
MOST_WRONGS_SHOWN = 20
HEARD_AFTER_FORFEIT = frozenset({Persona.HEARD_TOO_LATE, Persona.NEXT_HEARD_TOO_LATE})


@dataclass(frozen=True, slots=True)
class DemoResult:
    """Everything known at the end of a run.

    `returned`: rupiah that funds past their cut-off gave back to the treasury. `breaches`: findings of `verify` and of
    the comparisons with the partners' ledgers and with the funds. `breaks_of_statements`: what operators have closed.
    `books_checked_by`: the programs that have read the exported books.
    """

    plan: DemoPlan
    seen: Observed
    audit: AuditResult
    returned: Mapping[Fund, int]
    breaches: Sequence[str]
    faults: Sequence[str]
    breaks_of_statements: Sequence[FoundBreak]
    books_checked_by: Sequence[str]
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
        "claims": _of_claims(seen),
        "voided": len(seen.voided),
        "revoked": len(seen.revoked),
        "blocked": len(seen.ever_blocked),
        "erased": len(seen.erased),
        "reopened": len(_reopened(seen)),
        "returned": len(seen.returned),
        "balances_forfeited": dict(sorted(_balances_forfeited(seen).items())),
        "returned_to_treasury": sum(result.returned.values()),
        "refused": dict(sorted(_refusals(seen).items())),
        "parked": dict(sorted(seen.parked.items())),
        "breaks": dict(sorted(Counter(found.kind for found in result.breaks_of_statements).items())),
        "books_checked_by": list(result.books_checked_by),
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
        "cancelled": seen.count(benefit, "cancelled"),
        "forfeited": seen.count(benefit, "forfeited"),
        "amount_settled": _rupiah(seen, [benefit], "settled"),
    }


def _of_claims(seen: Observed) -> dict[str, int]:
    claims = seen.claims.values()
    return {
        "open": sum(not claim.repaid for claim in claims),
        "amount_open": sum(claim.amount for claim in claims if not claim.repaid),
        "repaid": sum(claim.repaid for claim in claims),
        "amount_repaid": sum(claim.amount for claim in claims if claim.repaid),
    }


def _balances_forfeited(seen: Observed) -> dict[str, dict[str, int]]:
    """Return by reason how many balances were forfeited, and how many rupiah."""
    taken: dict[str, list[int]] = {}
    for forfeits in seen.forfeits.values():
        for forfeit in forfeits.values():
            taken.setdefault(forfeit.reason, []).append(forfeit.amount)
    return {reason: {"count": len(amounts), "amount": sum(amounts)} for reason, amounts in taken.items()}


def _reopened(seen: Observed) -> set[str]:
    return seen.completed & seen.expired.keys()


def _refusals(seen: Observed) -> Counter[str]:
    return Counter([*seen.refused.values(), *seen.rejected.values()])


def show_summary(console: Console, result: DemoResult) -> None:
    """Print where the money went, what is held or parked and why, the injected faults and the verdict."""
    seen, audit = result.seen, result.audit
    console.print()
    console.print(_money(result))
    for line in what_happened(result):
        console.print(f"  {line}", highlight=False, soft_wrap=True)
    held = Counter(seen.reasons[key] for key, state in seen.states.items() if state == "held")
    _reasons(console, "Held until a person acts", held)
    forfeited = Counter(seen.held_before.values())
    _reasons(console, "Held until the cut-off, then forfeited", forfeited)
    _reasons(console, "Held for a while, then released", Counter(seen.held_for) - held - forfeited)
    _reasons(console, "Refused", _refusals(seen))
    _reasons(console, "Expired", Counter(seen.expired.values()))
    _reasons(console, "Parked", seen.parked)
    programs = ", ".join(result.books_checked_by)
    console.print(f"[bold]The exported ledger was checked by[/]: {programs}", highlight=False, soft_wrap=True)
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


def what_happened(result: DemoResult) -> list[str]:
    """Return what happened besides the ordinary, in sentences with counts and rupiah."""
    seen, people = result.seen, result.plan.people
    admitted = Counter(person.wave for person in people if person.participant_id in seen.admitted)
    waves = ", ".join(f"{count:,} to wave {wave} ({SCHEME_OF[wave]})" for wave, count in sorted(admitted.items()))
    months = ", ".join(f"{seen.count(benefit, 'settled'):,} x {benefit}" for benefit in INCENTIVES[1:])
    surveys = sum(seen.count(benefit, "settled") for benefit in SURVEYS)
    approved = sum(person.persona is Persona.COURSE_APPROVED for person in people)
    too_dear = _refusals(seen)["price_above_approved"]
    found_first = sum(person.persona is Persona.FRAUD_FOUND_FIRST for person in people)
    return [
        f"admitted: {waves}",
        f"after the first incentive, month by month: {months}, {_money_text(_rupiah(seen, INCENTIVES[1:], 'settled'))}",
        f"surveys: {surveys:,} paid, {_money_text(_rupiah(seen, SURVEYS, 'settled'))}",
        _voided(seen),
        _blocked(seen),
        (
            f"attendance found false: {found_first} before completion, nothing was paid; "
            f"{len(seen.revoked)} afterwards, claimed back {_claimed(seen, 'revoked')}"
        ),
        f"approved courses: {approved} bought, {too_dear} refused as dearer than approved",
        _forfeited(result),
        _returned_to_treasury(result),
        f"reopened by two operators, since their proof came late: {len(_reopened(seen))} trainings, then paid",
        f"returned by a partner: {_paid_again(seen)}",
        _erased(seen),
    ]


def _forfeited(result: DemoResult) -> str:
    """Describe what was taken of balances, and the purchases of before that were heard of too late."""
    taken = _balances_forfeited(result.seen)
    parts = [f"{of['count']:,} for {reason}, {_money_text(of['amount'])}" for reason, of in sorted(taken.items())]
    too_late = sum(person.persona in HEARD_AFTER_FORFEIT for person in result.plan.people)
    return f"balances forfeited: {'; '.join(parts)}; {too_late} timely purchases were heard of after that, and refused"


def _returned_to_treasury(result: DemoResult) -> str:
    seen = result.seen
    amount = sum(seen.amounts[key] for key in seen.held_before)
    waves = " and ".join(sorted({wave for wave, _ in result.returned}))
    return (
        f"at the cut-off of wave {waves}: {len(seen.held_before):,} payments forfeited, {_money_text(amount)}; "
        f"returned to the treasury {_money_text(sum(result.returned.values()))}"
    )


def _paid_again(seen: Observed) -> str:
    again = [key for key in seen.returned if seen.states[key] == "settled"]
    return f"{len(seen.returned)} payments, {len(again)} of them paid again into another account"


def _erased(seen: Observed) -> str:
    cancelled = [key for key, state in seen.states.items() if (state, seen.reasons[key]) == ("cancelled", "erased")]
    amount = _money_text(sum(seen.amounts[key] for key in cancelled))
    return f"erased: {len(seen.erased)} people; not paid any more {amount}, what was paid stays in the ledger"


def _voided(seen: Observed) -> str:
    completed = len(seen.voided & seen.completed)
    cancelled = [key for key, state in seen.states.items() if (state, seen.reasons[key]) == ("cancelled", "voided")]
    return (
        f"voided: {len(seen.voided) - completed} trainings before completion, whose prices bought others; "
        f"{completed} afterwards, claimed back {_claimed(seen, 'voided')}, "
        f"not paid {_money_text(sum(seen.amounts[key] for key in cancelled))}"
    )


def _blocked(seen: Observed) -> str:
    held = [key for key, reason in (seen.reasons | seen.held_before).items() if reason == "participant_blocked"]
    unblocked = seen.ever_blocked - seen.blocked
    amount = _money_text(sum(seen.amounts[key] for key in held))
    return (
        f"blocked: {len(seen.ever_blocked)} people, {len(unblocked)} of them unblocked and paid; "
        f"held until the cut-off {amount}, claimed back {_claimed(seen, 'blocked')}"
    )


def _claimed(seen: Observed, reason: str) -> str:
    return _money_text(sum(claim.amount for claim in seen.claims.values() if claim.reason == reason))


def _money(result: DemoResult) -> Table:
    seen = result.seen
    table = Table(title="Where each rupiah went", title_justify="left", title_style="bold")
    table.add_column("")
    for title, _ in COLUMNS.values():
        table.add_column(title, justify="right")
    columns = [benefits for _, benefits in COLUMNS.values()]
    given = [sum(rupiah for (_, of), rupiah in result.plan.appropriated.items() if of == part) for part in COLUMNS]
    paid = [_rupiah(seen, benefits, "settled") for benefits in columns]
    held = [_rupiah(seen, benefits, "held") for benefits in columns]
    claimed = [sum(one.amount for key, one in seen.claims.items() if key[1] in benefits) for benefits in columns]
    back = [sum(rupiah for (_, of), rupiah in result.returned.items() if of == part) for part in COLUMNS]
    left = [a - b - c for a, b, c in zip(given, paid, back, strict=True)]
    payments = [sum(seen.count(benefit, "settled") for benefit in benefits) for benefits in columns]
    table.add_row("from the treasury", *map(_money_text, given), end_section=True)
    table.add_row("paid and settled", *map(_money_text, paid))
    table.add_row("returned to the treasury", *map(_money_text, back))
    table.add_row("not spent", *map(_money_text, left), end_section=True)
    table.add_row("held for a person to look", *map(_money_text, held))
    table.add_row("payments", *(f"{count:,}" for count in payments))
    table.add_row("claimed back", *map(_money_text, claimed))
    return table


def _rupiah(seen: Observed, benefits: Sequence[str], state: str) -> int:
    return sum(seen.amounts[key] for key, now in seen.states.items() if key[1] in benefits and now == state)


def _money_text(rupiah: int) -> str:
    return f"Rp{rupiah:,}".replace(",", ".")


def _reasons(console: Console, title: str, counted: Mapping[str, int]) -> None:
    text = ", ".join(f"{reason} {count:,}" for reason, count in sorted(counted.items()) if count) or "nothing"
    console.print(f"[bold]{title}[/]: {text}", highlight=False, soft_wrap=True)
