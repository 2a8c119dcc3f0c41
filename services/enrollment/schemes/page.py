"""The page of the schemes, `docs/schemes.md`: `python -m services.enrollment.schemes.page` writes it."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from services.enrollment.domain.scheme import Scheme
from services.enrollment.schemes import FOLDER, load_schemes
from services.enrollment.schemes.description import compare, describe_mode

PAGE = Path(__file__).parents[3] / "docs" / "schemes.md"
TEXT = """# Schemes

Written by `make schemas` from `services/enrollment/schemes`; `python -m services.enrollment scheme show` prints it too.

A wave names its scheme. Of the versions of a scheme, the highest whose first day (`in_force_from`, in Jakarta) has come
decides: by the time of admission for an application, by the time of the purchase for a training. So it does not matter
when a record is read. Each decision keeps the scheme and the version under which it was made, and
`enrollment_confirmed` carries the evidence and the benefits; no later version changes what was decided. The cut-off of
a wave is set by the version that is in force when it opens.

`scheme check FILE` tells everything that is wrong in a file, and `scheme diff OLD NEW` what differs between two. A file
that is wrong, or contradicts itself or another, stops the start of the service before it reads anything; so does a
version that is missing or says something else than when it was first used.

## Money and rules

{rules}

## Evidence that completes a training

{modes}

What the programme has not made public is marked as ours in the files.
"""


def write_page(schemes: Sequence[Scheme]) -> str:
    """Return the page of these schemes."""
    rules = [row for row in compare(schemes) if not row[0].startswith("mode ")]
    modes = [
        (scheme.scheme, mode, *describe_mode(rule).values())
        for scheme in schemes
        for mode, rule in scheme.modes.items()
    ]
    return TEXT.format(
        rules=_table(("", *(f"`{scheme.scheme}`" for scheme in schemes)), rules),
        modes=_table(("scheme", "mode", *describe_mode(next(iter(schemes[0].modes.values())))), modes),
    )


def latest_schemes() -> list[Scheme]:
    """Return the latest version of each scheme."""
    return [versions.latest for versions in load_schemes(FOLDER).values()]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    PAGE.write_text(write_page(latest_schemes()))
