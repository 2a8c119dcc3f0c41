"""The kept installation, upgraded once for all tests of the module."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.installation import Installation
from tests.acceptance.outsider import Outsider
from tests.upgrade.kept import lay_out
from tests.upgrade.upgraded import QUICK, Upgraded


@pytest.fixture(scope="module")
def upgraded() -> Iterator[Upgraded]:
    folder = Path(tempfile.mkdtemp(prefix="salur-upgrade-"))
    try:
        kept = lay_out(folder)
        with Installation(folder, settings={**kept.settings, **QUICK}) as installation:
            outside = Outsider(installation.kafka.bootstrap, installation.keys)
            yield Upgraded(installation, outside, kept)
            outside.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
