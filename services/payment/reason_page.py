"""The page of the reason codes: `python -m services.payment.reason_page` writes `docs/contracts/reason-codes.md`."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from services.payment.domain.reason_table import EITHER, REASONS, SNAP_ANSWERS, ReportAction

PAGE = Path(__file__).parents[2] / "docs" / "contracts" / "reason-codes.md"
THEN = {
    ReportAction.SETTLED: "it is paid",
    ReportAction.WAIT: "nothing: the outcome is not known, and the status is asked for",
    ReportAction.RETRY_LATER: "another attempt after a while, up to five in all",
    ReportAction.HOLD_FOR_PAYEE: "held until the payee has another account",
    ReportAction.HOLD_FOR_PAYEE_OR_OPERATOR: "held until the payee has another account, or an operator approves",
    ReportAction.HOLD_FOR_OPERATOR: "frozen: no other attempt unless two persons approve it",
    ReportAction.HALT_PARTNER: "held, and the partner is halted until an operator resumes it",
    ReportAction.FINAL: "it fails, for ever",
}
TEXT = """# Reason codes

Written by `make schemas` from `services/payment/domain/reason_table.py`: what Salur does when a partner reports
`rejected` or `returned` with a reason. The codes are those of ISO 20022 (external status and return reasons) that may
be given for a credit transfer. Any other code, or none, counts as the last kind of the first table. Another attempt is
never made without a rejection or a return of the one before.

| verdict | what follows |
|---|---|
{verdicts}

A rejection whose own reason says that the payment may have been made, or is under way, contradicts itself. It is
frozen, like a duplicate: two persons find out.

## Codes

`SNAP` has the response codes (HTTP status, `xx` for the service, case) that a partner which speaks SNAP reports as this
reason.

| code | meaning | verdict | held for | SNAP |
|---|---|---|---|---|
{reasons}

## SNAP

The answers of SNAP that are no failure. While the outcome is not known, report nothing but `accepted`, never
`rejected`: ask your own system for the status, and never send the payment under another reference.

| code | meaning | verdict | report |
|---|---|---|---|
{answers}
"""


def write_page() -> str:
    """Return the page of the reason table."""
    order = [action for action in ReportAction if action is not EITHER.action] + [EITHER.action]
    return TEXT.format(
        verdicts=_rows((f"`{action}`", THEN[action]) for action in order),
        reasons=_rows(
            (f"`{r.code}`", r.meaning, f"`{r.verdict.action}`", _code(r.verdict.reason), " ".join(map(_code, r.snap)))
            for r in sorted(REASONS, key=lambda one: one.code)
        ),
        answers=_rows((f"`{a.code}`", a.meaning, f"`{a.action}`", _code(a.report)) for a in SNAP_ANSWERS),
    )


def _rows(rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _code(text: str | None) -> str:
    return f"`{text}`" if text else ""


if __name__ == "__main__":
    PAGE.write_text(write_page())
