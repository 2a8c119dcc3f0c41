"""The digest that tells the same content from other content of one participant."""

import json
from types import SimpleNamespace
from typing import cast

import pytest

from services.enrollment.context import Context
from services.enrollment.handlers.opened_seals import DIGEST_BYTES, content_digest
from tests.builders import identity_index

INDEX = identity_index()
CONTEXT = cast("Context", SimpleNamespace(index=INDEX))


@pytest.mark.parametrize("sealed", [(), ("3273014107950001", "1995-07-01"), ('Ny. "Sri"', "é\u2028\\", "")])
def test_content_digest_is_keyed_over_the_json_list_of_its_texts(sealed: tuple[str, ...]) -> None:
    stated = '{"participant_id":"4810000000000017","wave":"48"}'
    assert content_digest(CONTEXT, stated, *sealed) == INDEX.digest(json.dumps([stated, *sealed]))[:DIGEST_BYTES]


def test_texts_that_are_divided_in_another_place_have_another_digest() -> None:
    assert content_digest(CONTEXT, "{}", "ab", "c") != content_digest(CONTEXT, "{}", "a", "bc")
