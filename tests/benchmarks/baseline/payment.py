"""Payment of the baseline: `python -m tests.benchmarks.baseline.payment`."""

from datetime import UTC, datetime, timedelta
from typing import Any

from services.payment.domain.entitlement import kind_of
from services.payment.domain.reference import reference_of
from shared.contracts import completion, enrollment, partner, payment, upstream
from shared.contracts.fields import rupiah
from shared.contracts.sealed_fields import open_linked_account, open_provider_account
from shared.contracts.seals import KeyRing, open_claims
from shared.contracts.secret import Secret
from shared.contracts.topics import PARTNERS, PROGRAMME_REGISTRY, disbursement_reports, disbursements
from tests.benchmarks.baseline.service import (
    COMPLETION_EVENTS,
    ENROLLMENT_EVENTS,
    PAYMENT_EVENTS,
    Headers,
    Service,
    emit,
    handles,
)

ANSWER_WITHIN = timedelta(seconds=900)
service = Service("baseline_payment")
seals = KeyRing.load(service.keys / "programme.jwks.json")
linked = KeyRing.load(service.keys / "accounts.jwks.json")
own = KeyRing.load(service.keys / "payment.jwks.json")
rings = {name: KeyRing.load(service.keys / f"{name}.jwks.json") for name in PARTNERS}
reference_key = (service.keys / "reference.key").read_bytes()

registry = service.subscriber(PROGRAMME_REGISTRY)
enrollments = service.subscriber(ENROLLMENT_EVENTS)
completions = service.subscriber(COMPLETION_EVENTS)
reports = [service.subscriber(disbursement_reports(name)) for name in PARTNERS]

KEEP_PROVIDER = "insert into provider values ($1, $2, $3) on conflict do nothing"
KEEP_ACCOUNT = """
    insert into account values ($1, $2, $3, $4, $5) on conflict (participant_id) do update set
        partner = excluded.partner, account = excluded.account, payable = excluded.payable,
        linked_at = excluded.linked_at
    where account.linked_at < excluded.linked_at"""
KEEP_ENROLLMENT = "insert into enrollment values ($1, $2, $3, $4, $5) on conflict do nothing"
COMPLETED = "update enrollment set completed_at = coalesce(completed_at, $2) where redeem_code = $1 returning *"
RATED = "update enrollment set rated_at = coalesce(rated_at, $2) where redeem_code = $1 returning *"
GRANTED = "select exists (select from disbursement where participant_id = $1 and benefit = $2)"
PROVIDER = "select partner, account from provider where provider_id = $1"
ACCOUNT = "select partner, account from account where participant_id = $1 and payable"
KEEP_DISBURSEMENT = """
    insert into disbursement values ($1, $2, $3, $4, $5, $6, 'instructed', $7, $8, $9)
    on conflict do nothing returning redeem_code"""
KEEP_ATTEMPT = "insert into attempt values ($1, $2, $3, $4, $5, $6)"
KEEP_TRANSFER = "insert into transfer (wave, debit, credit, amount, reference, at) values ($1, $2, $3, $4, $5, $6)"
DISBURSEMENT = """
    select d.* from attempt a join disbursement d using (redeem_code, benefit) where a.reference = $1 for update"""
REPORTED = {
    "accepted": "update attempt set accepted_at = $2, partner_reference = $3 where reference = $1",
    "settled": "update attempt set settled_at = $2, partner_reference = $3 where reference = $1",
}
CHANGED = "update disbursement set state = $3, changed_at = $4 where redeem_code = $1 and benefit = $2"
EVENT_OF_STATUS = {"accepted": payment.DISBURSEMENT_ACCEPTED, "settled": payment.DISBURSEMENT_SETTLED}


@handles(registry, upstream.PROVIDER_REGISTERED)
async def register(data: upstream.ProviderRegistered, _: Headers) -> None:
    sealed = _keep(data.provider_id, open_provider_account(seals, data).number)
    async with service.transaction() as connection:
        await connection.execute(KEEP_PROVIDER, data.provider_id, data.account.partner, sealed)


@registry
async def others() -> None:
    """Ignore waves, which this service does not need."""


@handles(enrollments, enrollment.ACCOUNT_LINKED)
async def link_account(data: enrollment.AccountLinked, _: Headers) -> None:
    payable = data.verified and data.same_identity
    sealed = _keep(data.participant_id, open_linked_account(linked, data))
    async with service.transaction() as connection:
        await connection.execute(KEEP_ACCOUNT, data.participant_id, data.partner, sealed, payable, data.linked_at)


@handles(enrollments, enrollment.ENROLLMENT_CONFIRMED)
async def note_enrollment(data: enrollment.EnrollmentConfirmed, _: Headers) -> None:
    terms = enrollment.ENROLLMENT_CONFIRMED.dump(data)
    async with service.transaction() as connection:
        await connection.execute(
            KEEP_ENROLLMENT, data.redeem_code, data.participant_id, data.wave, data.provider_id, terms
        )


@enrollments
async def admissions() -> None:
    """Ignore admissions, which this service does not need."""


@handles(completions, completion.COMPLETION_CONFIRMED)
async def note_completion(data: completion.CompletionConfirmed, _: Headers) -> None:
    async with service.transaction() as connection:
        await _pay_what_is_due(connection, await connection.fetchrow(COMPLETED, data.redeem_code, data.completed_at))


