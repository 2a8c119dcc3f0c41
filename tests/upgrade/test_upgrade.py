"""An installation of an earlier version goes on under this one; the tests run in this order on one installation."""

import json

import asyncpg
import pytest
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

from services.payment.store.ledger import LEDGER_CHAINS
from shared.contracts.seals import expand, kid_of
from shared.contracts.topics import SERVICES, TOPICS
from shared.runtime.chain_seals import ChainSeals
from tests.faults.topic_audit import breaches_of_topics
from tests.upgrade.outside_world import UNOPENED_WAVE
from tests.upgrade.upgraded_installation import UpgradedInstallation

OPERATOR = ("--who", "ani", "--why", "known by now")


def test_unread_report_is_applied(upgraded: UpgradedInstallation) -> None:
    upgraded.until(lambda: upgraded.disbursement("under_way", "fee")["state"] == "settled", "the report is applied")


def test_unpublished_instruction_is_published(upgraded: UpgradedInstallation) -> None:
    disbursement = upgraded.disbursement("unpublished", "incentive_1")
    upgraded.outside.await_event(
        "disbursements.gopay",
        lambda _kind, data: data["reference"] == disbursement["reference"],
        "the unpublished page",
    )


def test_lost_incentive_is_granted_with_the_rated_training(upgraded: UpgradedInstallation) -> None:
    def instructed() -> bool:
        return upgraded.disbursement("lost_incentive", "incentive_1", "_a").get("state") == "instructed"

    upgraded.until(instructed, "the lost incentive is instructed")
    assert upgraded.disbursement("lost_incentive", "incentive_1", "_b") == {}


@pytest.mark.parametrize("name", ["duplicate", "duplicate_then_unverified", "contradicted"])
def test_disbursement_that_needs_a_review_is_frozen(upgraded: UpgradedInstallation, name: str) -> None:
    disbursement = upgraded.disbursement(name, "incentive_1")
    assert (disbursement["state"], disbursement["frozen"], disbursement["attempt"]) == ("held", True, 1)


async def test_stored_accounts_are_sealed_under_each_services_own_key(upgraded: UpgradedInstallation) -> None:
    connection = await asyncpg.connect(upgraded.installation.postgres_url)
    rows = await connection.fetch("select account from payment.account union all select account from payment.provider")
    kept = await connection.fetch("select sealed from enrollment.account where sealed is not null")
    await connection.close()
    assert len(rows) > len(upgraded.snapshot.people) / 2
    assert {kid_of(expand(row["account"])) for row in rows} == {"payment-1"}
    assert {kid_of(row["sealed"]) for row in kept} <= {"enrollment-1"}


def test_producers_keep_their_keys_with_permissions_to_seal(upgraded: UpgradedInstallation) -> None:
    before, now = (
        {key["kid"]: key for key in json.loads((keys / "programme.jwks.json").read_text())["keys"]}
        for keys in (upgraded.snapshot.folder / "keys", upgraded.installation.keys)
    )
    assert {kid: key["k"] for kid, key in before.items()} == {kid: key["k"] for kid, key in now.items()}
    assert {kid for kid, key in now.items() if key.get("salur_may_seal")} == {"registration", "registry"}


def test_external_topics_accept_ordinary_batches(upgraded: UpgradedInstallation) -> None:
    outside = [topic.name for topic in TOPICS if not topic.internal]
    admin = AdminClient({"bootstrap.servers": upgraded.installation.kafka.bootstrap})
    described = admin.describe_configs([ConfigResource(ResourceType.TOPIC, name) for name in outside])
    found = {resource.name: int(answer.result(30)["max.message.bytes"].value) for resource, answer in described.items()}
    assert min(found.values()) >= 1_048_588


def test_unread_records_with_old_seals_are_parked(upgraded: UpgradedInstallation) -> None:
    upgraded.parked("enrollment", "bad_seal", "salur.registration.participant_admitted.v1")
    upgraded.parked("enrollment", "bad_seal", "salur.registration.account_linked.v1")


