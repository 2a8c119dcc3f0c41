"""The kept installation, upgraded by `make up` once for all tests of the module."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.down import down
from deploy.local.leap import Leap
from deploy.local.ports import free_port
from deploy.local.up import PORT_SETTINGS, up
from tests.acceptance.outsider import Outsider
from tests.infrastructure import QUICK_SWEEPS
from tests.upgrade.snapshot import lay_out
from tests.upgrade.upgraded_installation import UpgradedInstallation


@pytest.fixture(scope="module")
def upgraded() -> Iterator[UpgradedInstallation]:
    folder = Path(tempfile.mkdtemp(prefix="salur-upgrade-"))
    try:
        kept = lay_out(folder)
        wishes = {setting: str(free_port()) for setting, _ in PORT_SETTINGS.values()} | {"PARTNERS": "none"}
        with pytest.MonkeyPatch.context() as environment:
            for name, value in {**kept.settings, **QUICK_SWEEPS}.items():
                environment.setenv(name, value)
            with pytest.raises(Leap, match="2 waiting records of enrollment"):
                up(folder, wishes | {"CLOCK": "2024-01-01T00:00:00Z"})
            installation = up(folder, wishes)
            outside = Outsider(installation.kafka.bootstrap, installation.keys)
            yield UpgradedInstallation(installation, outside, kept)
            outside.close()
    finally:
        down(folder)
        shutil.rmtree(folder, ignore_errors=True)