@handles(completions, completion.TRAINING_RATED)
async def note_rating(data: completion.TrainingRated, _: Headers) -> None:
    async with service.transaction() as connection:
        await _pay_what_is_due(connection, await connection.fetchrow(RATED, data.redeem_code, data.rated_at))


async def _pay_what_is_due(connection: Any, training: Any) -> None:
    """Instruct each benefit that is due and not yet instructed; fail if the training is not known yet.

    A failed message is delivered again.
    """
    if training["completed_at"] is None:
        return
    for benefit in enrollment.ENROLLMENT_CONFIRMED.parse(training["terms"]).benefits:
        if benefit.milestone == "rated" and training["rated_at"] is None:
            continue
        once = (training["participant_id"], benefit.benefit)
        if benefit.first_training_only and await connection.fetchval(GRANTED, *once):
            continue
        await _instruct(connection, training, benefit)


async def _instruct(connection: Any, training: Any, benefit: enrollment.Benefit) -> None:
    code, person, now = training["redeem_code"], training["participant_id"], datetime.now(UTC)
    reference = reference_of(
        reference_key,
        0,
        programme="baseline",
        participant_id=person,
        redeem_code=code,
        benefit=benefit.benefit,
        attempt=1,
    )
    name, number = await _account_of(connection, training, benefit)
    amount, kind = benefit.amount.value, kind_of(benefit.benefit)
    row = (code, benefit.benefit, person, training["wave"], benefit.payee, amount, reference, name, now)
    if not await connection.fetchval(KEEP_DISBURSEMENT, *row):
        return
    account, answer_by = rings[name].seal({"sub": reference, "number": number}), now + ANSWER_WITHIN
    await connection.execute(KEEP_ATTEMPT, reference, code, benefit.benefit, account, now, answer_by)
    await _post(connection, training["wave"], f"clearing:{name}", f"reserved:{kind}", amount, reference)
    event = payment.Disbursement(
        participant_id=person,
        redeem_code=code,
        wave=training["wave"],
        benefit=benefit.benefit,
        reference=reference,
        partner=name,
        amount=benefit.amount,
        attempt=1,
        reason=None,
    )
    await emit(connection, PAYMENT_EVENTS, person, payment.DISBURSEMENT_SCHEDULED, event)
    await emit(connection, PAYMENT_EVENTS, person, payment.DISBURSEMENT_INSTRUCTED, event)
    instruction = payment.Instruction(
        reference=reference,
        amount=benefit.amount,
        benefit=kind,
        payee=payment.Payee(kind=benefit.payee, account=account),
        purpose=f"training {kind}",
        instructed_at=now,
        answer_by=answer_by,
    )
    await emit(connection, disbursements(name), reference, payment.INSTRUCTION, instruction)


async def _account_of(connection: Any, training: Any, benefit: enrollment.Benefit) -> tuple[Any, str]:
    """Return the payee's partner and account number."""
    if benefit.payee == "provider":
        row = await connection.fetchrow(PROVIDER, training["provider_id"])
        return row["partner"], _number(training["provider_id"], row["account"])
    row = await connection.fetchrow(ACCOUNT, training["participant_id"])
    return row["partner"], _number(training["participant_id"], row["account"])


def _keep(subject: str, number: Secret) -> str:
    return own.seal({"sub": subject, "number": number.reveal()})


def _number(subject: str, sealed: str) -> str:
    return open_claims(own, sealed, {"sub": subject}, "number")["number"]


async def take_report(data: partner.DisbursementReported, _: Headers) -> None:
    """Apply the first report of each status; amounts must agree, and a settlement is final."""
    async with service.transaction() as connection:
        known = await connection.fetchrow(DISBURSEMENT, data.reference)
        stale = known["state"] in (data.status, "settled")
        if stale or data.amount is None or known["amount"] != data.amount.value or data.status == "rejected":
            return
        now, right = datetime.now(UTC), (known["redeem_code"], known["benefit"])
        await connection.execute(REPORTED[data.status], data.reference, now, data.partner_reference)
        await connection.execute(CHANGED, *right, data.status, now)
        if data.status == "settled":
            debit, credit = f"paid:{kind_of(known['benefit'])}", f"clearing:{known['partner']}"
            await _post(connection, known["wave"], debit, credit, known["amount"], data.reference)
        event = payment.Disbursement(
            participant_id=known["participant_id"],
            redeem_code=known["redeem_code"],
            wave=known["wave"],
            benefit=known["benefit"],
            reference=data.reference,
            partner=known["partner"],
            amount=rupiah(known["amount"]),
            attempt=1,
            reason=None,
        )
        await emit(connection, PAYMENT_EVENTS, event.participant_id, EVENT_OF_STATUS[data.status], event)


for subscriber in reports:
    handles(subscriber, partner.DISBURSEMENT_REPORTED)(take_report)


async def _post(connection: Any, wave: str, debit: str, credit: str, amount: int, reference: str) -> None:
    await connection.execute(KEEP_TRANSFER, wave, debit, credit, amount, reference, datetime.now(UTC))


if __name__ == "__main__":
    service.run()