def test_unread_records_of_old_types_are_parked_and_replayed(upgraded: UpgradedInstallation) -> None:
    upgraded.parked("enrollment", "unknown_type", "salur.platform.training_purchased.v1")
    upgraded.parked("completion", "unknown_type", "salur.training.session_attended.v1")
    for service in ("enrollment", "completion"):
        done = upgraded.run(service, "parked", "replay", "--reason", "unknown_type", *OPERATOR, "--yes")
        assert done.returncode == 0, done.stdout + done.stderr
    code = upgraded.code("half_trained")
    upgraded.outside.await_event(
        "completion.events",
        lambda kind, data: kind.endswith("completion_confirmed.v1") and data["redeem_code"] == code,
        "the attendance counts",
    )
    voided, blocked = upgraded.code("not_rated"), upgraded.person("paid")
    upgraded.outside.await_event(
        "enrollment.events",
        lambda kind, data: kind.endswith("enrollment_voided.v1") and data["redeem_code"] == voided,
        "the void counts",
    )
    upgraded.outside.await_event(
        "enrollment.events",
        lambda kind, data: kind.endswith("participant_blocked.v1") and data["participant_id"] == blocked,
        "the block counts",
    )
    person = upgraded.person("paid")
    upgraded.outside.await_event(
        "completion.events",
        lambda kind, data: kind.endswith("survey_answered.v1") and data["participant_id"] == person,
        "the survey counts",
    )


def test_admission_deferred_before_is_released_by_its_wave(upgraded: UpgradedInstallation) -> None:
    wave = {"wave": UNOPENED_WAVE, "scheme": "normal-2023", "quota": 10}
    times = {"opens_at": "2023-02-17T12:00:00Z", "closes_at": "2023-02-20T12:00:00Z"}
    upgraded.outside.send(
        "programme.registry", "/programme", "salur.registry.wave_opened.v1", UNOPENED_WAVE, {**wave, **times}
    )
    person = upgraded.person("before_its_wave")
    upgraded.outside.await_event(
        "enrollment.events",
        lambda kind, data: kind.endswith("participant_admitted.v1") and data["participant_id"] == person,
        "the deferred admission is decided",
    )


def test_account_with_a_current_seal_releases_the_held_incentive(upgraded: UpgradedInstallation) -> None:
    person = upgraded.person("no_account")
    nik, at = f"327301550595{int(person[-4:]):04d}", "2023-03-19T03:00:00Z"
    stated = {"kyc": "verified", "linked_at": at}
    claims = {"sub": person, "nik": nik, "number": "081299990001", "partner": "gopay", **stated}
    sealed = upgraded.outside.seal("programme", "registration", claims)
    data = {"participant_id": person, "account": {"partner": "gopay", "sealed": sealed}, **stated}
    upgraded.outside.send("enrollment.requests", "/registration", "salur.registration.account_linked.v1", person, data)
    upgraded.until(
        lambda: upgraded.disbursement("no_account", "incentive_1")["state"] == "instructed", "it is released"
    )


@pytest.mark.parametrize("service", SERVICES)
async def test_heads_of_chains_are_sealed(upgraded: UpgradedInstallation, service: str) -> None:
    """Chains from before there were seals are sealed as they are."""
    sealing = ChainSeals.load(upgraded.installation.keys, service, (LEDGER_CHAINS,) if service == "payment" else ())
    connection = await asyncpg.connect(upgraded.installation.role_postgres_url(service))
    heads = [head for chains in sealing.chains for head in await chains.load(connection)]
    breaches = await sealing.breaches(connection)
    await connection.close()
    assert breaches == []
    assert len(heads) == sum(len(chains.names) for chains in sealing.chains)
    assert any(head.number for head in heads) or service != "payment"


async def test_topics_equal_the_pages(upgraded: UpgradedInstallation) -> None:
    assert await breaches_of_topics(upgraded.installation) == []


@pytest.mark.parametrize("service", SERVICES)
def test_every_invariant_holds(upgraded: UpgradedInstallation, service: str) -> None:
    assert upgraded.installation.services[service].verify() == []
