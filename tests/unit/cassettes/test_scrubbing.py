"""Keys and personal data never reach a cassette; equal values stay equal."""

from __future__ import annotations

import json

from eventkeep.cassettes.scrubbing import PERSONAL, Scrubber

KEY = "pk_0123456789abcdef_XYZ"


def test_keys_are_masked_everywhere() -> None:
    scrubber = Scrubber((), b"s")
    assert KEY not in scrubber.text(f"Klaviyo-API-Key {KEY}")
    assert KEY not in scrubber.body(f'{{"a": "{KEY}"}}'.encode())
    assert KEY not in scrubber.body(f"not json {KEY}".encode())


def test_members_are_replaced_at_any_depth_and_keep_their_form() -> None:
    scrubber = Scrubber(PERSONAL, b"s")
    body = {"data": [{"email": "ada@shop.example", "location": {"city": "London", "latitude": 51.5}, "n": 1}]}
    changed = json.loads(scrubber.body(json.dumps(body).encode()))
    (item,) = changed["data"]
    assert item["email"].endswith("@example.com") and item["n"] == 1
    assert item["location"]["city"].startswith("city-") and isinstance(item["location"]["latitude"], int)


def test_equal_values_get_equal_replacements_also_in_the_query() -> None:
    scrubber = Scrubber(PERSONAL, b"s")
    first = json.loads(scrubber.body(b'{"email": "ada@shop.example"}'))["email"]
    assert json.loads(scrubber.body(b'{"x": {"email": "ada@shop.example"}}'))["x"]["email"] == first
    assert scrubber.text('filter=equals(email,"ada@shop.example")') == f'filter=equals(email,"{first}")'
    assert json.loads(Scrubber(PERSONAL, b"t").body(b'{"email": "ada@shop.example"}'))["email"] != first


def test_nothing_is_replaced_that_was_not_chosen() -> None:
    assert (
        Scrubber(("email",), b"s").body(b'{"first_name": "Ada", "email": null}') == '{"first_name":"Ada","email":null}'
    )
