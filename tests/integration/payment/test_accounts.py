"""Accounts: sealed under payment's own key, and paid into only for their payee at their partner."""

from typing import Any

import pytest

from services.payment.app import context_of
from services.payment.handlers import resealing
from services.payment.handlers.resealing import reseal
from services.payment.payout.account_seals import seal_own
from services.payment.settings import PaymentSettings
from shared.contracts.seals import compact, expand, kid_of
from shared.messaging.message import Record
from shared.messaging.transaction.lane import real_microseconds
from tests.builders import Event, a_provider, as_emitted, keys_folder, keys_of, programme_keys, seal
from tests.integration.payment.facts import CODE, PARTICIPANT, a_number, confirmed, journey, linked
from tests.integration.payment.harness import PaymentHarness

OTHER, OTHER_CODE = "4810000000000025", "PRAT0AB12CD4"


async def run(harness: PaymentHarness) -> list[str]:
    return await reseal(context_of(PaymentSettings(keys_folder=keys_folder())), harness.connection)


def as_before(participant: str = PARTICIPANT, kid: str = "registration") -> str:
    """Return an account as upstream sealed it before the migration `own_seals`."""
    return seal({"sub": participant, "number": a_number(participant), "nik": "3273" + "0" * 12}, kid)


class EventOfEra(Event):
    """Event of enrollment in an era of long ago."""

    era = 1

    def record(self, offset: int = 0) -> Record:
        return as_emitted(super().record(offset), "enrollment", era=self.era)


class EventSinceSchema(EventOfEra):
    """Event in an era that began after the schema of this test was made."""

    era = real_microseconds() + 3_600_000_000


def changed_event(kind: type[Event], event: Event, **changes: Any) -> Event:
    return kind(event.type, {**event.data, **changes}, event.source, event.key, event.id)


async def kept(harness: PaymentHarness) -> dict[str, str]:
    """Return the kept tokens by payee."""
    rows = await harness.connection.fetch(
        "select participant_id as payee, account from account union select provider_id, account from provider"
    )
    return {row["payee"]: expand(row["account"]) for row in rows}


async def test_accounts_are_sealed_under_payments_key_for_payee_and_partner(harness: PaymentHarness) -> None:
    await harness.prepare()
    await harness.receive(linked())
    tokens = await kept(harness)
    assert {payee: kid_of(token) for payee, token in tokens.items()} == {
        PARTICIPANT: "payment-1",
        "LP0001": "payment-1",
    }
    assert keys_of("payment").open(tokens[PARTICIPANT]) == {
        "payee": "participant", "sub": PARTICIPANT, "partner": "gopay", "number": a_number(PARTICIPANT),
    }  # fmt: skip
    await harness.receive(confirmed(), *journey()[2:])
    assert [instructed.number for instructed in harness.instructions_for("incentive")] == [a_number(PARTICIPANT)]


@pytest.mark.parametrize(
    "change",
    [
        "update account set partner = 'dana'",
        f"update account a set account = b.account from account b where b.participant_id = '{OTHER}'",
        "update account set account = p.account from provider p",
    ],
    ids=["another partner", "another person's", "a provider's"],
)
async def test_account_that_was_moved_in_its_row_is_not_paid_into(harness: PaymentHarness, change: str) -> None:
    """Both participants fall due in one batch, so that an opened account of the one could be used for the other."""
    await harness.prepare()
    await harness.receive(linked(), linked(OTHER))
    await harness.connection.execute(change)
    await harness.receive(*journey()[1:], *journey(OTHER, OTHER_CODE)[1:])
    assert await harness.state("incentive_1", CODE) == "held(account_invalid)"
    assert a_number(PARTICIPANT) not in {instructed.number for instructed in harness.instructions}


@pytest.mark.parametrize("name", ["partner", "verified", "same_identity", "linked_at", "participant_id"])
async def test_announced_account_that_contradicts_its_seal_is_parked(harness: PaymentHarness, name: str) -> None:
    facts = {
        "partner": "dana",
        "verified": False,
        "same_identity": False,
        "linked_at": "2023-03-01T00:00:00Z",
        "participant_id": OTHER,
    }
    await harness.receive(changed_event(EventOfEra, linked(), **{name: facts[name]}))
    assert await harness.parked() == ["bad_seal"]
    assert await kept(harness) == {}


async def test_old_account_under_an_old_seal_is_accepted(harness: PaymentHarness) -> None:
    await harness.prepare()
    await harness.receive(changed_event(EventOfEra, linked(), account=as_before()))
    assert kid_of((await kept(harness))[PARTICIPANT]) == "payment-1"
    await harness.receive(*journey()[1:])
    assert [instructed.number for instructed in harness.instructions_for("incentive")] == [a_number(PARTICIPANT)]
    assert await harness.parked() == []


