"""The tests are tested: each story is sound as it is, and the proofs go red when a bug is planted in the product."""

import pytest

from tests.faults.planted import (
    age_bugs,
    bugs,
    chain_bugs,
    reading_bugs,
    restore_bugs,
    seal_bugs,
    verdict_bugs,
    waiting_bugs,
)
from tests.faults.planted.bugs import Bug, Story
from tests.faults.planted.ground import Ground
from tests.infrastructure import KafkaServer, PostgresServer

BUGS = (
    *bugs.BUGS,
    *chain_bugs.BUGS,
    *seal_bugs.BUGS,
    *verdict_bugs.BUGS,
    *waiting_bugs.BUGS,
    *age_bugs.BUGS,
    *reading_bugs.BUGS,
    *restore_bugs.BUGS,
)
SOUND_WITHIN_SECONDS, BROKEN_AFTER_SECONDS = 40.0, 3.0


@pytest.fixture(scope="module")
def sound() -> dict[Story, list[str]]:
    """The breaches of each story without a bug; bugs that share a story share its sound run."""
    return {}


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
async def test_the_proofs_go_red_when(
    bug: Bug, sound: dict[Story, list[str]], kafka: KafkaServer, postgres: PostgresServer
) -> None:
    if bug.story not in sound:
        sound[bug.story] = await bug.story(Ground(kafka, postgres, SOUND_WITHIN_SECONDS))
    assert sound[bug.story] == []
    with pytest.MonkeyPatch.context() as product:
        bug.plant(product)
        breaches = await bug.story(Ground(kafka, postgres, BROKEN_AFTER_SECONDS))
    assert any(bug.shows in breach for breach in breaches), breaches
