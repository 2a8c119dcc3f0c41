"""Upstream systems, partners and operators by the contract of the time when the installation was kept.

It runs in a checkout of that time too, so it uses only names that exist there.
"""

from __future__ import annotations

import subprocess
from typing import Any

from deploy.local.installation import Installation
from deploy.local.paths import ROOT
from tests.acceptance.outsider import Outsider

WAVE, POOR_WAVE, UNOPENED_WAVE = "48", "49", "50"


class OutsideWorld:
    """Sends the records of upstream systems and partners, runs operators' verbs, and lists the people in `index`."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        self.outside = Outsider(installation.kafka.bootstrap, installation.keys)
        self.index: dict[str, dict[str, str]] = {}
        self._numbers: dict[str, int] = {}

    def person(self, name: str) -> str:
        number = self._numbers.setdefault(name, len(self._numbers) + 1)
        identity = f"48100000{number:08d}"
        self.index.setdefault(name, {"participant_id": identity})
        return identity

    def code(self, name: str, training: str = "") -> str:
        self.person(name)
        redeem_code = f"KEPT{self._numbers[name]:06d}{training or 'A'}0"
        self.index[name][f"redeem_code{'_' + training.lower() if training else ''}"] = redeem_code
        return redeem_code

    def nik(self, name: str) -> str:
        self.person(name)
        return f"327301550595{self._numbers[name]:04d}"

    def request(self, kind: str, name: str, source: str = "/registration", **data: object) -> None:
        person = self.person(name)
        self.outside.send("enrollment.requests", source, f"salur.{kind}.v1", person, {"participant_id": person, **data})

    def admit(self, name: str, wave: str = WAVE, nik: str | None = None) -> None:
        claims = {"sub": self.person(name), "nik": nik or self.nik(name), "birth_date": "1995-05-15"}
        self.request(
            "registration.participant_admitted",
            name,
            wave=wave,
            identity=self.outside.seal("programme", "registration", claims),
            gender="female",
            regency="3273",
            dwelling="village",
            disability=False,
            admitted_at="2023-02-21T03:00:00Z",
        )

    def link(
        self, name: str, partner: str, *, kyc: str = "verified", nik: str | None = None, day: int = 22, number: str = ""
    ) -> None:
        claims = {"sub": self.person(name), "number": number or f"08{self._numbers[name]:010d}"}
        sealed = self.outside.seal("programme", "registration", claims | {"nik": nik or self.nik(name)})
        account = {"partner": partner, "sealed": sealed}
        self.request(
            "registration.account_linked", name, account=account, kyc=kyc, linked_at=f"2023-02-{day:02d}T03:00:00Z"
        )

    def purchase(
        self,
        name: str,
        training: str = "",
        *,
        provider: str = "LP0001",
        price: int = 1_500_000,
        hours: int = 18,
        bought: str = "2023-02-24T05:00:00Z",
        day: str = "2023-03-01",
    ) -> None:
        code = self.code(name, training)
        self.request(
            "platform.training_purchased",
            name,
            "/platforms/pintar",
            redeem_code=code,
            invoice_code=f"INV-{code}",
            platform="pintar",
            provider_id=provider,
            course_code="C-0815",
            schedule_code="S-0815-03",
            mode="offline",
            price={"value": price, "currency": "IDR"},
            hours=hours,
            class_size=40,
            sessions=[
                {"sequence": 1, "mode": "offline", "starts_at": f"{day}T01:00:00Z", "ends_at": f"{day}T04:00:00Z"}
            ],
            purchased_at=bought,
        )

    def enrolled(self, name: str, training: str = "") -> None:
        code = self.code(name, training)
        self.outside.await_event(
            "enrollment.events",
            lambda kind, data: kind.endswith("enrollment_confirmed.v1") and data["redeem_code"] == code,
            f"{name} is enrolled",
        )

    def evidence(self, name: str, source: str, kind: str, training: str = "", **data: object) -> None:
        person = self.person(name)
        body = {"participant_id": person, "redeem_code": self.code(name, training), **data}
        self.outside.send("training.evidence", source, f"salur.training.{kind}.v1", person, body)

    def attend(self, name: str, training: str = "", day: str = "2023-03-01") -> None:
        at = f"{day}T01:10:00Z"
        self.evidence(
            name, "/attendance/venue", "session_attended", training, sequence=1, proof="venue_qr", attended_at=at
        )

    def test(self, name: str, training: str = "", day: str = "2023-03-03") -> None:
        at = f"{day}T02:00:00Z"
        self.evidence(name, "/platforms/pintar", "post_test_taken", training, score=80, passed=True, taken_at=at)

    def rate(self, name: str, training: str = "", day: str = "2023-03-04") -> None:
        self.evidence(name, "/platforms/pintar", "training_rated", training, stars=5, rated_at=f"{day}T02:00:00Z")

    def completed(self, name: str, training: str = "") -> None:
        code = self.code(name, training)
        self.outside.await_event(
            "completion.events",
            lambda kind, data: kind.endswith("completion_confirmed.v1") and data["redeem_code"] == code,
            f"{name} has completed",
        )

    def train(self, name: str, *, rated: bool = True, wave: str = WAVE, **purchase: Any) -> None:
        """Send everything from the admission to the rating."""
        self.admit(name, wave)
        self.purchase(name, **purchase)
        self.enrolled(name)
        self.attend(name)
        self.test(name)
        if rated:
            self.rate(name)

    def await_disbursement(self, name: str, benefit: str, what: str, training: str = "") -> dict[str, Any]:
        """Return the latest event of a disbursement, once one of this kind has been published."""
        code = self.code(name, training)
        _, data = self.outside.await_event(
            "payment.events",
            lambda kind, data: (
                kind.endswith(f"disbursement_{what}.v1") and (data["redeem_code"], data["benefit"]) == (code, benefit)
            ),
            f"{benefit} of {name} is {what}",
        )
        return data

    def report(
        self, name: str, benefit: str, status: str, reason: str | None = None, *, reference: str | None = None
    ) -> None:
        told = self.await_disbursement(name, benefit, "instructed")
        self.answer(told["partner"], reference or told["reference"], told["amount"], status, reason)
        self.index[name][f"reference_{benefit}"] = told["reference"]

    def answer(
        self, partner: str, reference: str, amount: dict[str, Any], status: str, reason: str | None = None
    ) -> None:
        self.outside.send(
            f"disbursement-reports.{partner}",
            f"/partners/{partner}",
            "salur.partner.disbursement_reported.v1",
            reference,
            {
                "reference": reference,
                "status": status,
                "amount": amount,
                "reason": reason,
                "partner_reference": f"{partner}-{reference[:4]}",
                "reported_at": "2023-03-20T00:00:00Z",
            },
        )

    def verb(self, service: str, *words: str) -> None:
        one = self.installation.services[service]
        subprocess.run(one.command(*words), cwd=ROOT, env=one.environment, check=True)

    def parked(self, service: str, reason: str, count: int = 1) -> None:
        found = set()

        def is_one(kind: str, data: dict[str, Any]) -> bool:
            if kind.endswith("record_parked.v1") and data["reason"] == reason:
                found.add((data["topic"], data["partition"], data["offset"]))
            return len(found) >= count

        self.outside.await_event(f"dead-letters.{service}", is_one, f"{service} has parked {reason}")
