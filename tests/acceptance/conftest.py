"""One installation for a module of acceptance tests: three services as processes, no simulated partners."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deploy.local.installation import Installation
from tests.acceptance.outsider import Outsider
from tests.infrastructure import QUICK_SWEEPS

NOW = datetime(2023, 3, 20, tzinfo=UTC)


@contextmanager
def an_installation(**settings: str) -> Iterator[Installation]:
    """Start an installation with further settings; at the end `verify` must pass, and its files are removed."""
    folder = Path(tempfile.mkdtemp(prefix="salur-acceptance-"))
    running = Installation(folder, settings={**QUICK_SWEEPS, **settings}, durable=False)
    running.set_clock(NOW)
    try:
        with running:
            yield running
            assert running.verify() == []
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def bearer(installation: Installation, who: str = "VIEWER") -> dict[str, str]:
    """Return the header with which somebody asks who has a token in `salur.env`."""
    return {"Authorization": f"Bearer {installation.environment()[f'SALUR_TOKEN_{who}']}"}


@pytest.fixture(scope="module")
def installation() -> Iterator[Installation]:
    with an_installation() as running:
        yield running


@pytest.fixture
def outsider(installation: Installation) -> Iterator[Outsider]:
    outside = Outsider(installation.kafka.bootstrap, installation.keys)
    yield outside
    outside.close()
