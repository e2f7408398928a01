"""Request bodies as a shop sends them: about 1,077 bytes an event, nested items, several events a profile.

Everything is seeded. A body is a template: `MARKER` stands for a text that differs in each request.
"""

from __future__ import annotations

import json
import random
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final

from bench.bodies import EVENTS_PER_REQUEST, FIRST_MOMENT, MARKER, METRICS, bulk_item, bulk_job

EVENTS_PER_PROFILE: Final = 3
PRODUCTS: Final = 20_000
WORDS: Final = (
    *("linen", "oak", "brass", "cotton", "walnut", "ceramic", "wool", "marble"),
    *("copper", "glass", "bamboo", "velvet", "leather", "steel", "cork", "silk"),
)


class Who(StrEnum):
    """Which profiles a load of bulk requests names."""

    SHOP = "shop"
    """Three events a profile, profiles that come again; some with phone numbers and properties."""
    KNOWN = "known"
    """Each event another profile; all are known after the first pass over the templates."""
    CHANGED = "changed"
    """The same, and each event changes a property of its profile."""
    NEW = "new"
    """Each event a profile that nobody has named before."""
    NEW_OF_THREE = "new-of-three"
    """Three events a profile that nobody has named before."""


def item(choose: random.Random) -> dict[str, Any]:
    """One line of an order."""
    product = choose.randrange(PRODUCTS)
    return {
        "ProductID": f"{product:06d}",
        "SKU": f"SKU-{product:06d}-{choose.choice('SML')}",
        "ProductName": f"{choose.choice(WORDS).title()} {choose.choice(WORDS)} no. {product}",
        "Quantity": choose.randrange(1, 5),
        "ItemPrice": round(choose.random() * 200, 2),
        "Categories": [choose.choice(WORDS), choose.choice(WORDS)],
        "ImageURL": f"https://cdn.shop.example/p/{product}/{choose.getrandbits(64):016x}.jpg",
    }


def properties(choose: random.Random) -> dict[str, Any]:
    """The properties of an order or a product view: about 790 bytes."""
    return {
        "OrderId": f"{MARKER}-{choose.getrandbits(48):012x}",
        "Items": [item(choose) for _ in range(2)],
        "ItemNames": [choose.choice(WORDS) for _ in range(2)],
        "DiscountCode": choose.choice(("", "SPRING24", "WELCOME10")),
        "ShippingMethod": choose.choice(("standard", "express")),
        "BillingAddress": {"City": choose.choice(WORDS).title(), "Zip": f"{choose.randrange(100_000):05d}"},
        "Session": f"{choose.getrandbits(128):032x}",
        "Referrer": f"https://search.example/?q={'+'.join(choose.choice(WORDS) for _ in range(6))}",
        "Gift": {"Wrapped": choose.random() < 0.1, "Message": " ".join(choose.choice(WORDS) for _ in range(5))},
        "Total": round(choose.random() * 500, 2),
    }


def event(choose: random.Random, unique_id: str, second: int) -> dict[str, Any]:
    """One event resource, ``second`` seconds after FIRST_MOMENT."""
    return {
        "type": "event",
        "attributes": {
            "metric": {"data": {"type": "metric", "attributes": {"name": choose.choice(METRICS)}}},
            "properties": properties(choose),
            "time": (FIRST_MOMENT + timedelta(seconds=second % (180 * 86_400))).isoformat(),
            "value": round(choose.random() * 500, 2),
            "value_currency": "EUR",
            "unique_id": unique_id,
        },
    }


def profile(choose: random.Random, name: str, number: int) -> dict[str, Any]:
    """A customer with an email and an external id; every fourth with a phone number, every third with properties."""
    attributes: dict[str, Any] = {"email": f"{name}@shop.example", "external_id": f"crm-{name}", "first_name": "Ada"}
    if number % 4 == 0:
        attributes["phone_number"] = f"+1415555{number % 10_000:04d}"
    if number % 3 == 0:
        attributes["properties"] = {"Tier": choose.choice(("gold", "silver")), "Newsletter": True}
    return {"type": "profile", "attributes": attributes}


def shop_body(seed: int, profiles: int, who: Who) -> str:
    """A bulk request of EVENTS_PER_REQUEST events of ``profiles`` profiles, or of new ones."""
    choose = random.Random(f"{who}-{seed}")
    each = EVENTS_PER_PROFILE if who in (Who.SHOP, Who.NEW_OF_THREE) else 1
    items = []
    for start in range(0, EVENTS_PER_REQUEST, each):
        number = (seed * EVENTS_PER_REQUEST + start) // each % profiles
        is_new = who in (Who.NEW, Who.NEW_OF_THREE)
        name = f"{MARKER}-{start}" if is_new else f"customer-{number}"
        # A phone number means one profile only, so new profiles have none.
        person = profile(choose, name, 3 * number + 1 if is_new else number)
        if who is Who.CHANGED:
            person["attributes"].setdefault("properties", {})["LastOrder"] = f"{MARKER}-{start}"
        if is_new:
            person["attributes"].pop("phone_number", None)
        elif "phone_number" in person["attributes"] and number >= 10_000:
            del person["attributes"]["phone_number"]
        places = range(start, min(start + each, EVENTS_PER_REQUEST))
        items.append(bulk_item(person, [event(choose, f"{MARKER}-{place}", seed * 3_600 + place) for place in places]))
    return bulk_job(items)


def single_body(seed: int, profiles: int, with_name: bool) -> str:
    """A single create of the same kind; ``with_name`` adds a first name that changes nothing."""
    choose = random.Random(f"single-{seed}")
    resource = event(choose, f"{MARKER}-{seed}", seed)
    attributes = {"email": f"single-{seed % profiles}@shop.example"} | ({"first_name": "Ada"} if with_name else {})
    resource["attributes"]["profile"] = {"data": {"type": "profile", "attributes": attributes}}
    return json.dumps({"data": resource}, separators=(",", ":"))
