"""The upstream systems, in an outsider's words: every record as the contract gives it, with what a test changes."""

from dataclasses import dataclass
from typing import Any

from tests.acceptance.outsider import Outsider

REGISTRY, REQUESTS, PURCHASES = "programme.registry", "enrollment.requests", "training.purchases"
ATTENDANCE, EVIDENCE = "training.attendance", "training.evidence"
OF_THE_WAVE = {"opens_at": "2023-02-17T12:00:00Z", "closes_at": "2023-02-20T12:00:00Z"}


@dataclass(frozen=True)
class Upstream:
    """Registry, registration, platforms and learning systems of one wave."""

    outside: Outsider
    wave: str

    def open_wave(self, **changes: object) -> str:
        """Open the wave; return the id of the record, as all that follow do."""
        data = {"wave": self.wave, "scheme": "normal-2023", "quota": 1_000, **OF_THE_WAVE, **changes}
        return self.outside.send(REGISTRY, "/programme", "salur.registry.wave_opened.v1", self.wave, data)

    def approve_course(self, **changes: object) -> str:
        price = {"value": 1_000_000, "currency": "IDR"}
        course = {"course_code": "C-0815", "version": 1, "provider_id": "LP0001", "modes": ["online"], "hours": 18}
        data = {**course, "price_at_most": price, **changes}
        return self.outside.send(REGISTRY, "/programme", "salur.registry.course_approved.v1", "C-0815", data)

    def admit(self, person: str, nik: str, *, birth_date: str = "1995-05-15", **changes: object) -> str:
        """Send an application. `sub`, `kid` and whatever stands inside and outside the seal can be changed."""
        stated = {"wave": self.wave, "regency": "3273", "admitted_at": "2023-02-21T03:00:00Z"}
        stated |= {name: str(changes.pop(name)) for name in stated.keys() & changes.keys()}
        claims = {"sub": str(changes.pop("sub", person)), "nik": nik, "birth_date": birth_date, **stated}
        identity = self.outside.seal("programme", str(changes.pop("kid", "registration")), claims)
        others = {"gender": "female", "dwelling": "village", "disability": False}
        data = {"participant_id": person, **stated, "identity": identity, **others, **changes}
        kind = "salur.registration.participant_admitted.v1"
        return self.outside.send(REQUESTS, "/registration", kind, person, data)

    def request(self, name: str, person: str, **data: object) -> str:
        """Send another request of registration."""
        body = {"participant_id": person, **data}
        return self.outside.send(REQUESTS, "/registration", f"salur.registration.{name}.v1", person, body)

    def buy(self, person: str, code: str, **changes: object) -> str:
        """Buy an online training of one session."""
        times = {"starts_at": "2023-03-01T01:00:00Z", "ends_at": "2023-03-01T04:00:00Z"}
        data: dict[str, Any] = {
            "participant_id": person,
            "redeem_code": code,
            "invoice_code": f"INV-{code}",
            "platform": "pintar",
            "provider_id": "LP0001",
            "course_code": "C-0001",
            "schedule_code": "S-0001",
            "mode": "online",
            "price": {"value": 900_000, "currency": "IDR"},
            "hours": 18,
            "class_size": 40,
            "sessions": [{"sequence": 1, "mode": "online", **times}],
            "purchased_at": "2023-02-25T05:00:00Z",
        }
        kind = "salur.platform.training_purchased.v1"
        return self.outside.send(PURCHASES, "/platforms/pintar", kind, person, {**data, **changes})

    def void(self, person: str, code: str) -> str:
        data = {"participant_id": person, "redeem_code": code, "reason": "class_cancelled"}
        kind = "salur.platform.training_voided.v1"
        voided = {**data, "voided_at": "2023-02-25T00:00:00Z"}
        return self.outside.send(PURCHASES, "/platforms/pintar", kind, person, voided)

    def attend(self, person: str, code: str, *, source: str = "/attendance/face", **changes: object) -> str:
        """Attend the session, by face check."""
        attended = {"sequence": 1, "proof": "face", "attended_at": "2023-03-01T01:10:00Z"}
        data = {"participant_id": person, "redeem_code": code, **attended, **changes}
        return self.outside.send(ATTENDANCE, source, "salur.training.session_attended.v1", person, data)

    def prove(self, person: str, code: str, name: str, **data: object) -> str:
        """Send evidence of a learning system or a provider."""
        body = {"participant_id": person, "redeem_code": code, **data}
        return self.outside.send(EVIDENCE, "/platforms/pintar", f"salur.training.{name}.v1", person, body)

    def complete(self, person: str, code: str) -> None:
        """Attend, and send all else that completes the training on 1 March, and its rating."""
        self.attend(person, code)
        self.learn(person, code)

    def learn(self, person: str, code: str) -> None:
        """Send the evidence besides attendance, and the rating."""
        self.prove(person, code, "post_test_taken", score=80, passed=True, taken_at="2023-03-01T02:00:00Z")
        graded = {"provider_id": "LP0001", "graded_at": "2023-03-01T03:00:00Z"}
        self.prove(person, code, "work_graded", score=75, passed=True, **graded)
        self.prove(person, code, "training_rated", stars=5, rated_at="2023-03-01T04:00:00Z")

    def await_decision(self, name: str, **wanted: str) -> dict[str, Any]:
        """Return the data of an event of enrollment."""
        _, found = self.outside.await_event(
            "enrollment.events",
            lambda kind, data: kind == f"salur.enrollment.{name}.v1" and wanted.items() <= data.items(),
            f"{name} of {wanted}",
        )
        return found

    def await_parked(self, service: str, record_id: str) -> tuple[str, str | None]:
        """Return the reason for which a record was parked, and the detail."""
        _, found = self.outside.await_event(
            f"dead-letters.{service}", lambda _, data: data["ce_id"] == record_id, f"{record_id} is parked"
        )
        return found["reason"], found["detail"]
