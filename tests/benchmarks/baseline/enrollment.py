"""Enrollment of the baseline, with Salur's own rules: `python -m tests.benchmarks.baseline.enrollment`."""

from datetime import date
from typing import Any

from deploy.simulation.people import OPENS_AT
from services.enrollment.domain.admission import Admitted, Applicant, Wave, decide_admission
from services.enrollment.domain.identity import Identity
from services.enrollment.domain.purchase import Confirmed, Participant, Purchase, Training, decide_purchase
from services.enrollment.handlers.confirmation import confirmed_event
from services.enrollment.schemes import load_schemes
from shared.contracts import completion, enrollment, upstream
from shared.contracts.blind_index import BlindIndex
from shared.contracts.fields import rupiah
from shared.contracts.sealed_fields import open_identity, open_participant_account, seal_linked_account
from shared.contracts.seals import KeyRing
from shared.contracts.topics import ENROLLMENT_REQUESTS, PROGRAMME_REGISTRY, TRAINING_PURCHASES
from tests.benchmarks.baseline.service import COMPLETION_EVENTS, ENROLLMENT_EVENTS, Headers, Service, emit, handles

service = Service("baseline_enrollment")
seals = KeyRing.load(service.keys / "programme.jwks.json")
for_payment = KeyRing.load(service.keys / "accounts.jwks.json")
index = BlindIndex.load(service.keys / "identity-index.key")
scheme = load_schemes()["normal-2023"].at(OPENS_AT)
waves: dict[str, Wave] = {}

registry = service.subscriber(PROGRAMME_REGISTRY)
requests = service.subscriber(ENROLLMENT_REQUESTS)
purchases = service.subscriber(TRAINING_PURCHASES)
completions = service.subscriber(COMPLETION_EVENTS)

KEEP_NIK = "insert into nik values ($1, $2) on conflict do nothing returning identity_index"
KEEP_ADMISSION = "insert into admission values ($1, $2, $3, $4, $5, $6) on conflict do nothing returning participant_id"
KEEP_ACCOUNT = """
    insert into account values ($1, $2, $3, $4, $5) on conflict (participant_id) do update set
        partner = excluded.partner, verified = excluded.verified, same_identity = excluded.same_identity,
        linked_at = excluded.linked_at
    where account.linked_at < excluded.linked_at returning participant_id"""
KEEP_ENROLLMENT = """
    insert into enrollment values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing returning redeem_code"""
ADMISSION = "select * from admission where participant_id = $1 for update"
TRAININGS = "select price, purchased_at, ends_at, completed_at, rated_at from enrollment where participant_id = $1"
COMPLETED = "update enrollment set completed_at = $2 where redeem_code = $1 and completed_at is null"
RATED = "update enrollment set rated_at = $2 where redeem_code = $1 and rated_at is null"


@handles(registry, upstream.WAVE_OPENED)
async def open_wave(data: upstream.WaveOpened, _: Headers) -> None:
    waves[data.wave] = Wave(data.wave, data.scheme, data.quota, data.opens_at, data.closes_at)


@handles(requests, upstream.PARTICIPANT_ADMITTED)
async def admit(data: upstream.ParticipantAdmitted, _: Headers) -> None:
    opened = open_identity(seals, data)
    nik = opened.nik.reveal()
    identity = Identity(nik, date.fromisoformat(opened.birth_date))
    applicant = Applicant(data.participant_id, data.wave, identity, data.gender, data.admitted_at)
    async with service.transaction() as connection:
        free = await connection.fetchval(KEEP_NIK, index.digest(nik), data.participant_id) is not None
        outcome = decide_admission(applicant, waves[data.wave], scheme, nik_is_free=free, places=1)
        if isinstance(outcome, Admitted):
            await _admit(connection, data, outcome, index.digest(nik))


async def _admit(connection: Any, data: upstream.ParticipantAdmitted, outcome: Admitted, nik: bytes) -> None:
    row = (data.participant_id, data.wave, outcome.balance, data.regency, data.admitted_at, nik)
    if await connection.fetchval(KEEP_ADMISSION, *row) is None:
        return
    admitted = enrollment.ParticipantAdmitted(
        participant_id=data.participant_id,
        wave=data.wave,
        scheme=outcome.scheme,
        scheme_version=outcome.scheme_version,
        gender=data.gender,
        regency=data.regency,
        dwelling=data.dwelling,
        disability=data.disability,
        balance=rupiah(outcome.balance),
        identity_index=nik.hex(),
        admitted_at=data.admitted_at,
    )
    await emit(connection, ENROLLMENT_EVENTS, data.participant_id, enrollment.PARTICIPANT_ADMITTED, admitted)


@handles(requests, upstream.ACCOUNT_LINKED)
async def link_account(data: upstream.AccountLinked, _: Headers) -> None:
    opened = open_participant_account(seals, data)
    async with service.transaction() as connection:
        admission = await connection.fetchrow(ADMISSION, data.participant_id)
        linked = seal_linked_account(
            for_payment,
            opened.number,
            participant_id=data.participant_id,
            partner=data.account.partner,
            verified=data.kyc == "verified",
            same_identity=index.digest(opened.nik.reveal()) == admission["identity_index"],
            linked_at=data.linked_at,
        )
        row = (data.participant_id, linked.partner, linked.verified, linked.same_identity, linked.linked_at)
        if await connection.fetchval(KEEP_ACCOUNT, *row):
            await emit(connection, ENROLLMENT_EVENTS, data.participant_id, enrollment.ACCOUNT_LINKED, linked)


@handles(purchases, upstream.TRAINING_PURCHASED)
async def buy(data: upstream.TrainingPurchased, _: Headers) -> None:
    ends_at = max(session.ends_at for session in data.sessions)
    provider, course, price = data.provider_id, data.course_code, data.price.value
    purchase = Purchase(provider, data.mode, price, data.hours, data.class_size, data.purchased_at, ends_at)
    async with service.transaction() as connection:
        admission = await connection.fetchrow(ADMISSION, data.participant_id)
        person = Participant(admission["regency"], admission["admitted_at"], admission["balance"])
        trainings = [Training(*row) for row in await connection.fetch(TRAININGS, data.participant_id)]
        if not isinstance(decide_purchase(purchase, person, trainings, None, scheme), Confirmed):
            return
        row = (data.redeem_code, data.participant_id, provider, course, price, data.purchased_at, ends_at)
        if await connection.fetchval(KEEP_ENROLLMENT, *row):
            event = confirmed_event(data, admission["wave"], scheme)
            await emit(connection, ENROLLMENT_EVENTS, data.participant_id, enrollment.ENROLLMENT_CONFIRMED, event)


@handles(completions, completion.COMPLETION_CONFIRMED)
async def note_completion(data: completion.CompletionConfirmed, _: Headers) -> None:
    async with service.transaction() as connection:
        await connection.execute(COMPLETED, data.redeem_code, data.completed_at)


@handles(completions, completion.TRAINING_RATED)
async def note_rating(data: completion.TrainingRated, _: Headers) -> None:
    async with service.transaction() as connection:
        await connection.execute(RATED, data.redeem_code, data.rated_at)


@registry
async def others() -> None:
    """Ignore providers, which this service does not need."""


if __name__ == "__main__":
    service.run()
