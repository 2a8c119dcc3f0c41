"""One installation for all acceptance tests: three services as three processes, no partners of ours."""

import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deploy.local.installation import Installation
from tests.acceptance.outsider import Outsider

NOW = datetime(2023, 3, 20, tzinfo=UTC)
QUICK = {
    "ENROLLMENT_SWEEP_EVERY_SECONDS": "0.5",
    "COMPLETION_SWEEP_EVERY_SECONDS": "0.5",
    "PAYMENT_SWEEP_EVERY_SECONDS": "0.5",
}


@pytest.fixture(scope="module")
def installation() -> Iterator[Installation]:
    folder = Path(tempfile.mkdtemp(prefix="salur-acceptance-"))
    running = Installation(folder, settings=QUICK, durable=False)
    running.set_clock(NOW)
    try:
        with running:
            yield running
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def outsider(installation: Installation) -> Iterator[Outsider]:
    outside = Outsider(installation.kafka.bootstrap, installation.keys)
    yield outside
    outside.close()
