"""One participant's way from admission to settled money, in the outsider's own events."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.acceptance.upstream import PROVIDER_ACCOUNT, Upstream, rupiah


@dataclass(frozen=True)
class Journey:
    """A participant of a wave with one training, and an account at GoPay: `number`, else one of its own."""

    upstream: Upstream
    person: str
    nik: str
    redeem_code: str
    number: str = ""

    @property
    def account(self) -> str:
        """The number of the account; without `number`, one that no other participant has."""
        return self.number or f"08{self.person[-6:]}7890"

    def admit(self) -> None:
        """Send the application and the account."""
        self.upstream.admit(self.person, self.nik)
        self.upstream.link_account(self.person, self.nik, self.account)

    def buy(self, sessions: Sequence[str] = ("online",), **changes: object) -> dict[str, Any]:
        """Buy a training with a session of each of these modes, a day each; return its `enrollment_confirmed`."""
        self.upstream.buy(
            self.person,
            self.redeem_code,
            sessions=[
                {
                    "sequence": day,
                    "mode": mode,
                    "starts_at": f"2023-03-{day:02}T01:00:00Z",
                    "ends_at": f"2023-03-{day:02}T04:00:00Z",
                }
                for day, mode in enumerate(sessions, 1)
            ],
            **changes,
        )
        return self.await_event("enrollment", "enrollment_confirmed")

    def attend(self, day: int, proof: str = "face") -> None:
        """Attend the session of a day, by face check or by the code of the venue."""
        self.upstream.attend(
            self.person,
            self.redeem_code,
            source=f"/attendance/{proof.removesuffix('_qr')}",
            sequence=day,
            proof=proof,
            attended_at=f"2023-03-{day:02}T01:10:00Z",
        )

    def prove(self, name: str, source: str = "/platforms/pintar", **data: object) -> None:
        """Send a piece of evidence besides attendance."""
        self.upstream.prove(self.person, self.redeem_code, name, source=source, **data)

    def complete(self) -> None:
        """Send all that completes a training of one session, and its rating."""
        self.upstream.complete(self.person, self.redeem_code)

    def await_event(self, service: str, name: str, **wanted: str) -> dict[str, Any]:
        """Return the data of an event about this training."""
        return self.upstream.await_event(service, name, redeem_code=self.redeem_code, **wanted)

    def pay_fee(self, amount: int) -> None:
        self._pay("bni", "fee", amount, "provider", PROVIDER_ACCOUNT)

    def pay_cash(self, benefit: str, amount: int) -> str:
        """Pay the participant; return the time at which it was instructed."""
        return self._pay("gopay", benefit, amount, "participant", self.account)

    def await_instruction(self, partner: str, benefit: str) -> tuple[Any, dict[str, Any]]:
        """Return the record and the data of the instruction that the partner is given."""
        reference = self.await_event("payment", "disbursement_instructed", benefit=benefit)["reference"]
        return self.upstream.outside.await_event(
            f"disbursements.{partner}",
            lambda kind, data: kind == "salur.payment.disbursement_instructed.v1" and data["reference"] == reference,
            f"{partner} is told to pay {benefit}",
        )

    def _pay(self, partner: str, benefit: str, amount: int, payee: str, number: str) -> str:
        """Receive the instruction as the partner, open the account, report it settled twice, await the settlement."""
        outside = self.upstream.outside
        record, instruction = self.await_instruction(partner, benefit)
        reference = instruction["reference"]
        assert instruction["benefit"] == benefit.split("_")[0]
        assert instruction["amount"] == rupiah(amount)
        assert instruction["payee"]["kind"] == payee
        assert outside.open(partner, instruction["payee"]["account"]) == {"sub": reference, "number": number}
        for status in ("accepted", "settled", "settled"):
            report = {
                "reference": reference,
                "status": status,
                "amount": instruction["amount"],
                "reason": None,
                "partner_reference": f"{partner}-{reference}",
                "reported_at": "2023-03-20T00:00:00Z",
            }
            outside.send(
                f"disbursement-reports.{partner}",
                f"/partners/{partner}",
                "salur.partner.disbursement_reported.v1",
                reference,
                report,
                partition=record.partition(),
            )
        settled = self.await_event("payment", "disbursement_settled", benefit=benefit)
        assert (settled["participant_id"], settled["reference"]) == (self.person, reference)
        return str(instruction["instructed_at"])
