"""A programme that leaves people in every state.

It runs in a checkout of the time when the installation was kept, so it uses only names that exist there.
"""

from __future__ import annotations

import sys
import time

from deploy.local.paths import ROOT
from deploy.local.processes import Process
from tests.upgrade.outside_world import POOR_WAVE, UNOPENED_WAVE, WAVE, OutsideWorld

OPERATOR = ("--who", "ani", "--why", "kept for upgrades")


class Population(OutsideWorld):
    """Parts of the programme, to be played in the order in which they stand here."""

    def open_the_programme(self) -> None:
        for wave in (WAVE, POOR_WAVE):
            self.outside.send(
                "programme.registry",
                "/programme",
                "salur.registry.wave_opened.v1",
                wave,
                {
                    "wave": wave,
                    "scheme": "normal-2023",
                    "quota": 1000,
                    "opens_at": "2023-02-17T12:00:00Z",
                    "closes_at": "2023-02-20T12:00:00Z",
                },
            )
        for provider, partner in (("LP0001", "bni"), ("LP0002", "bca")):
            claims = {"sub": provider, "number": f"01234{provider[-4:]}", "name": "Lembaga"}
            account = {"partner": partner, "sealed": self.outside.seal("programme", "registry", claims)}
            self.outside.send(
                "programme.registry",
                "/programme",
                "salur.registry.provider_registered.v1",
                provider,
                {"provider_id": provider, "version": 1, "account": account},
            )
        for wave, component, amount in (
            (WAVE, "training", 100_000_000),
            (WAVE, "incentive", 50_000_000),
            (POOR_WAVE, "training", 2_000_000),
        ):
            self.outside.send(
                "treasury.funding",
                "/treasury",
                "salur.treasury.funds_appropriated.v1",
                wave,
                {
                    "wave": wave,
                    "component": component,
                    "amount": {"value": amount, "currency": "IDR"},
                    "document": f"SP2D-{wave}",
                    "appropriated_at": "2023-02-18T00:00:00Z",
                },
            )

    def pay_in_every_way(self) -> None:
        self.train("paid")
        self.link("paid", "gopay")
        for benefit in ("fee", "incentive_1"):
            self.report("paid", benefit, "accepted")
            self.report("paid", benefit, "settled")
            self.await_disbursement("paid", benefit, "settled")
        self.train("under_way")
        self.link("under_way", "gopay")
        self.await_disbursement("under_way", "fee", "instructed")
        self.report("under_way", "incentive_1", "accepted")
        self.await_disbursement("under_way", "incentive_1", "accepted")
        for name, reason in (
            ("account_closed", "AC04"),
            ("duplicate", "AM05"),
            ("duplicate_then_unverified", "AM05"),
            ("contradicted", "AB05"),
            ("failed", "LEGL"),
            ("partner_rejected", "MS03"),
            ("second_attempt", "AC04"),
        ):
            self.train(name)
            self.link(name, "ovo")
            self.report(name, "incentive_1", "rejected", reason)
            self.await_disbursement(name, "incentive_1", "rejected")
        self.link("duplicate_then_unverified", "ovo", kyc="unverified", day=23)
        self.report("contradicted", "incentive_1", "settled")
        self.parked("payment", "contradicts_final")
        self.link("second_attempt", "gopay", day=23)
        code = self.code("second_attempt")
        self.outside.await_event(
            "payment.events",
            lambda kind, data: (
                kind.endswith("disbursement_instructed.v1") and (data["redeem_code"], data["attempt"]) == (code, 2)
            ),
            "the second attempt is instructed",
        )

    def hold_in_every_way(self) -> None:
        self.train("no_account")
        self.train("account_unverified")
        self.link("account_unverified", "dana", kyc="unverified")
        self.train("account_other_nik")
        self.link("account_other_nik", "dana", nik=self.nik("somebody_else"))
        self.train("no_provider_account", provider="LP0003")
        self.train("above_the_limit", price=2_500_000)
        self.train("approved_without_funds", wave=POOR_WAVE, price=2_500_000)
        self.await_disbursement("approved_without_funds", "fee", "held")
        self.verb("payment", "approve", self.code("approved_without_funds"), "fee", *OPERATOR)
        for number in range(4):
            self.train(f"poor_{number}", wave=POOR_WAVE)
            self.link(f"poor_{number}", "gopay")
        for number in range(4):
            self.completed(f"poor_{number}")
        self.verb("payment", "halt", "--partner", "linkaja", *OPERATOR)
        self.train("halted")
        self.link("halted", "linkaja")
        for name, benefit in (
            ("no_account", "incentive_1"),
            ("account_unverified", "incentive_1"),
            ("account_other_nik", "incentive_1"),
            ("no_provider_account", "fee"),
            ("above_the_limit", "fee"),
            ("halted", "incentive_1"),
        ):
            self.await_disbursement(name, benefit, "held")

    def lose_an_incentive(self) -> None:
        """Buy training B first, receive it second, and complete it in the records before A; only A is rated."""
        self.admit("lost_incentive")
        self.link("lost_incentive", "gopay")
        self.purchase("lost_incentive", "A", bought="2023-02-27T05:00:00Z")
        self.enrolled("lost_incentive", "A")
        self.purchase("lost_incentive", "B", bought="2023-02-22T05:00:00Z", day="2023-02-24")
        self.enrolled("lost_incentive", "B")
        self.attend("lost_incentive", "B", "2023-02-24")
        self.test("lost_incentive", "B", "2023-03-10")
        self.completed("lost_incentive", "B")
        self.attend("lost_incentive", "A")
        self.test("lost_incentive", "A")
        self.completed("lost_incentive", "A")
        self.rate("lost_incentive", "A")
        self.await_disbursement("lost_incentive", "fee", "instructed", "A")
        self.await_disbursement("lost_incentive", "fee", "instructed", "B")

    def stop_half_way(self) -> None:
        self.train("not_rated", rated=False)
        self.link("not_rated", "gopay")
        self.completed("not_rated")
        self.admit("half_trained")
        self.link("half_trained", "gopay")
        self.purchase("half_trained")
        self.enrolled("half_trained")
        self.test("half_trained")
        self.admit("nik_invalid", nik="9999015505950001")
        self.admit("rejected_enrollment")
        self.purchase("rejected_enrollment", hours=2)
        self.admit("before_its_wave", UNOPENED_WAVE)
        self.purchase("before_its_admission")
        self.attend("before_its_purchase")

    def break_rules(self) -> None:
        self.request("registration.participant_blocked", "paid", reason="ineligible", blocked_at="2023-03-18T00:00:00Z")
        self.request(
            "platform.training_voided",
            "not_rated",
            "/platforms/pintar",
            redeem_code=self.code("not_rated"),
            reason="class_cancelled",
            voided_at="2023-03-18T00:00:00Z",
        )
        self.parked("enrollment", "unknown_type", 2)
        self.purchase("paid", price=1_400_000)
        self.parked("enrollment", "conflict")
        person = self.person("stranger")
        account = {"partner": "gopay", "sealed": "a.b.c.d.e"}
        self.request(
            "registration.account_linked", "stranger", account=account, kyc="verified", linked_at="2023-02-22T03:00:00Z"
        )
        self.evidence("paid", "/platforms/pintar", "survey_answered", survey=1, answered_at="2023-03-05T00:00:00Z")
        self.outside.send("training.evidence", "/platforms/pintar", "salur.training.training_rated.v1", person, {})
        self.parked("completion", "unknown_type")
        self.parked("completion", "invalid_field")
        self.answer("dana", "0" * 16, {"value": 600_000, "currency": "IDR"}, "settled")
        self.parked("payment", "unknown_reference")

    def leave_a_page_unpublished(self) -> None:
        """Kill payment between a commit and the publication of its page."""
        self.train("unpublished", rated=False)
        self.completed("unpublished")
        self.await_disbursement("unpublished", "fee", "instructed")
        self.link("unpublished", "gopay")
        payment = self.installation.services["payment"]
        payment.kill()
        # The module's name in the commit that this runs in.
        dying = Process.start(
            "dying",
            [sys.executable, "-m", "tests.faults.armed", "payment", "after_commit", "SIGKILL"],
            log=self.installation.folder / "log" / "dying.log",
            environment=payment.environment,
            folder=ROOT,
        )
        time.sleep(8)
        self.rate("unpublished")
        deadline = time.monotonic() + 60
        while dying.alive and time.monotonic() < deadline:
            time.sleep(0.2)
        if dying.alive:
            raise AssertionError("payment did not reach the point where it was to die")

    def leave_records_unread(self) -> None:
        """Send records by the contract and under the seals of that time, while no service reads."""
        self.admit("unread_admission")
        self.link("no_account", "gopay")
        self.purchase("unread_purchase")
        self.attend("half_trained")
        self.report("under_way", "fee", "settled")