@pytest.mark.parametrize("participant", [PARTICIPANT, OTHER])
async def test_recent_account_under_an_old_seal_is_parked(harness: PaymentHarness, participant: str) -> None:
    await harness.receive(changed_event(EventSinceSchema, linked(), account=as_before(participant)))
    await harness.receive(changed_event(EventOfEra, linked(), account=as_before(OTHER)))
    assert await harness.parked() == ["bad_seal", "bad_seal"]
    assert await kept(harness) == {}


@pytest.mark.parametrize("name", ["partner", "version", "provider_id"])
async def test_copied_seal_of_a_provider_is_given_nothing_new(harness: PaymentHarness, name: str) -> None:
    good = a_provider()
    changes: dict[str, dict[str, Any]] = {
        "partner": {"account": {**good.data["account"], "partner": "dana"}},
        "version": {"version": 2},
        "provider_id": {"provider_id": "LP0002"},
    }
    await harness.receive(good, good.with_data(**changes[name]))
    assert await harness.parked() == ["bad_seal"]
    assert list(await kept(harness)) == ["LP0001"]


async def test_platform_cannot_redirect_the_fees_of_a_provider(harness: PaymentHarness) -> None:
    stolen = {"sub": "LP0001", "name": "Lembaga", "number": "666", "partner": "bni", "version": "2"}
    for token in (seal(stolen, "registration"), keys_of("bni").seal(stolen), keys_of("payment").seal(stolen)):
        await harness.receive(a_provider(version=2, account={"partner": "bni", "sealed": token}))
    assert await harness.parked() == ["bad_seal"] * 3


async def put_as_before(harness: PaymentHarness) -> None:
    """Replace the kept accounts by those that an installation of before the migration `own_seals` kept."""
    provider = seal({"sub": "LP0001", "number": "0123456789", "name": "Lembaga"}, "registry")
    await harness.connection.execute("update provider set account = $1", provider)
    for row in await harness.connection.fetch("select participant_id from account"):
        token = compact(as_before(row["participant_id"]))
        await harness.connection.execute("update account set account = $2 where participant_id = $1", row[0], token)


async def test_accounts_under_upstreams_keys_are_sealed_again(
    harness: PaymentHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resealing, "PORTION", 2)
    people = [f"48100000000{number:05}" for number in range(5)]
    await harness.prepare()
    await harness.receive(linked(), *map(linked, people))
    await put_as_before(harness)
    assert await run(harness) == [
        "resealed under payment-1: 6 accounts of participants, sealed under registration",
        "resealed under payment-1: 1 accounts of providers, sealed under registry",
    ]
    assert {kid_of(token) for token in (await kept(harness)).values()} == {"payment-1"}
    await harness.receive(*journey()[1:])
    assert {instructed.number for instructed in harness.instructions} == {"0123456789", a_number(PARTICIPANT)}
    # A known account is a duplicate, whatever it was sealed under.
    assert await run(harness) == []


async def test_resealing_that_was_ended_is_gone_on_with(
    harness: PaymentHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resealing, "PORTION", 1)
    await harness.prepare()
    await harness.receive(linked(), linked(OTHER))
    await put_as_before(harness)
    calls: list[Any] = []

    def ends(*arguments: Any) -> str:
        calls.append(arguments)
        if len(calls) > 1:
            raise ConnectionResetError
        return seal_own(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(resealing, "seal_own", ends)
        with pytest.raises(ConnectionResetError):
            await run(harness)
    assert sorted(kid_of(token) for token in (await kept(harness)).values()) == [
        "payment-1",
        "registration",
        "registry",
    ]
    await run(harness)
    assert {kid_of(token) for token in (await kept(harness)).values()} == {"payment-1"}


async def test_account_that_does_not_open_is_named_and_left(harness: PaymentHarness) -> None:
    await harness.receive(linked(), linked(OTHER))
    stolen = compact(as_before(OTHER))
    await harness.connection.execute("update account set account = $1", stolen)
    assert await run(harness) == [
        "resealed under payment-1: 1 accounts of participants, sealed under registration",
        "not resealed, since they do not open: 1 accounts of participants, sealed under registration",
    ]
    assert (await kept(harness))[PARTICIPANT] == expand(stolen)


async def test_provider_known_from_before_comes_again_as_a_repeat(harness: PaymentHarness) -> None:
    provider = a_provider(number="0123456789")
    await harness.receive(provider)
    await harness.receive(a_provider(number="0123456789"))
    assert await harness.parked() == []
    opened = programme_keys().open(provider.data["account"]["sealed"])
    assert opened["number"] == keys_of("payment").open((await kept(harness))["LP0001"])["number"]
