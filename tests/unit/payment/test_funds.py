"""Allocation of a fund: blocks while there is plenty, else to the oldest, and to the rupiah."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.payment.domain.disbursement import Disbursement
from services.payment.domain.entitlement import Component
from services.payment.domain.funds import (
    Allocation,
    Allotment,
    Fund,
    QueuedDisbursement,
    Queues,
    allocate,
    allocate_in_turn,
    allotment_of,
    fund_of,
    oldest_first,
    queued,
)
from tests.unit.payment.values import NOW, a_disbursement

HERE, THERE = Allotment(3, "48", Component.INCENTIVE), Allotment(7, "48", Component.INCENTIVE)


def aged_disbursement(age: int, amount: int, allotment: Allotment = HERE) -> Disbursement:
    return a_disbursement(
        redeem_code=f"PRAT{age:08}", due_at=NOW + timedelta(minutes=age), amount=amount, lane=allotment.lane
    )


def shared(queues: Queues, central: int, block: int = 2000, **free: int) -> Allocation:
    return allocate(queues, {HERE: free.get("here", 0), THERE: free.get("there", 0)}, central, block)


def ages(paid: Allocation) -> list[int]:
    return sorted(int(d.redeem_code[4:]) for d in paid.funded)


def test_sufficient_allotment_does_not_grow() -> None:
    paid = allocate({HERE: [aged_disbursement(1, 600), aged_disbursement(2, 400)]}, {HERE: 1000}, 5000, 2000)
    assert (ages(paid), paid.committed, paid.allotted) == ([1, 2], {HERE: 1000}, {})


def test_allotment_grows_by_a_block_or_by_more_if_needed() -> None:
    queues = {HERE: [aged_disbursement(1, 600)], THERE: [aged_disbursement(2, 2500, THERE)]}
    assert shared(queues, 5000).allotted == {HERE: 2000, THERE: 2500}
    assert shared(queues, 5000, there=100).allotted == {HERE: 2000, THERE: 2400}


def test_allotments_of_a_scarce_fund_keep_only_what_they_commit() -> None:
    paid = shared({HERE: [aged_disbursement(1, 600)], THERE: [aged_disbursement(2, 900, THERE)]}, 300, here=700)
    assert (ages(paid), paid.allotted) == ([1], {HERE: -100, THERE: 0})
    assert shared(
        {HERE: [aged_disbursement(1, 600)], THERE: [aged_disbursement(2, 400, THERE)]}, 300, here=700
    ).allotted == {
        HERE: -100,
        THERE: 400,
    }


def test_oldest_of_all_lanes_is_paid_from_all_their_allotments() -> None:
    paid = shared({HERE: [aged_disbursement(2, 500)], THERE: [aged_disbursement(1, 600, THERE)]}, 0, here=700)
    assert (ages(paid), paid.allotted) == ([1], {HERE: -700, THERE: 600})


def test_none_overtakes_an_older_one_that_the_money_does_not_cover() -> None:
    assert ages(shared({HERE: [aged_disbursement(1, 600), aged_disbursement(2, 100)]}, 599)) == []


def test_oldest_is_the_one_that_fell_due_first_whatever_its_code() -> None:
    old, new = a_disbursement(redeem_code="PRATZ"), a_disbursement(due_at=NOW + timedelta(minutes=1))
    assert oldest_first({HERE: [new], THERE: [old]}) == oldest_first({HERE: [old, new]}) == [old, new]


def test_allotments_in_turn_receive_what_they_commit() -> None:
    paid = allocate_in_turn([aged_disbursement(1, 600), aged_disbursement(2, 400, THERE)])
    assert paid.committed == paid.allotted == {HERE: 600, THERE: 400}


disbursements = st.lists(st.tuples(st.integers(1, 900), st.sampled_from((HERE, THERE))), max_size=8)
rupiah = st.integers(0, 3000)


@given(disbursements, rupiah, rupiah, rupiah, st.integers(1, 2000))
def test_no_rupiah_is_made_or_lost_and_the_oldest_go_first(
    owed: list[tuple[int, Allotment]], here: int, there: int, central: int, block: int
) -> None:
    every = [aged_disbursement(age, amount, allotment) for age, (amount, allotment) in enumerate(owed)]
    queues = {
        allotment: [d for d in every if allotment_of(d) == allotment] for allotment in {allotment_of(d) for d in every}
    }
    free = {allotment: {HERE: here, THERE: there}[allotment] for allotment in queues}
    paid = allocate(queues, free, central, block)
    assert paid.funded == every[: len(paid.funded)] or len(paid.funded) == len(every)
    for allotment in queues:
        committed = sum(d.amount for d in paid.funded if allotment_of(d) == allotment)
        assert committed == paid.committed.get(allotment, 0) <= free[allotment] + paid.allotted.get(allotment, 0)
    assert sum(paid.allotted.values()) <= central
    if len(paid.funded) < len(every):
        left = (
            central - sum(paid.allotted.values()) + sum(free[p] + paid.allotted[p] - paid.committed[p] for p in queues)
        )
        assert every[len(paid.funded)].amount > left
        assert all(free[p] + paid.allotted[p] == paid.committed[p] for p in queues)


def test_disbursement_names_its_fund_and_its_place_in_the_queue() -> None:
    one = a_disbursement()
    assert fund_of(one) == HERE.fund == Fund("48", Component.INCENTIVE)
    assert queued(one) == QueuedDisbursement(one.age, 3, 600_000)
    assert queued(one).key == one.key


def test_rest_that_just_suffices_lets_allotments_grow() -> None:
    paid = shared({HERE: [aged_disbursement(1, 300)]}, 500, block=500)
    assert (ages(paid), dict(paid.allotted)) == ([1], {HERE: 500})


def test_those_whose_turn_it_is_are_the_funded_ones() -> None:
    turn = [aged_disbursement(2, 500), aged_disbursement(1, 300)]
    assert allocate_in_turn(turn).funded == turn
