"""Plan of the demo: reproducible by seed."""

import json
from collections.abc import Mapping

from deploy.demo.plan import DemoPlan, make_plan


class Plain:
    """A sealer that seals nothing: the random part of seals is all that equal plans differ in."""

    def seal(self, claims: Mapping[str, object], kid: str | None = None) -> str:
        return json.dumps([kid, claims], sort_keys=True)


def parts(plan: DemoPlan) -> list[object]:
    """Return all of a plan but the further steps, which follow from its people."""
    return [plan.people, plan.first, plan.later, plan.rogue_report, plan.appropriated, plan.parked]


def test_plan_depends_on_its_seed_alone() -> None:
    one, same, other = (make_plan(seed, 200, Plain()) for seed in (7, 7, 8))
    assert parts(one) == parts(same)
    assert all(mine != theirs for mine, theirs in zip(parts(one)[:3], parts(other)[:3], strict=True))
