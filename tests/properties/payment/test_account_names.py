"""Names of accounts in beancount's file: always accepted, and no two the same."""

from beancount.core.account import is_valid
from hypothesis import given
from hypothesis import strategies as st

from services.payment.books.beancount import account_name, escape

TEXTS = st.text(max_size=6) | st.text("aAxX1-/._", max_size=4)
ACCOUNTS = st.from_regex(r"\A(treasury|appropriation|claims|returned|(reserved|clearing|paid):[a-z0-9_]{1,4})\Z")
NAMED = st.tuples(st.text("aAxX1-/._", min_size=1, max_size=3), st.sampled_from(["training", "survey"]), ACCOUNTS)


@given(TEXTS, TEXTS)
def test_no_two_texts_have_the_same_part(one: str, other: str) -> None:
    assert (escape(one) == escape(other)) == (one == other)


@given(TEXTS)
def test_every_text_is_a_part_that_beancount_accepts(text: str) -> None:
    assert is_valid(f"Assets:{escape(text)}")


@given(NAMED, NAMED)
def test_no_two_accounts_have_the_same_name(one: tuple[str, str, str], other: tuple[str, str, str]) -> None:
    assert (account_name(*one) == account_name(*other)) == (one == other)
