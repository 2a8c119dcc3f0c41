"""Bugs in what every record goes through, and in who is paid."""

import pytest

from tests.faults.planted import bugs
from tests.faults.planted.bugs import Bug
from tests.faults.planted.proofs import Proofs


@pytest.mark.parametrize("bug", bugs.BUGS, ids=lambda bug: bug.name)
async def test_the_proofs_go_red_when(bug: Bug, proofs: Proofs, monkeypatch: pytest.MonkeyPatch) -> None:
    await proofs.detect(bug, monkeypatch)
