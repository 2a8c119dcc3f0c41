"""Searched texts: what they say stays, and no way of writing hides an identifier."""

import json
from base64 import b64encode

from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.person import person_of
from shared.contracts.plain_text import plain_text
from shared.contracts.seals import holds_seal, kids_in

PERSON = "4810000000000017"
# A token as `kid_of` reads it: its header names the key, the rest has the lengths of a seal.
HEADER = b64encode(b'{"alg":"dir","enc":"A256GCM","kid":"registration"}').decode().rstrip("=")
SEAL = f"{HEADER}..{'a' * 16}.{'b' * 40}.{'c' * 22}"
TEXTS = st.text(st.characters(codec="utf-8"))


@st.composite
def written(draw: st.DrawFn, text: str) -> str:
    """Return a JSON string of the text, in which any character may be escaped."""
    forms = (r"\u{:04x}", r"\u{:04X}", None)
    return (
        '"' + "".join(c if (form := draw(st.sampled_from(forms))) is None else form.format(ord(c)) for c in text) + '"'
    )


def in_base64(text: str) -> str:
    return json.dumps({"specversion": "1.0", "data_base64": b64encode(text.encode()).decode()})


@given(st.dictionaries(TEXTS, st.lists(TEXTS)), st.booleans())
def test_plain_text_of_a_json_text_says_the_same(content: dict[str, list[str]], ascii_only: bool) -> None:
    text = json.dumps(content, ensure_ascii=ascii_only)
    assert json.loads(plain_text(text.encode()).partition(b"\n")[0]) == content


@given(st.data(), st.booleans())
def test_person_and_seal_are_found_however_they_are_written(data: st.DataObject, encoded: bool) -> None:
    members = {"participant_id": PERSON, "account": SEAL}
    text = ",".join(f"{data.draw(written(name))}:{data.draw(written(value))}" for name, value in members.items())
    value = (in_base64(f"{{{text}}}") if encoded else f"{{{text}}}").encode()
    assert person_of(None, value) == PERSON
    assert holds_seal(value)
    assert kids_in(value) == ["registration"]


@given(st.binary())
def test_any_bytes_have_a_plain_text(value: bytes) -> None:
    assert isinstance(plain_text(value), bytes)
