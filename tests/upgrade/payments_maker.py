"""Make `kept/86f6b03`: an installation of that commit with payments in every state.

Run it with the product of that commit: copy this folder and `tests/acceptance` into a checkout of it, then

    python -m tests.upgrade.payments_maker <folder to write>
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from deploy.local.installation import Installation
from tests.acceptance.every_payment import SETTINGS, EveryPayment
from tests.acceptance.outsider import Outsider
from tests.upgrade.snapshot_maker import write

NOW = datetime(2023, 3, 20, tzinfo=UTC)


def main(folder: Path) -> None:
    """Play every payment in an installation of its own, stop the services, and write what they leave."""
    own = Path(tempfile.mkdtemp(prefix="salur-keep-"))
    installation = Installation(own, settings=SETTINGS)
    installation.set_clock(NOW)
    try:
        installation.start()
        outside = Outsider(installation.kafka.bootstrap, installation.keys)
        payments = EveryPayment(installation, outside)
        payments.play()
        for service in installation.services.values():
            service.kill()
        payments.report("instructed", "incentive_1", "settled")
        write(installation, payments.people, SETTINGS, folder)
        outside.close()
    finally:
        installation.stop()
        shutil.rmtree(own, ignore_errors=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
