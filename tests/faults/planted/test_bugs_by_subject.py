"""Planted bugs by subject: chains, seals, reviews, deferral, age, annulments, cut-offs, reading, restores, and more.

A file of its own, so that another worker runs it.
"""

import pytest

from tests.faults.planted import (
    age_bugs,
    annulment_bugs,
    chain_bugs,
    cut_off_bugs,
    deferral_bugs,
    reading_bugs,
    restore_bugs,
    review_bugs,
    seal_bugs,
    series_bugs,
    session_bugs,
)
from tests.faults.planted.bugs import Bug
from tests.faults.planted.proofs import Proofs

BUGS = (
    *chain_bugs.BUGS,
    *seal_bugs.BUGS,
    *review_bugs.BUGS,
    *deferral_bugs.BUGS,
    *age_bugs.BUGS,
    *annulment_bugs.BUGS,
    *cut_off_bugs.BUGS,
    *reading_bugs.BUGS,
    *restore_bugs.BUGS,
    *series_bugs.BUGS,
    *session_bugs.BUGS,
)


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
async def test_proofs_detect(bug: Bug, proofs: Proofs, monkeypatch: pytest.MonkeyPatch) -> None:
    await proofs.detect(bug, monkeypatch)
