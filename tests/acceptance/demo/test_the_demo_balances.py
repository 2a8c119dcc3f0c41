"""The demo with fewer people: it balances, and leaves no process behind."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from deploy.local.instance_lock import hold_lock
from deploy.local.paths import ROOT
from deploy.simulation.scheme import INCENTIVE
from services.enrollment.domain.admission import AdmissionRefusal
from services.enrollment.domain.forfeit import ForfeitReason
from services.enrollment.domain.purchase import PurchaseRejection

RUN = """\
import sys
from pathlib import Path
from unittest.mock import patch
import deploy.demo.__main__ as demo
with patch.object(demo, "VAR", Path(sys.argv[1])):
    sys.exit(demo.main())
"""
# No scheme limits the regions in which offline trainings may be bought.
REFUSED = {str(reason) for reason in (*AdmissionRefusal, *PurchaseRejection)} - {"region_not_open"}
PARKED = {
    "too_large",
    "null_value",
    "bad_envelope",
    "unknown_type",
    "too_deep",
    "invalid_json",
    "duplicate_key",
    "invalid_field",
    "bad_seal",
    "conflict",
    "not_yours",
    "out_of_window",
    "wait_expired",
    "unknown_reference",
    "amount_mismatch",
    "contradicts_final",
}


def start(folder: Path, people: int, seed: int) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", RUN, str(folder)],
        cwd=ROOT,
        env={**os.environ, "PEOPLE": str(people), "SEED": str(seed)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def left_running(folder: Path) -> list[str]:
    """List the processes that were started for this folder."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if str(folder) in " ".join([*process.cmdline(), *process.environ().values()]):
                found.append(f"{process.pid} {process.name()}")
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    # Started by root, PostgreSQL runs as a user of its own, which must be able to enter the folder.
    for part in (tmp_path, *tmp_path.parents):
        with suppress(OSError):
            part.chmod(part.stat().st_mode | 0o011)
    yield tmp_path
    assert left_running(tmp_path) == []


@pytest.mark.timeout(300)
def test_demo_balances(folder: Path) -> None:
    left_of_an_earlier_run = folder / "demo" / "ledgers" / "bni.jsonl"
    left_of_an_earlier_run.parent.mkdir(parents=True)
    left_of_an_earlier_run.write_text("{}\n")
    demo = start(folder, people=600, seed=11)
    output, _ = demo.communicate(timeout=230)
    assert demo.returncode == 0, output
    assert "doubles 0, losses 0, balanced" in output
    summary: dict[str, Any] = json.loads((folder / "demo" / "summary.json").read_text())
    assert summary["participants"] == 600
    assert (summary["doubles"], summary["losses"], summary["balanced"], summary["wrongs"]) == (0, 0, True, [])
    states = ("settled", "held", "cancelled", "forfeited")
    assert sum(summary["fee"][state] for state in states) == summary["completed"]
    assert summary["incentive_1"]["amount_settled"] == summary["incentive_1"]["settled"] * INCENTIVE
    assert summary["incentive_1"]["held"] > 0
    assert summary["incentive_1"]["cancelled"] > 0
    assert summary["incentive_1"]["forfeited"] > 0
    # The series of the scheme of the pandemic runs to its end, or has ended with a voided training.
    assert 0 < summary["incentive_2"]["settled"] == summary["incentive_4"]["settled"]
    assert summary["survey_1"]["settled"] > summary["survey_3"]["settled"] > 0
    assert min(summary["voided"], summary["revoked"], summary["blocked"], summary["claims"]["open"]) > 0
    assert summary["claims"]["repaid"] == 1
    assert min(summary["erased"], summary["reopened"], summary["returned"], summary["returned_to_treasury"]) > 0
    assert set(summary["balances_forfeited"]) == {str(reason) for reason in ForfeitReason}
    assert all(0 < forfeited["count"] < forfeited["amount"] for forfeited in summary["balances_forfeited"].values())
    assert set(summary["refused"]) == REFUSED
    assert set(summary["parked"]) == PARKED
    assert summary["breaks"] == {"duplicate": 2}
    assert {"beancount", "docs/contracts/check_books.py"} <= set(summary["books_checked_by"])
    assert any("made a payment twice" in fault for fault in summary["faults"])
    assert any("SIGKILL" in fault for fault in summary["faults"])
    assert any("broker" in fault for fault in summary["faults"])


def test_second_demo_in_the_same_folder_is_refused(folder: Path) -> None:
    with hold_lock(folder / "demo.lock"):
        demo = start(folder, people=300, seed=12)
        output, _ = demo.communicate(timeout=60)
    assert demo.returncode == 1
    assert "another run is under way" in output
    assert not (folder / "demo").exists()


@pytest.mark.timeout(200)
@pytest.mark.parametrize("moment", ["Kafka on port", "events sent"])
def test_interrupted_demo_leaves_no_process_running(folder: Path, moment: str) -> None:
    demo = start(folder, people=300, seed=12)
    assert demo.stdout is not None
    output = ""
    deadline = time.monotonic() + 60
    while moment not in output and time.monotonic() < deadline:
        output += demo.stdout.readline()
    assert moment in output
    demo.send_signal(signal.SIGINT)
    output += demo.communicate(timeout=90)[0]
    assert demo.returncode == 130, output
    assert "Traceback" not in output
