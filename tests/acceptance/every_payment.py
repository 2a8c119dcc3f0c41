"""Payments in every state, played through Kafka by upstream systems, partners and operators.

Each person stands for one ending and is known by its name.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from deploy.local.installation import Installation
from deploy.local.paths import ROOT
from tests.acceptance.outsider import Outsider
from tests.acceptance.upstream import FEE, FUNDS, PROVIDER, Upstream, rupiah

WAVE, POOR_WAVE, OLD_WAVE = "48", "49", "40"
LIMIT = 2_000_000
# The cut-off of the old wave is in the past; a lane passes it once it has waited for late records.
SETTINGS = {"PAYMENT_APPROVAL_ABOVE_RUPIAH": str(LIMIT), "PAYMENT_WAIT_AT_MOST_SECONDS": "7200"}
AFTER_THE_CUT_OFF = datetime(2023, 3, 20, 6, tzinfo=UTC)
FIRST, SECOND = (("--who", who, "--why", "as the partner's statement says") for who in ("ani", "budi"))

HELD_AFTER_REJECTION = {
    "invalid": ("AC01", "account_invalid"),
    "closed": ("AC04", "account_closed"),
    "full": ("AM02", "account_full"),
    "paused": ("AB05", "partner_paused"),
    "refused": ("MS03", "partner_rejected"),
    "duplicate": ("AM05", "needs_approval"),
    "approved_once": ("AM05", "needs_approval"),
    "approved": ("AM05", "needs_approval"),
    "contradicted": ("AC04", "account_closed"),
    "confirmed": ("AC04", "account_closed"),
    "paid_twice": ("AC04", "account_closed"),
}
"""People whose incentive is rejected for a reason, and is held for another."""
# With the default of three, the last of them is one too many.
SHARERS = ("shares_1", "shares_2", "shares_3", "shares_4")


@dataclass
class EveryPayment:
    """Plays the parts in the order in which they stand here. `people`: ids, codes and references by name."""

    installation: Installation
    outside: Outsider
    people: dict[str, dict[str, str]] = field(default_factory=dict)
    upstream: Upstream = field(init=False)

    def __post_init__(self) -> None:
        self.upstream = Upstream(self.outside, WAVE)

    def play(self) -> None:
        """Play all parts, and move the clock past the cut-off of the old wave and all answers."""
        self.open_programme()
        self.pay()
        self.reject()
        self.contradict()
        self.hold()
        self.change_minds()
        self.pass_cut_off()

    def open_programme(self) -> None:
        """Open three waves; the poor one has money for a single fee."""
        self.upstream.open_programme()
        Upstream(self.outside, POOR_WAVE).open_wave()
        self._appropriate(POOR_WAVE, "training", FEE)
        old = {"scheme": "semi-bansos-2020", "opens_at": "2022-11-01T00:00:00Z", "closes_at": "2022-11-05T00:00:00Z"}
        Upstream(self.outside, OLD_WAVE).open_wave(**old)
        for component, amount in FUNDS.items():
            self._appropriate(OLD_WAVE, component, amount)
        for component in ("training", "incentive"):
            self._appropriate(WAVE, component, 100_000_000)

    def pay(self) -> None:
        """Leave incentives instructed, accepted, settled and returned, and fees settled and instructed."""
        for name in ("instructed", "accepted", "settled", "returned"):
            self.train(name)
            self.link(name)
        self.report("accepted", "incentive_1", "accepted")
        for benefit in ("fee", "incentive_1"):
            self.report("settled", benefit, "accepted")
            self.report("settled", benefit, "settled")
            self.await_event("disbursement_settled", "settled", benefit)
        self.upstream.prove(
            self.id("settled"), self.code("settled"), "survey_answered", survey=1, answered_at="2023-03-05T00:00:00Z"
        )
        self.report("returned", "incentive_1", "settled")
        self.report("returned", "incentive_1", "returned", "AC04")
        self.await_event("disbursement_returned", "returned")

    def reject(self) -> None:
        """Have incentives rejected: for ever, and for all reasons after which they are held."""
        for name, (reason, hold) in HELD_AFTER_REJECTION.items():
            self.train(name)
            self.link(name, "ovo")
            self.report(name, "incentive_1", "rejected", reason)
            self.await_event("disbursement_held", name, reason=hold)
        self.train("failed")
        self.link("failed", "ovo")
        self.report("failed", "incentive_1", "rejected", "LEGL")
        self.await_event("disbursement_failed", "failed")
        self.train("second_attempt")
        self.link("second_attempt", "ovo")
        self.report("second_attempt", "incentive_1", "rejected", "AC04")
        for name in ("second_attempt", "paid_twice"):
            self.link(name, day=23)
            self.await_event("disbursement_instructed", name, attempt=2)

    def contradict(self) -> None:
        """Have partners contradict themselves, and decide by one person and by two."""
        for name in ("contradicted", "confirmed"):
            self.report(name, "incentive_1", "settled")
            self.await_event("disbursement_held", name, reason="needs_approval")
        self.report("paid_twice", "incentive_1", "settled", attempt=2)
        self.await_event("disbursement_settled", "paid_twice")
        self.report("paid_twice", "incentive_1", "settled")
        self._repay("paid_twice")
        for person, names in ((FIRST, ("approved_once", "approved")), (SECOND, ("approved",))):
            for name in names:
                self.verb("approve", self.code(name), "incentive_1", *person)
        self.await_event("disbursement_instructed", "approved", attempt=2)
        for person in (FIRST, SECOND):
            self.verb("confirm", self.people["confirmed"]["reference_incentive_1"], *person, "--yes")
        self.await_event("disbursement_settled", "confirmed")
        self.train("another_amount")
        self.link("another_amount", "ovo")
        told = self.await_event("disbursement_instructed", "another_amount")
        self.answer("ovo", told["reference"], 1, "settled")
        self.answer("dana", "0" * 16, 600_000, "settled")

    def hold(self) -> None:
        """Hold payments for all reasons that need no rejection; a partner that lacks money is halted."""
        for name in ("no_account", "account_unverified", "account_other_nik", "halted", "partner_lacks_money"):
            self.train(name)
        self.await_event("disbursement_held", "no_account", reason="no_account")
        self.link("account_unverified", kyc="unverified")
        self.await_event("disbursement_held", "account_unverified", reason="account_unverified")
        self.link("account_other_nik", nik=self.nik("somebody_else"))
        self.await_event("disbursement_held", "account_other_nik", reason="account_other_nik")
        self.train("no_provider_account", provider="LP0003")
        self.await_event("disbursement_held", "no_provider_account", "fee", reason="no_provider_account")
        self.train("above_the_limit", price=LIMIT + 1)
        self.await_event("disbursement_held", "above_the_limit", "fee", reason="needs_approval")
        for name in ("in_the_poor_wave", "waits_for_money", "waits_for_money_too"):
            self.train(name, POOR_WAVE)
            held = name != "in_the_poor_wave"
            self.await_event("disbursement_held" if held else "disbursement_instructed", name, "fee")
        self.link("partner_lacks_money", "linkaja")
        self.report("partner_lacks_money", "incentive_1", "rejected", "AM04")
        self.link("halted", "linkaja")
        for name in ("partner_lacks_money", "halted"):
            self.await_event("disbursement_held", name, reason="halted")

    def change_minds(self) -> None:
        """Void, revoke, block and erase what is held, at a partner and paid; have claims end in every way."""
        for name in ("cancelled", "revoked", "erased", "blocked", "voided_under_way"):
            self.train(name)
            self.await_event("disbursement_held", name, reason="no_account")
        for name in ("claimed", "repaid", "revoked_after_payment", "block_withdrawn"):
            self.train(name)
            self.link(name)
            self.report(name, "incentive_1", "settled")
            self.await_event("disbursement_settled", name)
        self.link("voided_under_way")
        self.await_event("disbursement_instructed", "voided_under_way")
        for name in ("cancelled", "voided_under_way", "claimed", "repaid"):
            self.upstream.void(self.id(name), self.code(name), "2023-03-19T00:00:00Z")
        for name in ("revoked", "revoked_after_payment"):
            self._revoke(name)
        self.upstream.erase(self.id("erased"))
        for name, reason in (("cancelled", "voided"), ("revoked", "revoked"), ("erased", "erased")):
            self.await_event("disbursement_cancelled", name, reason=reason)
        for name in ("blocked", "block_withdrawn"):
            self.upstream.block(self.id(name), "2023-03-18T00:00:00Z")
        self.await_event("disbursement_held", "blocked", reason="participant_blocked")
        self.await_event("claim_opened", "block_withdrawn", reason="blocked")
        self.upstream.unblock(self.id("block_withdrawn"), "2023-03-19T00:00:00Z")
        self.await_event("claim_withdrawn", "block_withdrawn")
        self._repay("repaid")
        self.await_event("claim_opened", "claimed", reason="voided")
        self.await_event("claim_opened", "revoked_after_payment", reason="revoked")

    def pass_cut_off(self) -> None:
        """Leave a series and a held incentive in the old wave, and let its cut-off pass."""
        for name in ("in_a_series", "forfeited"):
            self.train_long_ago(name)
        self.link("in_a_series")
        for number in range(1, 4):
            self.await_event("disbursement_instructed", "in_a_series", f"incentive_{number}")
        self.await_event("disbursement_held", "forfeited")
        self.installation.set_clock(AFTER_THE_CUT_OFF)
        self.await_event("disbursement_forfeited", "forfeited")
        self.await_status_request("instructed")

    def share_an_account(self) -> None:
        """Have four people link one account, of whom the last is held."""
        for name in SHARERS:
            self.train(name)
            self.link(name, number="089999999999")
            held = name == SHARERS[-1]
            self.await_event("disbursement_held" if held else "disbursement_instructed", name)
        self.await_event("disbursement_held", SHARERS[-1], reason="shared_account")

    def lose_an_instruction(self) -> list[dict[str, Any]]:
        """Answer a request for the status with `not_found`; return the data of both instructions."""
        told = self.await_event("disbursement_instructed", "instructed")
        self.answer(told["partner"], told["reference"], None, "not_found")
        found: list[dict[str, Any]] = []

        def is_second(kind: str, data: dict[str, Any]) -> bool:
            if kind.endswith("disbursement_instructed.v1") and data["reference"] == told["reference"]:
                found.append(data)
            return len(found) == len(("first", "second"))

        self.outside.await_event(f"disbursements.{told['partner']}", is_second, "the same instruction comes again")
        return found

    def train(self, name: str, wave: str = WAVE, provider: str = PROVIDER, price: int = FEE) -> None:
        """Send everything from the admission to the rating, and wait for the enrollment in between."""
        upstream, person, code = Upstream(self.outside, wave), self.id(name), self.code(name)
        upstream.admit(person, self.nik(name))
        upstream.buy(person, code, provider_id=provider, price=rupiah(price))
        upstream.await_decision("enrollment_confirmed", redeem_code=code)
        upstream.complete(person, code, provider)

    def train_long_ago(self, name: str) -> None:
        """Train under the old scheme, which asks for a certificate, in November 2022.

        The time to complete has passed, so the evidence comes first and waits for its enrollment.
        """
        upstream, person, code = Upstream(self.outside, OLD_WAVE), self.id(name), self.code(name)
        upstream.admit(person, self.nik(name), admitted_at="2022-11-10T00:00:00Z")
        times = {"starts_at": "2022-11-20T01:00:00Z", "ends_at": "2022-11-20T04:00:00Z"}
        upstream.attend(person, code, attended_at="2022-11-20T01:10:00Z")
        upstream.prove(person, code, "post_test_taken", score=20, passed=False, taken_at="2022-11-20T02:00:00Z")
        certificate = {"certificate_no": f"C-{code}", "provider_id": PROVIDER, "issued_at": "2022-11-20T03:00:00Z"}
        upstream.prove(person, code, "certificate_issued", source=f"/providers/{PROVIDER}", **certificate)
        upstream.prove(person, code, "training_rated", stars=5, rated_at="2022-11-20T04:00:00Z")
        sessions = [{"sequence": 1, "mode": "online", **times}]
        upstream.buy(person, code, sessions=sessions, purchased_at="2022-11-15T05:00:00Z", price=rupiah(FEE))

    def id(self, name: str) -> str:
        number = len(self.people) + 1
        person = self.people.setdefault(name, {"participant_id": f"48200000{number:08d}", "number": f"{number:04d}"})
        return person["participant_id"]

    def code(self, name: str) -> str:
        self.id(name)
        return self.people[name].setdefault("redeem_code", f"MONEY{self.people[name]['number']:0>7}")

    def nik(self, name: str) -> str:
        self.id(name)
        return f"327301550595{self.people[name]['number']}"

    def link(self, name: str, partner: str = "gopay", *, day: int = 22, **stated: str) -> None:
        """Link an account of the participant's own at a partner on a day of February."""
        number = stated.pop("number", f"08{day}{self.people[name]['number']:0>8}")
        self.upstream.link_account(
            self.id(name),
            stated.pop("nik", self.nik(name)),
            number,
            partner,
            **{"kyc": "verified", "linked_at": f"2023-02-{day}T03:00:00Z", **stated},
        )

    def await_event(self, kind: str, name: str, benefit: str = "incentive_1", **wanted: Any) -> dict[str, Any]:
        """Return the data of the first such event on a payment of this person."""
        return self.upstream.await_event("payment", kind, redeem_code=self.code(name), benefit=benefit, **wanted)

    def report(self, name: str, benefit: str, status: str, reason: str | None = None, *, attempt: int = 1) -> None:
        """Report on an attempt once it is instructed."""
        told = self.await_event("disbursement_instructed", name, benefit, attempt=attempt)
        self.people[name][f"reference_{benefit}"] = told["reference"]
        self.answer(told["partner"], told["reference"], told["amount"]["value"], status, reason)

    def answer(self, partner: str, reference: str, amount: int | None, status: str, reason: str | None = None) -> None:
        """Report on a reference as the partner; with `not_found` there is no amount."""
        report = {
            "reference": reference,
            "status": status,
            "amount": None if amount is None else rupiah(amount),
            "reason": reason,
            "partner_reference": None if amount is None else f"{partner}-{reference[:4]}",
            "reported_at": "2023-03-20T00:00:00Z",
        }
        topic, kind = f"disbursement-reports.{partner}", "salur.partner.disbursement_reported.v1"
        self.outside.send(topic, f"/partners/{partner}", kind, reference, report)

    def await_status_request(self, name: str) -> None:
        """Wait until the partner of this person's incentive is asked for its status."""
        told = self.await_event("disbursement_instructed", name)
        self.outside.await_event(
            f"disbursements.{told['partner']}",
            lambda kind, data: (
                kind == "salur.payment.disbursement_status_requested.v1" and data["reference"] == told["reference"]
            ),
            f"the status of {name} is asked for",
        )

    def verb(self, *words: str) -> None:
        """Run a verb of payment, which must do it."""
        payment = self.installation.services["payment"]
        subprocess.run(payment.command(*words), cwd=ROOT, env=payment.environment, check=True, capture_output=True)

    def _appropriate(self, wave: str, component: str, amount: int) -> None:
        data: Mapping[str, object] = {
            "wave": wave,
            "component": component,
            "amount": rupiah(amount),
            "document": f"SP2D-23-{wave}-{amount}",
            "appropriated_at": "2023-02-18T00:00:00Z",
        }
        self.outside.send("treasury.funding", "/treasury", "salur.treasury.funds_appropriated.v1", wave, data)

    def _repay(self, name: str) -> None:
        """Record that the claim on this person's incentive was repaid."""
        claim = self.await_event("claim_opened", name)["claim"]
        self.verb("claims", "repaid", claim, "--document", "SSBP-23-1", *FIRST, "--yes")
        self.await_event("claim_repaid", name)

    def _revoke(self, name: str) -> None:
        """Revoke the attendance of a completed training."""
        about = {"participant_id": self.id(name), "redeem_code": self.code(name)}
        completed = self.upstream.await_event("completion", "completion_confirmed", **about)
        attended = next(piece for piece in completed["evidence"] if piece["source"].startswith("/attendance/"))
        evidence = {"source": attended["source"], "id": attended["id"]}
        data = {**about, "evidence": evidence, "reason": "face_fraud", "revoked_at": "2023-03-06T00:00:00Z"}
        kind = "salur.training.evidence_revoked.v1"
        self.outside.send("training.attendance", "/attendance/audit", kind, self.id(name), data)
