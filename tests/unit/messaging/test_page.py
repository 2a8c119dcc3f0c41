"""Pages: their bytes in the table and their records in Kafka."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from shared.messaging.outbox.page import OutboxEvent, Page, decode, encode

TEXT = st.text(st.characters(codec="ascii", exclude_characters="\t\n"), min_size=1)
SAID = st.builds(
    OutboxEvent,
    type=TEXT,
    key=TEXT,
    data=st.binary().map(lambda raw: raw.replace(b"\t", b"").replace(b"\n", b"")),
    headers=st.dictionaries(TEXT, st.text(), max_size=3),
)


@given(st.lists(SAID, min_size=1, max_size=20))
def test_events_of_a_page_are_decoded_byte_for_byte(events: list[OutboxEvent]) -> None:
    assert decode(encode(events)) == events


def test_event_id_is_derived_from_topic_lane_era_and_number() -> None:
    said = [OutboxEvent("toy.v1", "a", b"{}"), OutboxEvent("toy.v1", "b", b"{}", {"traceparent": "00-x"})]
    page = Page(
        "totals",
        3,
        era=7,
        era_first=5,
        first_sequence=6,
        emitted_at=datetime(2023, 2, 17, tzinfo=UTC),
        events=said,
    )

    (first, key, value, headers), (second, _, _, traced) = page.records("/salur/toy")

    assert (first, second) == (6, 7)
    assert (key, value) == (b"a", b"{}")
    assert dict(headers) == {
        "ce_specversion": b"1.0",
        "ce_id": b"totals/3/7/6",
        "ce_source": b"/salur/toy",
        "ce_type": b"toy.v1",
        "ce_time": b"2023-02-17T00:00:00.000000Z",
        "ce_subject": b"a",
        "content-type": b"application/json",
        "ce_era": b"7.5",
        "ce_sequence": b"6",
    }
    assert dict(traced)["traceparent"] == b"00-x"


def test_page_is_published_from_the_middle() -> None:
    said = [OutboxEvent("toy.v1", str(n), b"{}") for n in range(4)]
    page = Page(
        "totals",
        0,
        era=1,
        era_first=1,
        first_sequence=11,
        emitted_at=datetime(2023, 1, 1, tzinfo=UTC),
        events=said,
    )
    assert [sequence for sequence, *_ in page.records("/salur/toy", 13)] == [13, 14]
