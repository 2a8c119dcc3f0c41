"""Composition: the only place where the parts of the enrollment service meet."""

from datetime import timedelta
from functools import partial

from asyncpg import Connection

from services.enrollment.context import DEFERRED_SEALS, Context
from services.enrollment.explanation import explain
from services.enrollment.handlers.adoption import adopt
from services.enrollment.handlers.data_identity import pinned, rotating_keys
from services.enrollment.handlers.resealing import reseal
from services.enrollment.invariants import INVARIANTS
from services.enrollment.ops import audit_trail, gauges
from services.enrollment.schemes import fingerprint_schemes, load_schemes
from services.enrollment.settings import EnrollmentSettings
from services.enrollment.store.accounts import has_sealed_accounts
from services.enrollment.subscriptions import CAUSES, sources
from services.enrollment.timers import timers
from shared.contracts import upstream
from shared.contracts.blind_index import BlindIndex
from shared.contracts.seals import KeyRing
from shared.contracts.topics import ENROLLMENT_EVENTS, dead_letters
from shared.messaging.transaction.transaction import TransactionTerms
from shared.runtime.definition import PostMigrationStep, ServiceDefinition

NAME = "enrollment"


def context_of(settings: EnrollmentSettings) -> Context:
    """Return the context that all use cases share. Raise OSError or ValueError for bad keys or schemes."""
    keys = settings.keys_folder
    programme, own = keys / "programme.jwks.json", KeyRing.load(keys / f"{NAME}.jwks.json")
    deferred_record_keys = own.derive(DEFERRED_SEALS)
    return Context(
        identity_keys=KeyRing.load(programme, may_seal=upstream.PARTICIPANT_ADMITTED.name).merge(deferred_record_keys),
        account_keys=KeyRing.load(programme, may_seal=upstream.ACCOUNT_LINKED.name).merge(deferred_record_keys),
        upstream_keys=KeyRing.load(programme),
        own_keys=own,
        deferred_record_keys=deferred_record_keys,
        linked_account_keys=KeyRing.load(keys / "accounts.jwks.json"),
        index=BlindIndex.load(keys / "identity-index.key"),
        schemes=load_schemes(settings.schemes_folder),
        wait_at_most=timedelta(seconds=settings.wait_at_most_seconds),
    )


def definition(settings: EnrollmentSettings) -> ServiceDefinition:
    """Return the parts of this service that the runtime needs. Raise OSError or ValueError for bad keys or schemes."""
    context = context_of(settings)
    return ServiceDefinition(
        name=NAME,
        settings=settings,
        sources=sources(context),
        timers=timers(context),
        own_topics=(ENROLLMENT_EVENTS, dead_letters(NAME)),
        adopt=adopt,
        audit_trail=partial(audit_trail, context.schemes),
        explain=partial(explain, context.schemes),
        gauges=gauges,
        invariants=INVARIANTS,
        causes=CAUSES,
        pinned=pinned(context, fingerprint_schemes(settings.schemes_folder)),
        rotating_keys=rotating_keys(context),
        key_rings=context.key_rings,
        reseal=partial(reseal, context),
    )


async def post_migration(service: ServiceDefinition, _: TransactionTerms, connection: Connection) -> list[str]:
    """Reseal accounts kept under another key, and records deferred before the migration `own_seals`."""
    return await reseal(context_of(EnrollmentSettings.model_validate(service.settings)), connection)


POST_MIGRATION = PostMigrationStep(has_sealed_accounts, post_migration)
