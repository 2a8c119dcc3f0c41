"""One participant's way from admission to settled money, in the outsider's own events."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.acceptance.outsider import Outsider

PROVIDER, PROVIDER_ACCOUNT = "LP0001", "0123456789"


def register_provider(outside: Outsider) -> None:
    claims = {"sub": PROVIDER, "name": "Lembaga", "number": PROVIDER_ACCOUNT, "partner": "bni", "version": "1"}
    account = {"partner": "bni", "sealed": outside.seal("programme", "registry", claims)}
    data = {"provider_id": PROVIDER, "version": 1, "account": account}
    outside.send("programme.registry", "/programme", "salur.registry.provider_registered.v1", PROVIDER, data)


def open_wave(outside: Outsider, wave: str, scheme: str) -> None:
    """Open a wave and appropriate money to it."""
    data = {
        "wave": wave,
        "scheme": scheme,
        "quota": 10_000,
        "opens_at": "2023-02-17T12:00:00Z",
        "closes_at": "2023-02-20T12:00:00Z",
    }
    outside.send("programme.registry", "/programme", "salur.registry.wave_opened.v1", wave, data)
    for component, amount in (("training", 10_000_000), ("incentive", 5_000_000), ("survey", 1_000_000)):
        funds = {
            "wave": wave,
            "component": component,
            "amount": {"value": amount, "currency": "IDR"},
            "document": f"SP2D-23-{wave}",
            "appropriated_at": "2023-02-18T00:00:00Z",
        }
        outside.send("treasury.funding", "/treasury", "salur.treasury.funds_appropriated.v1", wave, funds)


@dataclass(frozen=True)
class Journey:
    """A participant of a wave with one training, and an account at GoPay."""

    outside: Outsider
    person: str
    nik: str
    wave: str
    redeem_code: str
    number: str = "081234567890"

    def admit(self) -> None:
        """Send the application, and the account in structured mode."""
        stated = {"wave": self.wave, "regency": "3273", "admitted_at": "2023-02-21T03:00:00Z"}
        claims = {"sub": self.person, "nik": self.nik, "birth_date": "1995-05-15", **stated}
        self._register(
            "participant_admitted",
            {
                **stated,
                "identity": self.outside.seal("programme", "registration", claims),
                "gender": "female",
                "dwelling": "village",
                "disability": False,
            },
        )
        stated = {"kyc": "verified", "linked_at": "2023-02-22T03:00:00Z"}
        claims = {"sub": self.person, "nik": self.nik, "number": self.number, "partner": "gopay", **stated}
        account = {"partner": "gopay", "sealed": self.outside.seal("programme", "registration", claims)}
        self._register("account_linked", {"account": account, **stated}, structured=True)

    def _register(self, kind: str, data: dict[str, Any], *, structured: bool = False) -> None:
        body = {"participant_id": self.person, **data}
        kind = f"salur.registration.{kind}.v1"
        self.outside.send("enrollment.requests", "/registration", kind, self.person, body, structured=structured)

    def buy(self, mode: str, price: int, hours: int, sessions: Sequence[str]) -> dict[str, Any]:
        """Buy a training with a session of each of these modes, a day each; return its `enrollment_confirmed`."""
        data = {
            "participant_id": self.person,
            "redeem_code": self.redeem_code,
            "invoice_code": f"INV-{self.redeem_code}",
            "platform": "pintar",
            "provider_id": PROVIDER,
            "course_code": "C-0815",
            "schedule_code": "S-0815-03",
            "mode": mode,
            "price": {"value": price, "currency": "IDR"},
            "hours": hours,
            "class_size": 40,
            "sessions": [
                {
                    "sequence": day,
                    "mode": session,
                    "starts_at": f"2023-03-{day:02}T01:00:00Z",
                    "ends_at": f"2023-03-{day:02}T04:00:00Z",
                }
                for day, session in enumerate(sessions, 1)
            ],
            "purchased_at": "2023-02-24T05:00:00Z",
        }
        kind = "salur.platform.training_purchased.v1"
        self.outside.send("training.purchases", "/platforms/pintar", kind, self.person, data)
        return self.await_event("enrollment", "enrollment_confirmed")

    def prove(self, source: str, kind: str, **data: object) -> None:
        """Send a piece of evidence."""
        body = {"participant_id": self.person, "redeem_code": self.redeem_code, **data}
        topic = "training.attendance" if kind == "session_attended" else "training.evidence"
        self.outside.send(topic, source, f"salur.training.{kind}.v1", self.person, body)

    def await_event(self, service: str, kind: str) -> dict[str, Any]:
        """Return the data of an event about this training."""
        _, data = self.outside.await_event(
            f"{service}.events",
            lambda type_, data: type_ == f"salur.{service}.{kind}.v1" and data["redeem_code"] == self.redeem_code,
            f"{kind} of {self.redeem_code}",
        )
        return data

    def pay_fee(self, amount: int) -> None:
        self._pay("bni", "fee", amount, "provider", PROVIDER_ACCOUNT)

    def pay_cash(self, benefit: str, amount: int) -> str:
        """Pay the participant; return the time at which it was instructed."""
        return self._pay("gopay", benefit, amount, "participant", self.number)

    def _pay(self, partner: str, benefit: str, amount: int, payee: str, number: str) -> str:
        """Receive the instruction as the partner, open the account, report it settled twice, await the settlement."""
        reference = self._await_payment("disbursement_instructed", benefit)["reference"]
        record, instruction = self.outside.await_event(
            f"disbursements.{partner}",
            lambda type_, data: type_ == "salur.payment.disbursement_instructed.v1" and data["reference"] == reference,
            f"{partner} is told to pay {benefit}",
        )
        assert instruction["benefit"] == benefit.split("_")[0]
        assert instruction["amount"] == {"value": amount, "currency": "IDR"}
        assert instruction["payee"]["kind"] == payee
        assert self.outside.open(partner, instruction["payee"]["account"]) == {"sub": reference, "number": number}
        for status in ("accepted", "settled", "settled"):
            report = {
                "reference": reference,
                "status": status,
                "amount": instruction["amount"],
                "reason": None,
                "partner_reference": f"{partner}-{reference}",
                "reported_at": "2023-03-20T00:00:00Z",
            }
            self.outside.send(
                f"disbursement-reports.{partner}",
                f"/partners/{partner}",
                "salur.partner.disbursement_reported.v1",
                reference,
                report,
                partition=record.partition(),
            )
        settled = self._await_payment("disbursement_settled", benefit)
        assert (settled["participant_id"], settled["reference"]) == (self.person, reference)
        return str(instruction["instructed_at"])

    def _await_payment(self, kind: str, benefit: str) -> dict[str, Any]:
        _, data = self.outside.await_event(
            "payment.events",
            lambda type_, data: (
                type_ == f"salur.payment.{kind}.v1"
                and (data["redeem_code"], data["benefit"]) == (self.redeem_code, benefit)
            ),
            f"{kind} of {benefit} of {self.redeem_code}",
        )
        return data
