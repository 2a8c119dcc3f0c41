"""Composition: the only place where the parts of the payment service meet."""

from datetime import timedelta
from functools import partial

from asyncpg import Connection

from services.payment.books.heads import PUBLISHED, latest_heads
from services.payment.commands import commands
from services.payment.context import Context
from services.payment.domain.partner_limits import PartnerLimits
from services.payment.explanation import explain
from services.payment.handlers.account_indices import index_accounts
from services.payment.handlers.adoption import adopt
from services.payment.handlers.contradiction_backfill import freeze_contradicted, is_contradiction_parked
from services.payment.handlers.data_identity import pinned, rotating_keys
from services.payment.handlers.reports import process_reports
from services.payment.handlers.resealing import reseal
from services.payment.invariants import INVARIANTS
from services.payment.metrics import AnswerTimes
from services.payment.ops import audit_trail, claims, degraded, funds, gauges, halts, held
from services.payment.settings import PaymentSettings
from services.payment.store.accounts import has_sealed_accounts
from services.payment.store.ledger import LEDGER_CHAINS
from services.payment.subscriptions import sources
from services.payment.timers import timers
from shared.clock import Clock
from shared.contracts import upstream
from shared.contracts.blind_index import BlindIndex
from shared.contracts.keys import read_key
from shared.contracts.seals import KeyRing
from shared.contracts.signatures import SigningKey
from shared.contracts.topics import PARTNERS, PAYMENT_EVENTS, dead_letters, disbursements
from shared.messaging.transaction.decoder import Decoder
from shared.messaging.transaction.transaction import TransactionTerms
from shared.runtime.definition import PostMigrationStep, ServiceDefinition

NAME = "payment"


def context_of(settings: PaymentSettings) -> Context:
    """Return the context that all use cases share. Raise OSError or ValueError for missing or malformed keys."""
    keys = settings.keys_folder
    programme = keys / "programme.jwks.json"
    return Context(
        programme=settings.programme,
        reference_key=read_key(keys / "reference.key"),
        provider_keys=KeyRing.load(programme, may_seal=upstream.PROVIDER_REGISTERED.name),
        linked_account_keys=KeyRing.load(keys / "accounts.jwks.json"),
        own_keys=KeyRing.load(keys / f"{NAME}.jwks.json"),
        upstream_keys=KeyRing.load(programme),
        partner_keys={partner: KeyRing.load(keys / f"{partner}.jwks.json") for partner in PARTNERS},
        index=BlindIndex.load(keys / "account-index.key"),
        signing_key=SigningKey.load(keys / "books-signing.jwk", keys / PUBLISHED),
        answer_within=timedelta(seconds=settings.answer_within_seconds),
        retry_after=timedelta(seconds=settings.retry_after_seconds),
        partner_memory=timedelta(days=settings.partner_memory_days),
        wait_at_most=timedelta(seconds=settings.wait_at_most_seconds),
        approval_above=settings.approval_above_rupiah,
        people_per_account=settings.people_per_account,
        allotment_block=settings.draw_rupiah,
        partner_limits={name: PartnerLimits(**given.model_dump()) for name, given in settings.partner_limits.items()},
        answers=AnswerTimes(),
    )


def definition(settings: PaymentSettings) -> ServiceDefinition:
    """Return the parts of this service that the runtime needs. Raise OSError or ValueError for bad keys."""
    context = context_of(settings)
    return ServiceDefinition(
        name=NAME,
        settings=settings,
        sources=sources(context),
        timers=timers(context),
        # In the order of adoption: instructions first, then the events that tell which disbursements they pay.
        own_topics=(*map(disbursements, PARTNERS), PAYMENT_EVENTS, dead_letters(NAME)),
        adopt=partial(adopt, context),
        audit_trail=partial(audit_trail, context),
        explain=partial(explain, context),
        gauges=partial(gauges, Clock.from_environment()),
        invariants=INVARIANTS,
        collectors=(context.answers,),
        pinned=pinned(context),
        rotating_keys=rotating_keys(context),
        key_rings=context.key_rings,
        reseal=partial(reseal, context),
        chains=(LEDGER_CHAINS,),
        views={"/halts": halts, "/held": held, "/funds": funds, "/claims": claims, "/books/heads": latest_heads},
        commands=commands(context.approval_above),
        degraded=degraded,
    )


async def needs_post_migration(connection: Connection) -> bool:
    """Return True if accounts are kept, or contradictions parked, that `post_migration` may have to process."""
    return await has_sealed_accounts(connection) or await is_contradiction_parked(connection)


async def post_migration(service: ServiceDefinition, terms: TransactionTerms, connection: Connection) -> list[str]:
    """Reseal and index accounts, and freeze disbursements whose contradictions were only parked."""
    context = context_of(PaymentSettings.model_validate(service.settings))
    sealed = [*await reseal(context, connection), *await index_accounts(context, connection)]
    now = Clock.from_environment().now()
    process = partial(process_reports, context)
    return [*sealed, *await freeze_contradicted(process, terms, Decoder(service.sources), now, connection)]


POST_MIGRATION = PostMigrationStep(needs_post_migration, post_migration)
