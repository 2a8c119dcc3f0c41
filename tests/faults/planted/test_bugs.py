"""Planted bugs in the engine and in the choice of payments."""

import pytest

from tests.faults.planted import bugs
from tests.faults.planted.bugs import Bug
from tests.faults.planted.proofs import Proofs


@pytest.mark.parametrize("bug", bugs.BUGS, ids=lambda bug: bug.name)
async def test_proofs_detect(bug: Bug, proofs: Proofs, monkeypatch: pytest.MonkeyPatch) -> None:
    await proofs.detect(bug, monkeypatch)
