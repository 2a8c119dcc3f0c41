"""Accounts rest under payment's own key, and go nowhere but to their payee at their partner."""

from typing import Any

import pytest

from services.payment.app import context_of
from services.payment.handlers import resealing
from services.payment.handlers.resealing import seal_again
from services.payment.handlers.sealing import seal_own
from services.payment.settings import PaymentSettings
from shared.contracts.sealed import kid_of, lengthen, shorten
from shared.messaging.lane import real_microseconds
from shared.messaging.message import Record
from tests.builders import Event, a_provider, as_said, keys_folder, keys_of, programme_keys, seal
from tests.integration.payment.bench import Bench
from tests.integration.payment.facts import CODE, PARTICIPANT, a_number, confirmed, journey, linked

OTHER, OTHER_CODE = "4810000000000025", "PRAT0AB12CD4"


async def run(bench: Bench) -> list[str]:
    return await seal_again(context_of(PaymentSettings(keys_folder=keys_folder())), bench.connection)


def as_before(participant: str = PARTICIPANT, kid: str = "registration") -> str:
    """An account as upstream sealed it before 1.0."""
    return seal({"sub": participant, "number": a_number(participant), "nik": "3273" + "0" * 12}, kid)


class Said(Event):
    """Said by enrollment in an era of long ago."""

    era = 1

    def record(self, offset: int = 0) -> Record:
        return as_said(super().record(offset), "enrollment", era=self.era)


class SaidSince(Said):
    """In an era that began after this test's schema was made."""

    era = real_microseconds() + 3_600_000_000


def said_as(kind: type[Event], event: Event, **changes: Any) -> Event:
    return kind(event.type, {**event.data, **changes}, event.source, event.key, event.id)


async def kept(bench: Bench) -> dict[str, str]:
    """The tokens by payee."""
    rows = await bench.connection.fetch(
        "select participant_id as payee, account from account union select provider_id, account from provider"
    )
    return {row["payee"]: lengthen(row["account"]) for row in rows}


async def test_accounts_rest_under_payments_own_key_bound_to_payee_and_partner(bench: Bench) -> None:
    await bench.prepare()
    await bench.receive(linked())
    tokens = await kept(bench)
    assert {payee: kid_of(token) for payee, token in tokens.items()} == {
        PARTICIPANT: "payment-1",
        "LP0001": "payment-1",
    }
    assert keys_of("payment").open(tokens[PARTICIPANT]) == {
        "payee": "participant", "sub": PARTICIPANT, "partner": "gopay", "number": a_number(PARTICIPANT),
    }  # fmt: skip
    await bench.receive(confirmed(), *journey()[2:])
    assert [told.number for told in bench.told("incentive")] == [a_number(PARTICIPANT)]


@pytest.mark.parametrize(
    "change",
    [
        "update account set partner = 'dana'",
        f"update account a set account = b.account from account b where b.participant_id = '{OTHER}'",
        "update account set account = p.account from provider p",
    ],
    ids=["another partner", "another person's", "a provider's"],
)
async def test_account_that_was_moved_in_its_row_is_not_paid_into(bench: Bench, change: str) -> None:
    """Both people fall due at once: what was opened for the one is not lent to the other."""
    await bench.prepare()
    await bench.receive(linked(), linked(OTHER))
    await bench.connection.execute(change)
    await bench.receive(*journey()[1:], *journey(OTHER, OTHER_CODE)[1:])
    assert await bench.state("incentive_1", CODE) == "held(account_invalid)"
    assert a_number(PARTICIPANT) not in {told.number for told in bench.instructions}


@pytest.mark.parametrize("name", ["partner", "verified", "same_identity", "linked_at", "participant_id"])
async def test_announced_account_that_says_otherwise_than_its_seal_is_parked(bench: Bench, name: str) -> None:
    facts = {
        "partner": "dana",
        "verified": False,
        "same_identity": False,
        "linked_at": "2023-03-01T00:00:00Z",
        "participant_id": OTHER,
    }
    await bench.receive(said_as(Said, linked(), **{name: facts[name]}))
    assert await bench.parked() == ["bad_seal"]
    assert await kept(bench) == {}


async def test_account_announced_before_seals_held_so_much_is_taken_in(bench: Bench) -> None:
    await bench.prepare()
    await bench.receive(said_as(Said, linked(), account=as_before()))
    assert kid_of((await kept(bench))[PARTICIPANT]) == "payment-1"
    await bench.receive(*journey()[1:])
    assert [told.number for told in bench.told("incentive")] == [a_number(PARTICIPANT)]
    assert await bench.parked() == []


