from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from eventkeep.model.account_id import COUNT, account_id, account_number

SECRETS = st.binary(min_size=32, max_size=32)


@given(st.integers(0, COUNT - 1), SECRETS)
def test_the_number_follows_from_the_id(number: int, secret: bytes) -> None:
    id = account_id(number, secret)
    assert len(id) == 6
    assert id.isalnum()
    assert account_number(id, secret) == number


def test_ids_differ_from_secret_to_secret() -> None:
    assert account_id(1, b"a" * 32) != account_id(1, b"b" * 32)
    assert len({account_id(number, b"a" * 32) for number in range(10_000)}) == 10_000


def test_other_texts_are_no_ids() -> None:
    for text in ("", "abcde", "abcdefg", "abcde!", "äbcdef", "123 45"):
        assert account_number(text, b"a" * 32) is None
