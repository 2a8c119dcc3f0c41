"""Commands over HTTP, as an outside program gives them with the tokens of `salur.env`."""

import json
import os
import re
import subprocess
from pathlib import Path
from time import monotonic, sleep

import httpx

from deploy.local.installation import Installation
from deploy.local.paths import ROOT
from tests.acceptance.conftest import bearer
from tests.acceptance.journey import Journey
from tests.acceptance.outsider import DEADLINE_SECONDS, Outsider
from tests.acceptance.upstream import Upstream

WHY = {"why": "the partner says that it pays twice"}
CODE = "PRAT0AB12CD3"
CONTRACT = ROOT / "docs" / "contracts" / "README.md"
PEOPLE = ("VIEWER", "OPERATOR", "APPROVER_1", "APPROVER_2")


def ask(installation: Installation, who: str, method: str, path: str, **body: str) -> httpx.Response:
    """Ask payment as one of the people, or as nobody."""
    headers = bearer(installation, who) if who else {}
    return httpx.request(method, installation.services["payment"].url + path, headers=headers, json=body or None)


def test_halt_holds_a_payment_and_two_people_approve_a_frozen_one(
    installation: Installation, outsider: Outsider
) -> None:
    upstream = Upstream(outsider, "48")
    upstream.open_programme()
    journey = Journey(upstream, "4810000000000041", "3273015505950003", CODE)
    for who, status in (("", 401), ("VIEWER", 403), ("APPROVER_1", 403), ("OPERATOR", 200)):
        assert ask(installation, who, "POST", "/halts/all", **WHY).status_code == status, who
    journey.admit()
    journey.buy()
    journey.complete()
    assert journey.await_event("payment", "disbursement_held", benefit="fee")["reason"] == "halted"
    assert ask(installation, "OPERATOR", "DELETE", "/halts/all", **WHY).status_code == 200

    (halts,) = [json.loads(line) for line in _run_sample(installation, "halts") if '"halts"' in line]
    assert [(one["scope"], one["why"]) for one in halts["halts"]] == [("gopay", "gopay pays twice")]

    first = _reject(journey, "FR01")
    version = _await_version(installation, journey)
    path = f"/disbursements/{journey.redeem_code}/fee/approvals"
    for who, given, status in (("OPERATOR", version, 403), ("APPROVER_1", "another", 409)):
        assert ask(installation, who, "POST", path, **WHY, version=given).status_code == status, who
    answers = [json.loads(line) for line in _run_sample(installation, "approvals", version=version)]
    assert [(one["changed"], one["awaits_second"]) for one in answers] == [(True, True), (True, False)]
    outsider.await_event(
        "disbursements.bni",
        lambda kind, data: kind.endswith("instructed.v1") and data["reference"] != first,
        "the fee is instructed again",
    )


def _run_sample(installation: Installation, name: str, **variables: str) -> list[str]:
    """Run a sample of the documentation as it stands there; return the lines of its answers."""
    (sample,) = re.findall(rf"<!-- {name} -->\n```bash\n(.*?)```", CONTRACT.read_text(), re.DOTALL)
    var = installation.folder / "var"
    var.mkdir(exist_ok=True)
    installation.write_environment(var / "salur.env")
    done = subprocess.run(
        ["/bin/bash", "-ec", sample],
        cwd=installation.folder,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def _reject(journey: Journey, reason: str) -> str:
    """Reject the fee as its partner; return the reference."""
    record, instruction = journey.await_instruction("bni", "fee")
    reference = str(instruction["reference"])
    report = {
        "reference": reference,
        "status": "rejected",
        "amount": instruction["amount"],
        "reason": reason,
        "partner_reference": f"bni-{reference}",
        "reported_at": "2023-03-20T00:00:00Z",
    }
    kind = "salur.partner.disbursement_reported.v1"
    journey.upstream.outside.send(
        "disbursement-reports.bni", "/partners/bni", kind, reference, report, partition=record.partition()
    )
    return reference


def _await_version(installation: Installation, journey: Journey) -> str:
    """Return the version of the frozen fee as soon as it is shown."""
    deadline = monotonic() + DEADLINE_SECONDS
    while monotonic() < deadline:
        for row in ask(installation, "APPROVER_1", "GET", "/held").json()["held"]:
            if (row["redeem_code"], row["benefit"], row["frozen"]) == (journey.redeem_code, "fee", True):
                return str(row["version"])
        sleep(0.1)
    raise AssertionError("the fee is never shown as held")


def test_no_token_stands_in_a_log_or_in_the_list(installation: Installation) -> None:
    tokens = [installation.environment()[f"SALUR_TOKEN_{who}"] for who in PEOPLE]
    for who in PEOPLE:
        assert ask(installation, who, "GET", "/held").status_code == 200
    files = [*(installation.folder / "log").iterdir(), *installation.keys.rglob("tokens.json")]
    assert [path.name for path in files if any(token in _text(path) for token in tokens)] == []


def test_verb_shows_who_commanded_over_http(installation: Installation) -> None:
    ask(installation, "OPERATOR", "POST", "/halts/dana", **WHY)
    ask(installation, "OPERATOR", "DELETE", "/halts/dana", **WHY)
    shown = installation.services["payment"].run("operations", "--json")
    assert '"operator"' in shown.stdout
    assert WHY["why"] in shown.stdout


def _text(path: Path) -> str:
    return path.read_text(errors="replace")
