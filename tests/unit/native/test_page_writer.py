"""The compiled writer of pages: it writes the bytes that Python writes, and never past its room."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from eventkeep.model.event import StoredEvent
from eventkeep.model.metric import Metric
from eventkeep.model.stored_events import StoredEvents
from eventkeep.native.library import is_built
from eventkeep.native.page_writer import (
    MEMBERS,
    PROFILE_ID,
    PUBLIC_ID,
    TEMPLATES,
    UNIQUE_ID,
    JoinedTexts,
    PageColumns,
    Templates,
    room_for,
    write_into,
    write_page,
)
from eventkeep.protocol.fieldsets import Fieldset
from eventkeep.protocol.reads.event_writer import Attributed, event_writer

needs_writer = pytest.mark.skipif(not is_built(), reason="there was no C compiler when eventkeep was installed")

TIME_MAX: Final = 2**32 - 1
ID_MAX: Final = 2**64 - 1
DAY: Final = 86_400
BASE: Final = "https://events.shop.example"
ATTRIBUTES: Final = ("timestamp", "event_properties", "datetime", "uuid")
FIELDSETS: Final = [
    Fieldset(names) for count in range(len(ATTRIBUTES) + 1) for names in itertools.combinations(ATTRIBUTES, count)
]
METRICS: Final = {
    number: Metric(number, f"Metr{number:02}", 1, "Ordered", "api", "7FtS4J", has_value, 0, 0)
    for number, has_value in ((1, True), (2, False))
}
PROFILE_IDS: Final = {1: "01M1PA9MBA7VB258TP74BXMQTG", 2: "a", 3: ""}

NAMES: Final = st.text(max_size=6) | st.sampled_from(
    ["$value", "$extra", "$event_id", "$value_currency", "$email", "$", "price", "\x00"]
)
VALUES: Final = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 2**53) | st.text(max_size=6),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(NAMES, children, max_size=3),
    max_leaves=5,
)
BLANKS: Final = st.text(" \t\r\n", max_size=3)


@st.composite
def properties(draw: st.DrawFn) -> bytes:
    """A raw object, with blanks, and escapes of characters that need none."""
    text = json.dumps(draw(st.dictionaries(NAMES, VALUES, max_size=4)), ensure_ascii=draw(st.booleans()))
    if draw(st.booleans()):
        text = text.replace("$", "\\u0024")
    before, inside, after = draw(BLANKS), draw(BLANKS), draw(BLANKS)
    return f"{before}{{{inside}{text[1:-1]}{inside}}}{after}".encode()


EVENTS: Final = st.lists(
    st.builds(
        StoredEvent,
        account=st.just(1),
        time=st.integers(0, TIME_MAX),
        id=st.integers(0, ID_MAX),
        profile=st.sampled_from(list(PROFILE_IDS)),
        metric=st.sampled_from(list(METRICS)),
        unique_id=st.text(max_size=12) | st.text('"\\\x00\n,]é😀', max_size=6),
        value=st.none()
        | st.sampled_from([0.0, -0.0, 1e300, 5e-324, 12.0, 0.1 + 0.2, -1e16, 1e15])
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.integers(-(2**53), 2**53).map(float),
        currency=st.sampled_from(["", "EUR", "USD"]),
        properties=properties(),
    ),
    min_size=2,
    max_size=5,
)


def stored(
    time: int = 1_718_452_800,
    id: int = 1,
    unique_id: str = "u1",
    value: float | None = None,
    properties: bytes = b"{}",
    metric: int = 1,
) -> StoredEvent:
    return StoredEvent(1, time, id, 1, metric, unique_id, value, "", properties)


def in_python(events: Sequence[StoredEvent], wanted: Fieldset, base_url: str = BASE) -> bytes:
    writer = event_writer(base_url, wanted)
    return b",".join([writer.write(event, METRICS[event.metric], PROFILE_IDS[event.profile]) for event in events])


def compiled(events: Sequence[StoredEvent], wanted: Fieldset, base_url: str = BASE) -> memoryview:
    written = event_writer(base_url, wanted).write_all(StoredEvents.of(events), METRICS, PROFILE_IDS)
    # The writer in Python returns bytes.
    assert isinstance(written, memoryview)
    return written


def texts(each: Sequence[bytes]) -> JoinedTexts:
    return JoinedTexts(b"".join(each), np.array([len(text) for text in each], dtype=np.uint32))


def columns(count: int = 2, **changed: Any) -> PageColumns:
    plain = PageColumns(
        times=np.ones(count, dtype=np.int64),
        ids=np.ones(count, dtype=np.uint64),
        flags=bytes(count),
        profile_ids=json.dumps(["p"] * count, separators=(",", ":")).encode(),
        metric_ids=json.dumps(["m"] * count, separators=(",", ":")).encode(),
        unique_ids=texts([b"u"] * count),
        values=json.dumps([None] * count, separators=(",", ":")).encode(),
        currencies=json.dumps([""] * count, separators=(",", ":")).encode(),
        attribution_ids=json.dumps([""] * count, separators=(",", ":")).encode(),
        properties=texts([b'{"a":1}'] * count),
    )
    return plain._replace(**changed)


@needs_writer
@given(EVENTS, st.sampled_from(FIELDSETS))
@example([stored(properties=b'{"$extra":{"a":1}}'), stored(properties=b" {\n} ", value=1.0)], FIELDSETS[-1])
@example([stored(metric=1), stored(metric=2), stored(properties=b'{"price":"$9"}')], FIELDSETS[-1])
def test_pages_are_written_as_python_writes_each_event(events: list[StoredEvent], wanted: Fieldset) -> None:
    assert compiled(events, wanted) == in_python(events, wanted)


@given(EVENTS, st.builds(slice, *[st.none() | st.integers(-5, 5)] * 2, st.sampled_from([1, -1, 2])))
def test_slices_of_pages_are_written_as_python_writes_each_event(events: list[StoredEvent], places: slice) -> None:
    written = event_writer(BASE, FIELDSETS[-1]).write_all(StoredEvents.of(events)[places], METRICS, PROFILE_IDS)
    assert written == in_python(events[places], FIELDSETS[-1])


@needs_writer
@given(EVENTS, st.sampled_from(FIELDSETS), st.integers(0, 2**10 - 1))
def test_attributions_are_written_as_python_writes_them(
    events: list[StoredEvent], wanted: Fieldset, shown: int
) -> None:
    ids = ["ab" * 16 if shown >> place & 1 else "" for place in range(len(events))]
    properties = [b'{"a":1}' if shown >> place & 32 else b"" for place in range(len(events))]
    writer = event_writer(BASE, wanted)
    written = writer.write_all(StoredEvents.of(events), METRICS, PROFILE_IDS, Attributed(ids, properties))
    assert isinstance(written, memoryview)
    assert written == b",".join(
        [
            writer.write(event, METRICS[event.metric], PROFILE_IDS[event.profile], id, attribution)
            for event, id, attribution in zip(events, ids, properties, strict=True)
        ]
    )


@needs_writer
@pytest.mark.parametrize(
    "base_url",
    ['http://"\\', "https://é😀.example", "http://%b%s%%", "http://\x0e\x14\x18\x00\n", "http://" + "a" * 500],
)
def test_links_begin_with_any_base_url(base_url: str) -> None:
    events = [stored(), stored(value=2.5)]
    assert compiled(events, FIELDSETS[-1], base_url) == in_python(events, FIELDSETS[-1], base_url)


@needs_writer
def test_every_day_is_written_as_python_writes_it() -> None:
    # A place in each day that is another one every day, and the last second of them all.
    times = [day * DAY + day * 7_919 % DAY for day in range(TIME_MAX // DAY)] + [TIME_MAX]
    events, wanted = [stored(time=time, id=time * 3_037_000_499) for time in times], Fieldset(("datetime", "uuid"))
    assert compiled(events, wanted) == in_python(events, wanted)


@needs_writer
@pytest.mark.parametrize("size", [1, 7, 8, 240, 4_000, 100_000])
def test_long_texts_are_copied_whole(size: int) -> None:
    sent = b'{"a":"%b"}' % (b"x" * size)
    events = [stored(unique_id='"' * size, properties=sent), stored(unique_id="\\" * size, properties=sent)]
    assert compiled(events, FIELDSETS[-1]) == in_python(events, FIELDSETS[-1])


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_json_lacks_are_left_to_python(value: float) -> None:
    events = [stored(value=value), stored()]
    written = event_writer(BASE, FIELDSETS[-1]).write_all(StoredEvents.of(events), METRICS, PROFILE_IDS)
    assert isinstance(written, bytes)
    assert written == in_python(events, FIELDSETS[-1])


def test_no_events_and_one_are_written() -> None:
    for events in ([], [stored()]):
        assert event_writer(BASE, FIELDSETS[-1]).write_all(StoredEvents.of(events), METRICS, PROFILE_IDS) == in_python(
            events, FIELDSETS[-1]
        )


@pytest.mark.parametrize("attributed", [Attributed(ids=[""]), Attributed(properties=[b"", b"", b""])])
def test_attributions_of_other_events_are_refused(attributed: Attributed) -> None:
    with pytest.raises(ValueError, match="expected attributions of 2 events"):
        event_writer(BASE, FIELDSETS[-1]).write_all(
            StoredEvents.of([stored(), stored()]), METRICS, PROFILE_IDS, attributed
        )


@pytest.mark.parametrize("count", [1, 2])
def test_a_metric_or_a_profile_that_is_missing_is_refused(count: int) -> None:
    events, writer = StoredEvents.of([stored()] * count), event_writer(BASE, FIELDSETS[-1])
    for metrics, profile_ids in (({}, PROFILE_IDS), (METRICS, {})):
        with pytest.raises(KeyError):
            writer.write_all(events, metrics, profile_ids)


@needs_writer
def test_times_and_ids_of_other_types_are_converted() -> None:
    templates, page = Templates([PUBLIC_ID] * TEMPLATES), columns()
    other = page._replace(times=page.times.astype(np.uint32), ids=page.ids.astype(np.int8))
    expected = write_page(templates, page)
    assert expected is not None
    assert write_page(templates, other) == expected


@needs_writer
def test_nothing_is_written_past_the_room() -> None:
    guard = b"\xaa" * 64
    templates = Templates([b'{"id":"' + PUBLIC_ID + b'","p":{' + MEMBERS + b'"u":' + UNIQUE_ID + b"}}"] * TEMPLATES)
    page = columns()
    whole = write_page(templates, page)
    assert whole is not None
    assert len(whole) <= room_for(templates, page)
    for room in range(len(whole) + 1):
        memory = np.frombuffer(bytearray(b"\xaa" * room + guard), dtype=np.uint8)
        written = write_into(memory[:room], templates, page)
        assert written == (room if room == len(whole) else 0)
        assert memory[room:].tobytes() == guard
    assert memory[:room].tobytes() == whole


@needs_writer
def test_properties_are_followed_by_a_comma_where_there_are_any() -> None:
    templates = Templates([b"<" + MEMBERS + PROFILE_ID + b">"] * TEMPLATES)
    page = columns(3, properties=texts([b' {"a": 1}', b"{ \n}", b'{"b":2} ']))
    assert bytes(write_page(templates, page) or b"") == b'<"a": 1,p>,<p>,<"b":2,p>'


@needs_writer
@pytest.mark.parametrize(
    "changed",
    [
        {"times": np.ones(1, dtype=np.int64)},
        {"times": np.array([1, -1])},
        {"times": np.array([1, 1 << 32])},
        {"ids": np.ones(1, dtype=np.uint64)},
        {"flags": b"\x00"},
        {"properties": texts([b"{}"])},
        {"properties": JoinedTexts(b"{}{}", np.array([2, 3], dtype=np.uint32))},
        {"profile_ids": b'["p"]'},
        {"profile_ids": b'["p",1]'},
        {"profile_ids": b'["p","q'},
        {"unique_ids": texts([b"u"])},
        {"unique_ids": JoinedTexts(b"uu", np.array([1, 2], dtype=np.uint32))},
        {"values": b""},
        {"values": b"[1"},
        {"currencies": b"[]"},
        {"attribution_ids": b'["",1]'},
    ],
)
def test_columns_that_do_not_fit_together_are_not_written(changed: dict[str, Any]) -> None:
    assert write_page(Templates([PUBLIC_ID] * TEMPLATES), columns()) is not None
    assert write_page(Templates([PUBLIC_ID] * TEMPLATES), columns(**changed)) is None


@needs_writer
@pytest.mark.parametrize("template", [b"\x01", b"a\x0d", b"\x1a", PUBLIC_ID * 32])
def test_templates_that_are_unknown_to_the_writer_are_not_filled(template: bytes) -> None:
    assert write_page(Templates([template] * TEMPLATES), columns()) is None


@needs_writer
def test_threads_write_at_the_same_time() -> None:
    pages = [[stored(id=page << 40 | place, unique_id=f"{page}-{place}") for place in range(200)] for page in range(8)]
    expected = [in_python(page, FIELDSETS[-1]) for page in pages]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(5):
            assert [bytes(each) for each in pool.map(lambda page: compiled(page, FIELDSETS[-1]), pages)] == expected