@pytest.mark.parametrize("participant", [PARTICIPANT, OTHER])
async def test_account_announced_since_under_a_seal_of_before_is_parked(bench: Bench, participant: str) -> None:
    await bench.receive(said_as(SaidSince, linked(), account=as_before(participant)))
    await bench.receive(said_as(Said, linked(), account=as_before(OTHER)))
    assert await bench.parked() == ["bad_seal", "bad_seal"]
    assert await kept(bench) == {}


@pytest.mark.parametrize("name", ["partner", "version", "provider_id"])
async def test_copied_seal_of_a_provider_is_given_nothing_new(bench: Bench, name: str) -> None:
    good = a_provider()
    changes: dict[str, dict[str, Any]] = {
        "partner": {"account": {**good.data["account"], "partner": "dana"}},
        "version": {"version": 2},
        "provider_id": {"provider_id": "LP0002"},
    }
    await bench.receive(good, good.but(**changes[name]))
    assert await bench.parked() == ["bad_seal"]
    assert list(await kept(bench)) == ["LP0001"]


async def test_platform_cannot_redirect_the_fees_of_a_provider(bench: Bench) -> None:
    stolen = {"sub": "LP0001", "name": "Lembaga", "number": "666", "partner": "bni", "version": "2"}
    for token in (seal(stolen, "registration"), keys_of("bni").seal(stolen), keys_of("payment").seal(stolen)):
        await bench.receive(a_provider(version=2, account={"partner": "bni", "sealed": token}))
    assert await bench.parked() == ["bad_seal"] * 3


async def put_as_before(bench: Bench) -> None:
    """What is kept, as an installation of before 1.0 kept it."""
    provider = seal({"sub": "LP0001", "number": "0123456789", "name": "Lembaga"}, "registry")
    await bench.connection.execute("update provider set account = $1", provider)
    for row in await bench.connection.fetch("select participant_id from account"):
        token = shorten(as_before(row["participant_id"]))
        await bench.connection.execute("update account set account = $2 where participant_id = $1", row[0], token)


async def test_what_rests_under_upstreams_keys_is_sealed_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resealing, "PORTION", 2)
    people = [f"48100000000{number:05}" for number in range(5)]
    await bench.prepare()
    await bench.receive(linked(), *map(linked, people))
    await put_as_before(bench)
    assert await run(bench) == [
        "sealed again under payment-1: 6 of participants that lay under registration",
        "sealed again under payment-1: 1 of providers that lay under registry",
    ]
    assert {kid_of(token) for token in (await kept(bench)).values()} == {"payment-1"}
    await bench.receive(*journey()[1:])
    assert {told.number for told in bench.instructions} == {"0123456789", a_number(PARTICIPANT)}
    # A repeat of what is known is one, whatever seal it came under.
    assert await run(bench) == []


async def test_resealing_that_was_ended_is_gone_on_with(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resealing, "PORTION", 1)
    await bench.prepare()
    await bench.receive(linked(), linked(OTHER))
    await put_as_before(bench)
    calls: list[Any] = []

    def ends(*arguments: Any) -> str:
        calls.append(arguments)
        if len(calls) > 1:
            raise ConnectionResetError
        return seal_own(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(resealing, "seal_own", ends)
        with pytest.raises(ConnectionResetError):
            await run(bench)
    assert sorted(kid_of(token) for token in (await kept(bench)).values()) == ["payment-1", "registration", "registry"]
    await run(bench)
    assert {kid_of(token) for token in (await kept(bench)).values()} == {"payment-1"}


async def test_what_does_not_open_is_named_and_left(bench: Bench) -> None:
    await bench.receive(linked(), linked(OTHER))
    stolen = shorten(as_before(OTHER))
    await bench.connection.execute("update account set account = $1", stolen)
    assert await run(bench) == [
        "sealed again under payment-1: 1 of participants that lay under registration",
        "left as it is, since it does not open: 1 of participants that lay under registration",
    ]
    assert (await kept(bench))[PARTICIPANT] == lengthen(stolen)


async def test_provider_known_from_before_comes_again_as_a_repeat(bench: Bench) -> None:
    provider = a_provider(number="0123456789")
    await bench.receive(provider)
    await bench.receive(a_provider(number="0123456789"))
    assert await bench.parked() == []
    opened = programme_keys().open(provider.data["account"]["sealed"])
    assert opened["number"] == keys_of("payment").open((await kept(bench))["LP0001"])["number"]
