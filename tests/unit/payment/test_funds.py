"""Money of a pot is shared out: blocks while there is plenty, else to the oldest, and to the rupiah."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.payment.domain.disbursement import Disbursement
from services.payment.domain.funds import Purse, Queues, Share, purse_of, share, share_in_turn
from services.payment.domain.right import Component
from tests.unit.payment.values import NOW, a_disbursement

HERE, THERE = Purse(3, "48", Component.INCENTIVE), Purse(7, "48", Component.INCENTIVE)


def a_right(age: int, amount: int, purse: Purse = HERE) -> Disbursement:
    return a_disbursement(
        redeem_code=f"PRAT{age:08}", due_at=NOW + timedelta(minutes=age), amount=amount, lane=purse.lane
    )


def shared(queues: Queues, central: int, block: int = 2000, **free: int) -> Share:
    return share(queues, {HERE: free.get("here", 0), THERE: free.get("there", 0)}, central, block)


def ages(paid: Share) -> list[int]:
    return sorted(int(d.redeem_code[4:]) for d in paid.paid)


def test_a_purse_that_suffices_draws_nothing() -> None:
    paid = share({HERE: [a_right(1, 600), a_right(2, 400)]}, {HERE: 1000}, 5000, 2000)
    assert (ages(paid), paid.spent, paid.drawn) == ([1, 2], {HERE: 1000}, {})


def test_a_purse_draws_a_block_while_there_is_plenty_and_more_when_it_needs_more() -> None:
    queues = {HERE: [a_right(1, 600)], THERE: [a_right(2, 2500, THERE)]}
    assert shared(queues, 5000).drawn == {HERE: 2000, THERE: 2500}


def test_without_plenty_purses_draw_what_they_spend_and_give_back_what_they_do_not() -> None:
    paid = shared({HERE: [a_right(1, 600)], THERE: [a_right(2, 900, THERE)]}, 300, here=700)
    assert (ages(paid), paid.drawn) == ([1], {HERE: -100, THERE: 0})
    assert shared({HERE: [a_right(1, 600)], THERE: [a_right(2, 400, THERE)]}, 300, here=700).drawn == {
        HERE: -100,
        THERE: 400,
    }


def test_the_oldest_of_all_lanes_is_paid_out_of_all_their_purses() -> None:
    paid = shared({HERE: [a_right(2, 500)], THERE: [a_right(1, 600, THERE)]}, 0, here=700)
    assert (ages(paid), paid.drawn) == ([1], {HERE: -700, THERE: 600})


def test_nobody_overtakes_an_older_one_for_whom_the_money_does_not_last() -> None:
    assert ages(shared({HERE: [a_right(1, 600), a_right(2, 100)]}, 599)) == []


def test_in_turn_purses_draw_what_they_spend() -> None:
    paid = share_in_turn([a_right(1, 600), a_right(2, 400, THERE)])
    assert paid.spent == paid.drawn == {HERE: 600, THERE: 400}


rights = st.lists(st.tuples(st.integers(1, 900), st.sampled_from((HERE, THERE))), max_size=8)
rupiah = st.integers(0, 3000)


@given(rights, rupiah, rupiah, rupiah, st.integers(1, 2000))
def test_no_rupiah_is_made_or_lost_and_the_oldest_go_first(
    owed: list[tuple[int, Purse]], here: int, there: int, central: int, block: int
) -> None:
    every = [a_right(age, amount, purse) for age, (amount, purse) in enumerate(owed)]
    queues = {purse: [d for d in every if purse_of(d) == purse] for purse in {purse_of(d) for d in every}}
    free = {purse: {HERE: here, THERE: there}[purse] for purse in queues}
    paid = share(queues, free, central, block)
    assert paid.paid == every[: len(paid.paid)] or len(paid.paid) == len(every)
    for purse in queues:
        spent = sum(d.amount for d in paid.paid if purse_of(d) == purse)
        assert spent == paid.spent.get(purse, 0) <= free[purse] + paid.drawn.get(purse, 0)
    assert sum(paid.drawn.values()) <= central
    if len(paid.paid) < len(every):
        left = central - sum(paid.drawn.values()) + sum(free[p] + paid.drawn[p] - paid.spent[p] for p in queues)
        assert every[len(paid.paid)].amount > left
        assert all(free[p] + paid.drawn[p] == paid.spent[p] for p in queues)
