"""The upstream systems, in an outsider's words: every record as the contract gives it, with what a test changes."""

from dataclasses import dataclass
from typing import Any

from tests.acceptance.outsider import Outsider

REGISTRY, REQUESTS, PURCHASES = "programme.registry", "enrollment.requests", "training.purchases"
ATTENDANCE, EVIDENCE = "training.attendance", "training.evidence"
OF_THE_WAVE = {"opens_at": "2023-02-17T12:00:00Z", "closes_at": "2023-02-20T12:00:00Z"}
FEE = 900_000
FUNDS = {"training": 10_000_000, "incentive": 5_000_000, "survey": 1_000_000}
PROVIDER, PROVIDER_ACCOUNT = "LP0001", "0123456789"


@dataclass(frozen=True)
class Upstream:
    """Registry, treasury, registration, platforms and learning systems of one wave; registration seals under `kid`."""

    outside: Outsider
    wave: str
    kid: str = "registration"

    def open_wave(self, **changes: object) -> str:
        """Open the wave; return the id of the record, as all that follow do."""
        data = {"wave": self.wave, "scheme": "normal-2023", "quota": 1_000, **OF_THE_WAVE, **changes}
        return self.outside.send(REGISTRY, "/programme", "salur.registry.wave_opened.v1", self.wave, data)

    def open_programme(self, **changes: object) -> None:
        """Register the provider, and open the wave with money for it."""
        self._register_provider()
        self.open_wave(**changes)
        self._appropriate()

    def _appropriate(self) -> None:
        """Appropriate money to each component of the wave."""
        document = {"document": f"SP2D-23-{self.wave}", "appropriated_at": "2023-02-18T00:00:00Z"}
        for component, amount in FUNDS.items():
            data = {"wave": self.wave, "component": component, "amount": rupiah(amount), **document}
            kind = "salur.treasury.funds_appropriated.v1"
            self.outside.send("treasury.funding", "/treasury", kind, self.wave, data)

    def _register_provider(self) -> None:
        claims = {"sub": PROVIDER, "name": "Lembaga", "number": PROVIDER_ACCOUNT, "partner": "bni", "version": "1"}
        account = {"partner": "bni", "sealed": self.outside.seal("programme", "registry", claims)}
        data = {"provider_id": PROVIDER, "version": 1, "account": account}
        self.outside.send(REGISTRY, "/programme", "salur.registry.provider_registered.v1", PROVIDER, data)

    def approve_course(self, **changes: object) -> str:
        course = {"course_code": "C-0815", "version": 1, "provider_id": PROVIDER, "modes": ["online"], "hours": 18}
        data = {**course, "price_at_most": rupiah(1_000_000), **changes}
        return self.outside.send(REGISTRY, "/programme", "salur.registry.course_approved.v1", "C-0815", data)

    def admit(self, person: str, nik: str, *, birth_date: str = "1995-05-15", **changes: object) -> str:
        """Send an application. `sub`, `kid` and whatever stands inside and outside the seal can be changed."""
        stated = {"wave": self.wave, "regency": "3273", "admitted_at": "2023-02-21T03:00:00Z"}
        stated |= {name: str(changes.pop(name)) for name in stated.keys() & changes.keys()}
        claims = {"sub": str(changes.pop("sub", person)), "nik": nik, "birth_date": birth_date, **stated}
        identity = self.outside.seal("programme", str(changes.pop("kid", self.kid)), claims)
        others = {"gender": "female", "dwelling": "village", "disability": False}
        data = {"participant_id": person, **stated, "identity": identity, **others, **changes}
        kind = "salur.registration.participant_admitted.v1"
        return self.outside.send(REQUESTS, "/registration", kind, person, data)

    def link_account(self, person: str, nik: str, number: str, partner: str = "gopay", **changes: str) -> str:
        """Link an account, in structured mode."""
        stated = {"kyc": "verified", "linked_at": "2023-02-22T03:00:00Z", **changes}
        claims = {"sub": person, "nik": nik, "number": number, "partner": partner, **stated}
        account = {"partner": partner, "sealed": self.outside.seal("programme", self.kid, claims)}
        return self._request("account_linked", person, structured=True, account=account, **stated)

    def block(self, person: str, at: str = "2023-02-22T00:00:00Z") -> str:
        return self._request("participant_blocked", person, reason="ineligible", blocked_at=at)

    def unblock(self, person: str, at: str = "2023-02-23T00:00:00Z") -> str:
        return self._request("participant_unblocked", person, reason="eligible", unblocked_at=at)

    def erase(self, person: str) -> str:
        return self._request("participant_erased", person, erased_at="2023-03-19T00:00:00Z")

    def _request(self, name: str, person: str, *, structured: bool = False, **data: object) -> str:
        """Send a request of registration about a person that it knows."""
        kind, body = f"salur.registration.{name}.v1", {"participant_id": person, **data}
        return self.outside.send(REQUESTS, "/registration", kind, person, body, structured=structured)

    def buy(self, person: str, code: str, **changes: object) -> str:
        """Buy an online training of one session."""
        times = {"starts_at": "2023-03-01T01:00:00Z", "ends_at": "2023-03-01T04:00:00Z"}
        data: dict[str, Any] = {
            "participant_id": person,
            "redeem_code": code,
            "invoice_code": f"INV-{code}",
            "platform": "pintar",
            "provider_id": PROVIDER,
            "course_code": "C-0001",
            "schedule_code": "S-0001",
            "mode": "online",
            "price": rupiah(FEE),
            "hours": 18,
            "class_size": 40,
            "sessions": [{"sequence": 1, "mode": "online", **times}],
            "purchased_at": "2023-02-25T05:00:00Z",
        }
        kind = "salur.platform.training_purchased.v1"
        return self.outside.send(PURCHASES, "/platforms/pintar", kind, person, {**data, **changes})

    def void(self, person: str, code: str, at: str = "2023-02-25T00:00:00Z") -> str:
        data = {"participant_id": person, "redeem_code": code, "reason": "class_cancelled", "voided_at": at}
        return self.outside.send(PURCHASES, "/platforms/pintar", "salur.platform.training_voided.v1", person, data)

    def attend(self, person: str, code: str, *, source: str = "/attendance/face", **changes: object) -> str:
        """Attend the first session, by face check."""
        attended = {"sequence": 1, "proof": "face", "attended_at": "2023-03-01T01:10:00Z"}
        data = {"participant_id": person, "redeem_code": code, **attended, **changes}
        return self.outside.send(ATTENDANCE, source, "salur.training.session_attended.v1", person, data)

    def prove(self, person: str, code: str, name: str, *, source: str = "/platforms/pintar", **data: object) -> str:
        """Send evidence of a learning system or a provider."""
        body = {"participant_id": person, "redeem_code": code, **data}
        return self.outside.send(EVIDENCE, source, f"salur.training.{name}.v1", person, body)

    def complete(self, person: str, code: str, provider: str = PROVIDER) -> None:
        """Attend, and send all else that completes the training on 1 March, and its rating."""
        self.attend(person, code)
        self.learn(person, code, provider)

    def learn(self, person: str, code: str, provider: str = PROVIDER) -> None:
        """Send the evidence besides attendance, and the rating."""
        self.prove(person, code, "post_test_taken", score=80, passed=True, taken_at="2023-03-01T02:00:00Z")
        graded = {"provider_id": provider, "graded_at": "2023-03-01T03:00:00Z"}
        self.prove(person, code, "work_graded", source=f"/providers/{provider}", score=75, passed=True, **graded)
        self.prove(person, code, "training_rated", stars=5, rated_at="2023-03-01T04:00:00Z")

    def await_decision(self, name: str, **wanted: str) -> dict[str, Any]:
        """Return the data of an event of enrollment."""
        return self.await_event("enrollment", name, **wanted)

    def await_event(self, service: str, name: str, **wanted: str) -> dict[str, Any]:
        """Return the data of the first event of a service with these values."""
        return self.await_record(service, name, **wanted)[1]

    def await_record(self, service: str, name: str, **wanted: str) -> tuple[Any, dict[str, Any]]:
        """Return record and data of the first event of a service with these values."""
        return self.outside.await_event(
            f"{service}.events",
            lambda kind, data: kind == f"salur.{service}.{name}.v1" and wanted.items() <= data.items(),
            f"{name} of {wanted}",
        )

    def await_parked(self, service: str, record_id: str) -> tuple[str, str | None]:
        """Return the reason for which a record was parked, and the detail."""
        _, found = self.outside.await_event(
            f"dead-letters.{service}", lambda _, data: data["ce_id"] == record_id, f"{record_id} is parked"
        )
        return found["reason"], found["detail"]


def rupiah(amount: int) -> dict[str, object]:
    return {"value": amount, "currency": "IDR"}
