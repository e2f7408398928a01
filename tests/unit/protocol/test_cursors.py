from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventkeep.errors import InvalidRequest
from eventkeep.limits import CURSOR_CHARACTERS_MAX
from eventkeep.protocol.cursors import Cursor, parse_cursor, print_cursor

SECRET = b"a secret of the tests"
QUESTION = b"get_events\n-datetime\n"
CURSORS = st.builds(Cursor, st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1), st.booleans())
URL_SAFE = st.sampled_from("ABCXYZabcxyz0189-_")


def is_refused(text: str, question: bytes = QUESTION, secret: bytes = SECRET) -> bool:
    try:
        parse_cursor(text, question, secret)
    except InvalidRequest as exc:
        (fault,) = exc.faults
        return (fault.detail, fault.parameter) == ("Invalid cursor provided.", "page[cursor]")
    return False


@given(CURSORS)
def test_a_cursor_comes_back_from_every_form_that_clients_send(cursor: Cursor) -> None:
    text = print_cursor(cursor, QUESTION, SECRET)
    assert quote(text, safe="") == text
    link = f"https://shop.example/api/events?filter=has%28profile%29&page%5Bcursor%5D={text}"
    forms = [text, f"={text}", link, f"{link}&sort=datetime", link.replace("%5B", "[").replace("%5D", "]")]
    assert [parse_cursor(form, QUESTION, SECRET) for form in forms] == [cursor] * len(forms)


@given(CURSORS, st.data())
def test_a_changed_cursor_is_refused(cursor: Cursor, data: st.DataObject) -> None:
    text = print_cursor(cursor, QUESTION, SECRET)
    place = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(URL_SAFE.filter(lambda character: character != text[place]))
    assert is_refused(text[:place] + other + text[place + 1 :])
    assert is_refused(text[:place])
    assert is_refused(text + other)


@given(CURSORS, st.binary(max_size=20), st.binary(min_size=1, max_size=64))
def test_a_cursor_is_bound_to_its_question_and_to_the_key(cursor: Cursor, question: bytes, secret: bytes) -> None:
    text = print_cursor(cursor, QUESTION, SECRET)
    assert question == QUESTION or is_refused(text, question=question)
    assert secret == SECRET or is_refused(text, secret=secret)


@given(st.text(max_size=60))
def test_no_text_is_a_cursor_by_chance(text: str) -> None:
    assert is_refused(text)


@pytest.mark.parametrize(
    "text", ["", "=", "WzE3ODg1MjkxMzQsICI3cVdrWThoaGZLQSIsIHRydWVd", "A" * (CURSOR_CHARACTERS_MAX + 1), "é", "A" * 39]
)
def test_invalid_cursors_are_refused(text: str) -> None:
    assert is_refused(text)
