"""The kept installations, each upgraded by `make up` once for all tests of a module."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.local.down import down
from deploy.local.installation import Installation
from deploy.local.leap import Leap
from deploy.local.ports import free_port
from deploy.local.up import PORT_SETTINGS, up
from tests.acceptance.outsider import Outsider
from tests.infrastructure import QUICK_SWEEPS
from tests.upgrade.snapshot import Snapshot, lay_out, load_snapshot
from tests.upgrade.upgraded_installation import UpgradedInstallation

Up = Callable[..., Installation]


@pytest.fixture(scope="module")
def upgraded() -> Iterator[UpgradedInstallation]:
    """Upgrade the first kept installation, after a leap of the clock over what waits in it was refused."""

    def check(start: Up) -> None:
        with pytest.raises(Leap, match="2 waiting records of enrollment"):
            start(CLOCK="2024-01-01T00:00:00Z")

    with _upgrade(load_snapshot("89301be"), check) as installation:
        yield installation


@pytest.fixture(scope="module")
def upgraded_payments() -> Iterator[UpgradedInstallation]:
    """Upgrade the kept installation with payments in every state."""
    with _upgrade(load_snapshot("86f6b03")) as installation:
        yield installation


@contextmanager
def _upgrade(kept: Snapshot, check: Callable[[Up], None] = lambda _: None) -> Iterator[UpgradedInstallation]:
    folder = Path(tempfile.mkdtemp(prefix="salur-upgrade-"))
    try:
        lay_out(kept, folder)
        wishes = {setting: str(free_port()) for setting, _ in PORT_SETTINGS.values()} | {"PARTNERS": "none"}

        def start(**more: str) -> Installation:
            return up(folder, wishes | more)

        with pytest.MonkeyPatch.context() as environment:
            for name, value in {**kept.settings, **QUICK_SWEEPS}.items():
                environment.setenv(name, value)
            check(start)
            installation = start()
            outside = Outsider(installation.kafka.bootstrap, installation.keys)
            yield UpgradedInstallation(installation, outside, kept)
            outside.close()
    finally:
        down(folder)
        shutil.rmtree(folder, ignore_errors=True)
